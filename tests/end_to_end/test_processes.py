"""Collector, broker, pipeline and store as processes of their own, all real but the radio."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest

from ingest.bus import open_bus
from ingest.spool_file import SpoolFile
from ingest.wire import decode_batch, decode_object, decode_status
from pipeline.journal import Journal
from tests.ble.fake_bluez import FakeBluez, FakeStrap
from tests.end_to_end.command import running, strapline
from tests.fixtures.bluez import PrivateBus
from tests.fixtures.influxd import InfluxDatabase
from tests.fixtures.mosquitto import Mosquitto
from tests.support import eventually, server, wait_until

H10 = "A0:9E:1A:00:00:01"


def login(broker: Mosquitto) -> dict[str, str]:
    return {"BUS_URL": broker.address().url, "BUS_USERNAME": "runner", "BUS_PASSWORD": "secret"}


def store(database: InfluxDatabase) -> dict[str, str]:
    return {"STORE_URL": f"influxdb1://127.0.0.1:{database.port}/{database.name}"}


def stored_ticks(database: InfluxDatabase) -> list[int]:
    series = database.query("SELECT rr_ticks FROM beat")
    return [row[1] for row in series[0]["values"]] if series else []


def waiting_in_spool(home: Path) -> int:
    with closing(SpoolFile(home / "spool.db")) as file:
        return file.totals.batches


@pytest.fixture
async def h10(bluez: FakeBluez) -> FakeStrap:
    strap = FakeStrap(H10, "Polar H10 8D2B7F21", rssi_dbm=-58)
    bluez.add(strap)
    return strap


@pytest.mark.ble
@pytest.mark.mosquitto
@pytest.mark.influxd
async def test_what_a_strap_notifies_reaches_the_store_through_a_lost_link(
    tmp_path: Path,
    private_bus: PrivateBus,
    bluez: FakeBluez,
    h10: FakeStrap,
    mosquitto: Mosquitto,
    influx_database: InfluxDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", private_bus.address)
    (tmp_path / "strapline.toml").write_text(f'[straps.chest]\nperson = "anna"\naddress = "{H10}"\n')
    # A very fast heart, one beat a packet, at its own pace: beat times are checked against arrivals.
    sent = list(range(310, 340))
    payloads = [b"\x10\xbe" + ticks.to_bytes(2, "little") for ticks in sent]
    with running(tmp_path, "process", **login(mosquitto), **store(influx_database)) as pipeline:
        await eventually(lambda: _is_subscribed(mosquitto), f"the pipeline listens; {pipeline.said}")
        with running(tmp_path, "collect", **login(mosquitto)) as collector:
            await eventually(lambda: h10.notifying, f"subscribed; {collector.said}")
            for payload in payloads[:15]:
                await bluez.notify(h10, payload)
                await asyncio.sleep(0.31)
            await bluez.lose(h10)
            await eventually(lambda: h10.notifying, f"subscribed again; {collector.said}")
            await bluez.notify(h10, b"\x10")  # a truncated packet is skipped, and only it
            for payload in payloads[15:]:
                await bluez.notify(h10, payload)
                await asyncio.sleep(0.31)
            await eventually(lambda: len(stored_ticks(influx_database)) == len(sent), f"all stored; {pipeline.said}")
            await asyncio.sleep(0.5)  # the last confirmation is on its way
            assert await asyncio.to_thread(collector.stop) == 0
            assert waiting_in_spool(tmp_path) == 0
            assert "skipped a packet" in collector.said
        await eventually(lambda: _last_reason(influx_database) == "collector stopped", "the goodbye is stored")
        assert await asyncio.to_thread(pipeline.stop) == 0
    assert stored_ticks(influx_database) == sent
    (states,) = influx_database.query("SELECT connected, battery_pct, model FROM strap")
    assert [row[1] for row in states["values"]] == [1, 0, 1, 0]
    assert states["values"][0][2:] == [90, "H10"]
    (gaps,) = influx_database.query("SELECT gap, segment FROM beat WHERE gap = 1")
    assert [row[2] for row in gaps["values"]] == [0, 1]


def _last_reason(database: InfluxDatabase) -> object:
    series = database.query("SELECT last(reason) FROM strap")
    return series[0]["values"][0][1] if series else None


@pytest.mark.mosquitto
@pytest.mark.influxd
async def test_messages_that_cannot_be_read_are_set_aside_and_all_others_are_stored(
    tmp_path: Path, mosquitto: Mosquitto, influx_database: InfluxDatabase
) -> None:
    topic = "strapline/v1/me/replay/beats"
    with running(tmp_path, "process", **login(mosquitto), **store(influx_database)) as pipeline:
        async with open_bus(mosquitto.address(), client_id="vandal") as bus:
            await bus.subscribe("strapline/v1/me/live")
            await eventually(lambda: _is_subscribed(mosquitto), f"the pipeline listens; {pipeline.said}")
            for payload in (b"\xff", b'{"v":2}', b'{"v":1,"person":"eve"}'):
                await bus.publish(topic, payload)
            replayed = await asyncio.to_thread(
                strapline, tmp_path, "replay", "--speed", "max", "--json", **login(mosquitto)
            )
            assert json.loads(replayed.stdout)["beats_published"] == 2380
            wait_until(lambda: len(stored_ticks(influx_database)) == 2380, f"all stored; {pipeline.said}")
            live = decode_object((await bus.receive())[-1].payload, "live")
            assert await asyncio.to_thread(pipeline.stop) == 0
    assert "heart_rate_bpm" in live
    with closing(Journal.open_to_read(tmp_path / "journal.db")) as journal:
        aside = journal.unreadable()
    assert {reason.split(": ")[1][:8] for _, reason, _ in aside} == {"not JSON", "wire ver", "strap"}
    assert {where for where, _, _ in aside} == {topic}
    assert "same release" in " ".join(pipeline.said.split())


@pytest.mark.mosquitto
@pytest.mark.influxd
def test_beats_sent_while_the_pipeline_is_away_are_stored_when_it_is_back(
    tmp_path: Path, mosquitto: Mosquitto, influx_database: InfluxDatabase
) -> None:
    settings = {**login(mosquitto), **store(influx_database)}
    recording = tmp_path / "short.txt"
    recording.write_text("800\n" * 300)
    with running(tmp_path, "process", **settings) as pipeline:
        wait_until(lambda: _is_subscribed(mosquitto), f"the pipeline listens; {pipeline.said}")
        assert pipeline.stop() == 0
    assert strapline(tmp_path, "replay", str(recording), "--speed", "max", **login(mosquitto)).returncode == 0
    assert stored_ticks(influx_database) == []
    with running(tmp_path, "process", **settings) as pipeline:
        wait_until(lambda: len(stored_ticks(influx_database)) == 300, f"all stored; {pipeline.said}")


def _is_subscribed(mosquitto: Mosquitto) -> bool:
    return "Received SUBSCRIBE from strapline-pipeline" in (mosquitto.folder / "log").read_text()


@pytest.mark.mosquitto
async def test_a_collector_that_is_killed_leaves_its_will_behind(tmp_path: Path, mosquitto: Mosquitto) -> None:
    (tmp_path / "strapline.toml").write_text('[straps.chest]\nperson = "anna"\nsimulate = 7\n')
    async with open_bus(mosquitto.address(), client_id="watcher") as bus:
        await bus.subscribe("strapline/v1/anna/chest/status")
        with running(tmp_path, "collect", **login(mosquitto)) as collector:
            (connected,) = await asyncio.wait_for(bus.receive(), 20)
            connected.ack()
            collector.process.kill()
            (offline,) = await asyncio.wait_for(bus.receive(), 20)
    assert decode_status(connected.payload, connected.topic).connected
    status = decode_status(offline.payload, offline.topic)
    assert (status.connected, status.reason) == (False, "collector offline")


@pytest.mark.mosquitto
async def test_a_collector_starts_without_a_broker_and_what_a_killed_one_held_is_sent_by_the_next(
    tmp_path: Path, stopped_mosquitto: Mosquitto
) -> None:
    broker = stopped_mosquitto
    (tmp_path / "strapline.toml").write_text('[straps.chest]\nperson = "anna"\nsimulate = 7\n')
    with running(tmp_path, "collect", **login(broker)) as killed:
        killed.says("no MQTT broker answers")
        await asyncio.sleep(3)  # a beat a second
        killed.process.kill()
    with running(tmp_path, "collect", **login(broker)) as stopped:
        stopped.says("no MQTT broker answers")
        second = await asyncio.to_thread(strapline, tmp_path, "collect", **login(broker))
        assert (second.returncode, "another collector uses" in second.stderr) == (3, True)
        await asyncio.sleep(3)
        assert await asyncio.to_thread(stopped.stop) == 0
    with server(broker.command, broker.port, broker.folder / "log"):
        async with open_bus(broker.address(), client_id="reader") as bus:
            await bus.subscribe("strapline/v1/anna/chest/beats")
            with running(tmp_path, "collect", **login(broker)) as collector:
                heard: dict[str, list[int]] = {}
                async with asyncio.timeout(30):
                    while len(heard) < 3:
                        for message in await bus.receive():
                            message.ack()
                            batch = decode_batch(message.payload, message.topic)
                            heard.setdefault(batch.stream, []).append(batch.sequence)
                assert collector.stop() == 0
    spooled = sorted(len(sequences) for sequences in heard.values())
    assert spooled[1] >= 2
    assert all(sequences == list(range(len(sequences))) for sequences in heard.values())


@pytest.mark.mosquitto
@pytest.mark.influxd
def test_doctor_finds_what_works_and_says_what_does_not(
    tmp_path: Path, mosquitto: Mosquitto, influx_database: InfluxDatabase
) -> None:
    well = strapline(tmp_path, "doctor", "--json", **login(mosquitto), **store(influx_database))
    assert well.returncode == 0
    examined = {finding["what"] for finding in json.loads(well.stdout)}
    assert {what for what in examined if not what.startswith("setting ")} == {"settings", "broker", "store", "disk"}
    ill = strapline(
        tmp_path, "doctor", "--json", **{**login(mosquitto), "BUS_PASSWORD": "wrong"}, **store(influx_database)
    )
    assert ill.returncode == 5
    (broker,) = [finding for finding in json.loads(ill.stdout) if finding["what"] == "broker"]
    assert "Not authorized" in broker["detail"]
    assert broker["advice"]


def test_init_writes_settings_that_load_and_leaves_existing_ones_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = strapline(home, "init", "--person", "anna", "--strap", "h10", "--address", H10)
    assert first.returncode == 0
    written = (home / "strapline.toml").read_text()
    assert strapline(home, "init", "--person", "ben").returncode == 0
    assert (home / "strapline.toml").read_text() == written
    doctor = strapline(home, "doctor", "--json", BUS_URL="memory:x").stdout
    assert "worn by anna" in doctor
