"""The pipeline's promise to the broker: a message is acknowledged when its points are stored, not before."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingest.bus import BusAddress, open_bus
from ingest.model import Beat, BeatBatch, Contact
from ingest.topics import strap_topic
from ingest.wire import encode_batch
from pipeline.process import CLIENT_ID, UNREADABLE_FILE, Pipeline
from pipeline.schema import BEAT, STRAP
from pipeline.sqlite import SqliteStore
from tests.support import eventually

BUS = BusAddress("memory:process")
START_NS = 1_764_000_000_000_000_000


def batch(sequence: int, person: str = "anna") -> bytes:
    beat = Beat(START_NS + sequence * 1_000_000_000, 1024, 60, Contact.GOOD, 0, gap_before=sequence == 0)
    return encode_batch(BeatBatch(person, "h10", "s", sequence, beat.time_ns, (beat,)))


async def test_while_a_store_is_away_nothing_is_acknowledged_and_then_all_is_stored(tmp_path: Path) -> None:
    file = tmp_path / "points.db"
    with closing(SqliteStore(file, busy_timeout_s=0.05)) as store, closing(sqlite3.connect(file)) as other_program:
        async with open_bus(BUS, client_id="says") as says, asyncio.TaskGroup() as group:
            async with open_bus(BUS, client_id=CLIENT_ID, durable=True) as bus:
                pipeline = Pipeline(bus, [store], tmp_path)
                running = group.create_task(pipeline.run())
                await pipeline.ready.wait()
                other_program.execute("BEGIN EXCLUSIVE")
                await says.publish(strap_topic("anna", "h10", "beats"), batch(0))
                await asyncio.sleep(0.4)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            assert other_program.execute("SELECT count(*) FROM beat").fetchone() == (0,)
            other_program.rollback()
            async with open_bus(BUS, client_id=CLIENT_ID, durable=True) as bus:
                # The broker still holds what was not acknowledged, and a new pipeline gets it.
                again = group.create_task(Pipeline(bus, [store], tmp_path).run())
                await says.publish(strap_topic("anna", "h10", "beats"), batch(1))
                await eventually(lambda: store.count(BEAT) == 2, "both beats are stored")
                again.cancel()


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (strap_topic("anna", "h10", "beats"), batch(0, person="ben"), "names ben/h10 inside"),
        ("strapline/v1/an\\na/h10/beats", batch(0, person="an\\na"), "MQTT topics can't carry"),
        (strap_topic("anna", "h10", "status"), b'{"v":1,"connected":true,"model":"H\\u0000"}', "model can't be"),
        (strap_topic("anna", "h10", "status"), b'{"v":1,"connected":true,"battery_pct":101}', "battery_pct"),
    ],
)
async def test_a_message_that_no_store_could_keep_is_set_aside_and_the_next_is_stored(
    tmp_path: Path, topic: str, payload: bytes, reason: str
) -> None:
    with closing(SqliteStore(tmp_path / "points.db")) as store:
        async with (
            open_bus(BUS, client_id="says") as says,
            open_bus(BUS, client_id=CLIENT_ID) as bus,
            asyncio.TaskGroup() as group,
        ):
            pipeline = Pipeline(bus, [store], tmp_path)
            running = group.create_task(pipeline.run())
            await pipeline.ready.wait()
            await says.publish(topic, payload)
            await says.publish(strap_topic("anna", "h10", "beats"), batch(0))
            await eventually(lambda: store.count(BEAT) == 1, "the good beat is stored")
            running.cancel()
        assert store.count(BEAT, person="anna") == 1
        assert store.count(STRAP) == 0
    (aside,) = [json.loads(line) for line in (tmp_path / UNREADABLE_FILE).read_text().splitlines()]
    assert reason in aside["reason"]
    assert aside["topic"] == topic
