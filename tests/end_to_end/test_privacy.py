"""`strapline forget` and `export`, as a user types them, against a real broker and real stores."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import io
import json
import sqlite3
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from ingest.bus import BusAddress, open_bus
from ingest.recording import read_recording
from ingest.spool_file import Held, SpoolFile, StreamKey
from ingest.topics import BEATS, COMMAND, STATUS, command_topic, live_topic, readiness_topic, session_topic, strap_topic
from pipeline.home_assistant import discovery_topic, person_discovery, strap_discovery
from pipeline.process import CLIENT_ID
from pipeline.schema import MEASUREMENTS
from tests.end_to_end.command import running, strapline
from tests.fixtures.fake_grafana import ADMIN, ADMIN_PASSWORD, FakeGrafana
from tests.fixtures.influxd import InfluxDatabase
from tests.fixtures.mosquitto import Mosquitto
from tests.support import DATA, wait_until

WHO, OTHER = "Zephyrine", "ben"
# Of the same seed, so that both run at the same time.
SIMULATED = ("--days", "1", "--seed", "3", "--runs-per-week", "7")
SETTINGS = f"""
bus_username = "runner"
[people.{WHO}]
birth_year = 1985
goals = {{ runs_per_week = 3 }}
[[people.{WHO}.changes]]
since = 2026-06-01
max_heart_rate_bpm = 184
[straps.h10]
person = "{WHO}"
"""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a day of two people."""
    home = tmp_path_factory.mktemp("lived")
    (home / "strapline.toml").write_text(SETTINGS)
    for person in (WHO, OTHER):
        done = strapline(home, "simulate", "--person", person, *SIMULATED)
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(lived: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    for file in lived.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def everything_in(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a data directory as it is, and every compressed value in it unpacked; without the settings."""
    for file in home.iterdir():
        if file.suffix == ".db":
            yield from compressed_in(file)
        if file.suffix not in {".toml", ".log"}:
            yield file.name, file.read_bytes()


def compressed_in(file: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(file)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for value in chain.from_iterable(connection.execute(f"SELECT * FROM {table}")):
                if isinstance(value, bytes):
                    with contextlib.suppress(zlib.error):
                        yield f"{file.name}, {table}", zlib.decompress(value)


def places_with(name: str, home: Path) -> set[str]:
    return {where for where, content in everything_in(home) if name.encode() in content}


async def fill_broker(address: BusAddress) -> None:
    """What collectors, pipeline and Home Assistant leave there, and messages that wait for a pipeline that is away."""
    async with open_bus(address, client_id=CLIENT_ID, durable=True) as bus:
        await bus.subscribe(BEATS, STATUS, COMMAND)
    session = {"v": 1, "kind": "run", "together": f"{WHO}, carl"}
    async with open_bus(address, client_id="everybody") as bus:
        for person in (WHO, OTHER):
            retained = {
                strap_topic(person, "h10", "status"): b'{"v":1,"connected":false}',
                strap_topic(person, "h10", "stored"): b'{"v":1,"streams":{}}',
                live_topic(person): b'{"v":1}',
                readiness_topic(person): b'{"v":1}',
                discovery_topic(person): person_discovery(person, "0"),
                discovery_topic(person, "h10"): strap_discovery(person, "h10", None, "0"),
            }
            for topic, payload in retained.items():
                await bus.publish(topic, payload, retain=True)
            await bus.publish(command_topic(person), b'{"v":1,"kind":"note","text":"while you were away"}')
        await bus.publish(session_topic(OTHER), json.dumps(session).encode(), retain=True)


async def retained(address: BusAddress) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    async with open_bus(address, client_id="reader") as bus:
        await bus.subscribe("strapline/#", "homeassistant/#")
        try:
            async with asyncio.timeout(1):
                while True:
                    found.update({message.topic: message.payload for message in await bus.receive()})
        except TimeoutError:
            return found


def plant(home: Path) -> None:
    """What only trouble leaves: unconfirmed batches, unreadable messages, a damaged file."""
    key = StreamKey(WHO, "h10", "5f0c")
    with closing(SpoolFile(home / "spool.db")) as spool:
        spool.write([Held(key, 0, 1, 1, WHO.encode()), Held(key._replace(person=OTHER), 0, 1, 1, b"")], {})
    (home / "journal.db.damaged-1").write_bytes(WHO.encode())
    with closing(sqlite3.connect(home / "journal.db")) as connection, connection:
        unreadable = "INSERT INTO unreadable (topic, payload, reason, last_ns) VALUES (?, ?, 'not JSON', 1)"
        connection.execute(unreadable, (f"strapline/v1/{WHO}/h10/beats", b"?"))
        connection.execute(unreadable, ("strapline/v1/ben/h10/beats", f'{{"person":"{WHO}"}}'.encode()))
        connection.execute(unreadable, ("strapline/v1/ben/h10/beats", b"?"))


@pytest.mark.mosquitto
@pytest.mark.influxd
def test_nothing_of_a_forgotten_person_is_found_anywhere_and_all_of_the_others_is(
    home: Path, mosquitto: Mosquitto, influx_database: InfluxDatabase
) -> None:
    influx = f"influxdb1://127.0.0.1:{influx_database.port}/{influx_database.name}"
    address = mosquitto.address()
    grafana = FakeGrafana()
    for number, person in enumerate((WHO, OTHER)):
        tags = ["strapline:run", person]
        grafana.annotations[number] = {"id": number, "time": 1, "timeEnd": 2, "text": "run", "tags": tags}
    settings = {
        "BUS_URL": address.url,
        "BUS_PASSWORD": "secret",
        "STORE_URL": f"sqlite:///strapline.db {influx}",
        "GRAFANA_URL": grafana.url,
        "GRAFANA_USERNAME": ADMIN,
        "GRAFANA_PASSWORD": ADMIN_PASSWORD,
    }
    with running(home, "process", **settings) as pipeline:  # it fills the second store
        pipeline.says("is being filled")
        _until_filled(home, influx)
        pipeline.stop()
    asyncio.run(fill_broker(address))
    plant(home)
    assert places_with(WHO, home) == {
        *("journal.db", "journal.db, day", "journal.db, week", "journal.db.damaged-1", "spool.db", "strapline.db"),
    }
    points_of_other = influx_database.query("SELECT count(rr_ms) FROM beat WHERE person = 'ben'")[0]["values"][0][1]
    beats_of_other = _beats(home, OTHER)

    with grafana.running():
        shown = strapline(home, "forget", WHO, "--dry-run", "--json", **settings)
        assert shown.returncode == 0, shown.stderr
        before = json.loads(shown.stdout)["before"]
        assert all(before.values()), before
        assert before["journal journal.db"]["days of others that name the person"] == 1
        assert _beats(home, WHO) > 0
        done = strapline(home, "forget", WHO, "--yes", "--json", **settings)
        assert done.returncode == 0, done.stderr
        assert not any(json.loads(done.stdout)["after"].values())

    assert places_with(WHO, home) == set()
    for database in influx_database.query("SELECT * FROM /.*/"):
        assert WHO not in json.dumps(database["values"])
    kept = asyncio.run(retained(address))
    assert not [topic for topic, payload in kept.items() if WHO in topic or WHO.encode() in payload]
    assert json.loads(kept[session_topic(OTHER)])["together"] == "carl"
    assert {discovery_topic(OTHER), discovery_topic(OTHER, "h10"), live_topic(OTHER)} <= kept.keys()
    assert list(grafana.annotations) == [1]
    assert "[people.Zephyrine], [straps.h10]" in done.stderr.replace("\n", " ")

    assert _beats(home, OTHER) == beats_of_other
    again = influx_database.query("SELECT count(rr_ms) FROM beat WHERE person = 'ben'")[0]["values"][0][1]
    assert again == points_of_other
    with closing(sqlite3.connect(home / "journal.db")) as connection:
        assert connection.execute("SELECT count(*) FROM day WHERE person = 'ben' AND points IS NOT NULL").fetchone()[0]
        assert connection.execute("SELECT topic, payload FROM unreadable").fetchall() == [
            ("strapline/v1/ben/h10/beats", b"?")
        ]
        waited = connection.execute("SELECT payload FROM note WHERE topic = ?", (command_topic(OTHER),)).fetchall()
    assert any(b"while you were away" in payload for (payload,) in waited)

    with running(home, "process", **settings) as pipeline:
        _until_filled(home, influx)
        pipeline.stop()
    assert places_with(WHO, home) == set()


def _beats(home: Path, person: str) -> int:
    with closing(sqlite3.connect(home / "strapline.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM beat WHERE person = ?", (person,)).fetchone()[0])


def _until_filled(home: Path, store: str) -> None:
    def is_filled() -> bool:
        query = (
            "SELECT filled_stream IS NULL AND entry_id >= (SELECT ifnull(max(id), 0) FROM entry) "
            "FROM store WHERE name = ?"
        )
        with closing(sqlite3.connect(home / "journal.db")) as connection:
            row = connection.execute(query, (store,)).fetchone()
        return row is not None and bool(row[0])

    wait_until(is_filled, "the store has everything", 120)


def test_forgetting_asks_for_the_name_and_wants_the_pipeline_stopped(home: Path, mosquitto: Mosquitto) -> None:
    settings = {"BUS_URL": mosquitto.address().url, "BUS_PASSWORD": "secret"}
    wrong = strapline(home, "forget", WHO, typed="Zephirine\n", **settings)
    assert wrong.returncode == 3
    assert "nothing was removed" in wrong.stderr
    assert _beats(home, WHO) > 0
    with running(home, "process", **settings):
        wait_until((home / "pipeline.lock-wal").exists, "the pipeline runs")
        busy = strapline(home, "forget", WHO, "--yes", **settings)
    assert busy.returncode == 3
    assert "Stop the other one" in busy.stderr


def test_a_machine_with_a_collector_alone_forgets_what_its_spool_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError('No module named numpy', name='numpy')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "strapline.toml").write_text(SETTINGS)
    spool = gzip.decompress((DATA / "earlier_files" / "412e243" / "spool.db.gz").read_bytes())
    (tmp_path / "spool.db").write_bytes(spool)
    done = strapline(tmp_path, "forget", "anna", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["before"]["spool spool.db"], told["after"]["spool spool.db"]) == ({"batches of beats": 5}, {})
    assert b"anna" not in (tmp_path / "spool.db").read_bytes()

    refused = strapline(tmp_path, "export", "anna", "--into", str(tmp_path / "z.zip"))
    assert refused.returncode == 3
    assert "strapline[pipeline]" in refused.stderr


def test_an_export_holds_all_of_one_person_and_nothing_of_another(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "z.zip"
    done = strapline(home, "export", WHO, "--into", str(file), "--json")
    assert done.returncode == 0, done.stderr
    with ZipFile(file) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert "README.txt" in texts
    assert not [name for name, text in texts.items() if name.startswith(("rr/", "notes")) and OTHER in text]
    stored = _rows_of_store(home, WHO)
    for measurement, count in stored.items():
        rows = list(csv.DictReader(io.StringIO(texts[f"points/{measurement}.csv"])))
        keys = {tuple(row[key] for key in ("time_ns", *MEASUREMENTS[measurement].tags)) for row in rows}
        assert (measurement, len(keys)) == (measurement, count)
        assert {row["person"] for row in rows} <= {WHO}
    told = tomllib.loads(texts["settings.toml"])
    assert told == {key: kept for key, kept in tomllib.loads(SETTINGS).items() if key != "bus_username"}
    (name,) = [name for name in texts if name.startswith("rr/")][:1]
    (tmp_path / "rr.txt").write_text(texts[name])
    assert len(read_recording(tmp_path / "rr.txt").rr_ticks) == sum(
        not line.startswith("#") for line in texts[name].splitlines()
    )

    again = strapline(home, "export", WHO, "--into", str(file))
    assert again.returncode == 3
    nobody = strapline(home, "export", "dora", "--into", str(tmp_path / "d.zip"))
    assert nobody.returncode == 3
    assert OTHER in nobody.stderr
    assert not (tmp_path / "d.zip").exists()


def _rows_of_store(home: Path, person: str) -> dict[str, Any]:
    """How many points the SQLite store has of a person, by measurement."""
    found = {}
    with closing(sqlite3.connect(home / "strapline.db")) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            if "person" in columns:
                void = "AND ifnull(valid, 1)" if "valid" in columns else ""
                query = f"SELECT count(*) FROM {table} WHERE person = ? {void}"
                found[table] = connection.execute(query, (person,)).fetchone()[0]
    return found
