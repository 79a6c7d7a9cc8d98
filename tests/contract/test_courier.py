"""Collector, spool and courier against a real mosquitto that is killed, and a pipeline that comes and goes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ingest.bus import BusAddress, open_bus
from ingest.clock import JumpWatch
from ingest.courier import MAX_UNCONFIRMED, WINDOW, Patience
from ingest.errors import BusRefused
from ingest.model import StrapStatus
from ingest.spool import open_spool
from ingest.topics import health_topic
from ingest.wire import encode_object
from tests.contract.carrying import START_NS, Runner, collecting, confirming
from tests.fixtures.mosquitto import Mosquitto
from tests.support import eventually, free_port, server

pytestmark = pytest.mark.mosquitto


async def test_live_batches_are_sent_at_once_and_forgotten_when_confirmed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    runner = Runner()
    async with confirming(mosquitto.address(), confirms=False) as pipeline:
        async with collecting(mosquitto.address(), tmp_path / "spool.db", runner) as collecting_:
            await collecting_.carries()
            runner.connect()
            runner.beat(30)
            await eventually(lambda: len(pipeline.heard) == 30, "all are heard")
            assert pipeline.order == list(range(30))
            assert set(pipeline.held_from) == {0}
            assert collecting_.spool.health().batches == 30
            await pipeline.confirm()
            await collecting_.is_empty()
            runner.beat(1)
            await eventually(lambda: len(pipeline.heard) == 31, "the next one is heard")
            assert pipeline.held_from[-1] == 30
            assert set(pipeline.heard.values()) == {1}
            assert pipeline.statuses == ["connected"]
        await eventually(lambda: pipeline.statuses == ["connected", "collector stopped"], "goodbye")


async def test_a_run_without_any_broker_is_spooled_and_drained_in_order_when_one_is_in_reach(
    stopped_mosquitto: Mosquitto, tmp_path: Path
) -> None:
    broker, runner = stopped_mosquitto, Runner()
    async with collecting(broker.address(), tmp_path / "spool.db", runner) as away:
        runner.connect()
        runner.beat(2000)
        await eventually(lambda: away.collector.counts.batches == 2000, "all are collected")
        began_s = time.monotonic()
        await away.stop()
        assert time.monotonic() - began_s < 4
    back = Runner()
    async with collecting(broker.address(), tmp_path / "spool.db", back, stream="s2") as home:
        back.connect()
        back.beat(5)
        with server(broker.command, broker.port, broker.folder / "log"):
            async with confirming(broker.address()) as pipeline:
                await home.is_empty()
                assert pipeline.sequences("s1") == list(range(2000))
                assert pipeline.sequences("s2") == list(range(5))
                assert max(pipeline.heard.values()) == 1
                first_s1 = [sequence for sequence in pipeline.order if sequence >= 5]
                assert first_s1 == sorted(first_s1)


async def test_a_killed_broker_costs_no_beat_though_it_had_acknowledged_all(
    stopped_mosquitto: Mosquitto, tmp_path: Path
) -> None:
    broker, runner = stopped_mosquitto, Runner()
    log = broker.folder / "log"
    with server(broker.command, broker.port, log) as first:
        async with collecting(broker.address(), tmp_path / "spool.db", runner) as collecting_:
            await collecting_.carries()
            runner.connect()
            runner.beat(50)
            # Nobody reads: the broker has acknowledged 50 batches, and has them in its memory at best.
            await eventually(lambda: collecting_.collector.counts.beats_published == 50, "all are acknowledged")
            first.kill()
            first.wait()
            await eventually(lambda: not collecting_.collector.courier.is_connected, "the loss is seen")
            runner.beat(50)
            for number in range(300):
                runner.events_waiting.put_nowait(StrapStatus(connected=True, time_ns=number, reason=f"state {number}"))
            await eventually(runner.events_waiting.empty, "all are collected")
            with server(broker.command, broker.port, log):
                async with confirming(broker.address()) as pipeline:
                    await collecting_.is_empty()
                    assert pipeline.sequences() == list(range(100))
                    # The oldest states are let go; the broker is told the others in order, as far as anyone hears.
                    assert pipeline.statuses[-1] == "state 299"
                    told = [int(str(status).split()[1]) for status in pipeline.statuses]
                    assert told == sorted(told)
            assert collecting_.collector.counts.beats_published == 100


async def test_at_most_a_window_of_a_backlog_is_sent_before_the_pipeline_confirms(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    runner = Runner()
    async with collecting(BusAddress(f"mqtt://127.0.0.1:{free_port()}"), tmp_path / "spool.db", runner) as away:
        runner.beat(3000)
        await eventually(lambda: away.collector.counts.batches == 3000, "all are collected")
    async with (
        confirming(mosquitto.address(), confirms=False) as pipeline,
        collecting(mosquitto.address(), tmp_path / "spool.db", Runner(), stream="s2") as home,
    ):
        await eventually(lambda: len(pipeline.heard) == WINDOW, "a window full")
        await asyncio.sleep(0.3)
        assert len(pipeline.heard) == WINDOW
        pipeline.confirms = True
        await pipeline.confirm()
        await home.is_empty()
        assert pipeline.sequences() == list(range(3000))
        assert max(pipeline.heard.values()) == 1


async def test_live_batches_wait_in_the_spool_when_the_pipeline_does_not_keep_up(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    runner = Runner()
    async with (
        confirming(mosquitto.address(), confirms=False) as confirmer,
        collecting(mosquitto.address(), tmp_path / "spool.db", runner) as collecting_,
    ):
        await collecting_.carries()
        runner.connect()
        runner.beat(MAX_UNCONFIRMED + 300)
        await eventually(lambda: len(confirmer.heard) >= MAX_UNCONFIRMED, "what may be under way has come", 40)
        await asyncio.sleep(0.3)
        assert len(confirmer.heard) == MAX_UNCONFIRMED
        confirmer.confirms = True
        await confirmer.confirm()
        await collecting_.is_empty()
    assert confirmer.sequences() == list(range(MAX_UNCONFIRMED + 300))


async def test_unconfirmed_batches_are_sent_again_after_a_time_out(mosquitto: Mosquitto, tmp_path: Path) -> None:
    runner = Runner()
    patience = Patience(first_s=0.3, longest_s=1.0)
    async with (
        confirming(mosquitto.address(), confirms=False) as pipeline,
        collecting(mosquitto.address(), tmp_path / "spool.db", runner, patience=patience) as collecting_,
    ):
        runner.beat(10)
        await eventually(lambda: min(pipeline.heard.values(), default=0) >= 2, "all are heard twice")
        await pipeline.confirm()
        await collecting_.is_empty()


async def test_what_was_sent_before_the_pipeline_listened_is_sent_again_when_it_says_that_it_does(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    runner = Runner()
    async with (
        open_bus(mosquitto.address(), client_id="says") as says,
        collecting(mosquitto.address(), tmp_path / "spool.db", runner) as collecting_,
    ):
        health = encode_object({"online": True})
        await says.publish(health_topic("pipeline"), health, retain=True)
        await eventually(lambda: collecting_.collector.courier.pipeline_online, "it is known")
        runner.beat(700)
        await eventually(lambda: collecting_.collector.counts.beats_published == 700, "the broker has all")
        async with confirming(mosquitto.address()) as pipeline:
            await pipeline.is_online(online=True)
            await collecting_.is_empty(20)
            assert pipeline.sequences() == list(range(700))


async def test_while_the_pipeline_is_away_only_live_batches_are_sent_and_all_when_it_is_back(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    runner = Runner()
    patience = Patience(first_s=0.2, longest_s=0.2)
    async with confirming(mosquitto.address(), confirms=False) as pipeline:
        await pipeline.is_online(online=False)
        async with collecting(mosquitto.address(), tmp_path / "spool.db", runner, patience=patience) as collecting_:
            await eventually(lambda: collecting_.collector.courier.pipeline_online is False, "it is known")
            runner.beat(10)
            await eventually(lambda: len(pipeline.heard) == 10, "the page sees them")
            await asyncio.sleep(1.5)  # several time-outs
            assert set(pipeline.heard.values()) == {1}
            pipeline.confirms = True
            await pipeline.is_online(online=True)
            await collecting_.is_empty()
            assert set(pipeline.heard.values()) == {2}


async def test_a_replay_ends_when_the_broker_has_everything_with_no_pipeline_at_all(mosquitto: Mosquitto) -> None:
    runner = Runner()
    runner.connect()
    runner.beat(3000)
    runner.events_waiting.put_nowait(StrapStatus(connected=False, time_ns=START_NS, reason="end of the recording"))
    runner.end()
    async with confirming(mosquitto.address(), confirms=False) as listener:
        async with collecting(mosquitto.address(), None, runner) as collecting_, asyncio.timeout(30):
            await collecting_.task
            assert collecting_.collector.counts.beats_published == 3000
        await eventually(lambda: len(listener.heard) == 3000, "all are heard")
        assert listener.order == list(range(3000))
        assert listener.statuses == ["connected", "end of the recording"]


@pytest.mark.parametrize("username", ["guest", "nobody"])
async def test_a_broker_that_refuses_us_from_the_start_ends_the_collector(
    mosquitto: Mosquitto, tmp_path: Path, username: str
) -> None:
    runner = Runner()
    runner.connect()
    async with collecting(mosquitto.address(username), tmp_path / "spool.db", runner) as collecting_:
        with pytest.raises(ExceptionGroup) as refusal:
            async with asyncio.timeout(20):
                await collecting_.task
    assert refusal.group_contains(BusRefused)


async def test_a_stop_is_quick_while_a_broker_accepts_and_never_answers(tmp_path: Path) -> None:
    runner, accepted = Runner(), asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        accepted.set()
        await reader.read()

    async with await asyncio.start_server(hang, "127.0.0.1", port := free_port()):
        address = BusAddress(f"mqtt://127.0.0.1:{port}")
        async with collecting(address, tmp_path / "spool.db", runner) as collecting_:
            runner.connect()
            runner.beat(20)
            await accepted.wait()
            await eventually(lambda: collecting_.collector.counts.batches == 20, "all are collected")
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 4
        for writer in writers:
            writer.close()
            await writer.wait_closed()
    async with open_spool(tmp_path / "spool.db") as spool:
        assert spool.health().batches == 20


async def test_a_clock_that_is_set_during_a_run_opens_a_segment_and_is_told(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    set_by_s = 0.0
    jumps = JumpWatch(lambda: time.monotonic_ns() + int(set_by_s * 1e9), time.monotonic_ns)
    runner = Runner()
    async with (
        confirming(mosquitto.address()) as pipeline,
        collecting(mosquitto.address(), tmp_path / "spool.db", runner, jumps=jumps) as collecting_,
    ):
        await collecting_.carries()
        runner.connect()
        runner.beat(3)
        await eventually(lambda: len(pipeline.heard) == 3, "three are heard")
        set_by_s = -3600.0
        runner.beat(3)
        await eventually(lambda: len(pipeline.heard) == 6, "six are heard")
        assert pipeline.statuses == ["connected", "clock set back by 3600.0 s"]
        assert pipeline.segments == [(0, True), (0, False), (0, False), (1, True), (1, False), (1, False)]
        assert collecting_.collector.counts.clock_jumps == 1


async def test_a_disk_that_refuses_is_told_in_the_status_and_the_beats_are_sent(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "home").touch()
    runner = Runner()
    async with (
        confirming(mosquitto.address()) as pipeline,
        collecting(mosquitto.address(), tmp_path / "home" / "spool.db", runner) as collecting_,
    ):
        await collecting_.carries()
        runner.connect()
        runner.beat(5)
        await eventually(lambda: len(pipeline.heard) == 5, "all are heard")
        assert "the spool can't be written" in str(pipeline.statuses[0])
        (tmp_path / "home").unlink()
        await eventually(lambda: pipeline.statuses[-1] == "connected", "the trouble is over", 30)
