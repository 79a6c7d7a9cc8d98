"""A database as two runs leave it, for the boards' queries."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ingest.bus import BusAddress
from ingest.recording import Recording, demo_recording
from pipeline.influx import open_influx
from pipeline.playback import Playback, publish_and_process
from pipeline.schema import HEALTH, STRAP, FieldType, FieldValue, Point
from tests.fixtures.grafana import fake_grafana, grafana
from tests.fixtures.influxd import InfluxDatabase, fresh_database, guarded_database, guarded_influxd_port

__all__ = ["fake_grafana", "grafana", "guarded_database", "guarded_influxd_port"]

PEOPLE = ("anna", "Ben O. (guest)")
_START_NS = 1_760_000_000_000_000_000


def _recording() -> Recording:
    """The demo's graded test, with a bad interval after every fiftieth beat, and then three minutes of even breaths.

    So every panel has something.
    """
    rr_ticks = [
        ticks
        for number, beat in enumerate(demo_recording().rr_ticks)
        for ticks in ([beat, 200] if number % 50 == 0 else [beat])
    ]
    breathing = [round(840 + 60 * math.sin(2 * math.pi * beat / 5)) for beat in range(220)]
    return Recording("graded test with bad beats", (*rr_ticks, *breathing))


# One second after the last beat, as Grafana would show a run that has just ended.
END_MS = (_START_NS + _recording().duration_ns) // 1_000_000 + 1000


_FIGURES: dict[FieldType, FieldValue] = {FieldType.FLOAT: 0.5, FieldType.STRING: "ok"}


def _health() -> Iterator[Point]:
    """Five minutes of two processes that tell all there is to tell, and of straps with battery and signal."""
    for number in range(30):
        time_ns = (END_MS - 300_000 + number * 10_000) * 1_000_000
        fields = {field.name: _FIGURES.get(field.type, number) for field in HEALTH.fields}
        for process in ("pipeline", "pi"):
            yield Point(HEALTH, (process,), {**fields, "online": 1}, time_ns)
    for person in PEOPLE:
        yield Point(
            STRAP, (person, f"strap of {person}"), {"connected": 1, "battery_pct": 90, "rssi_dbm": -60}, time_ns
        )


@dataclass(frozen=True)
class RecordedDatabase:
    """A database that ends at `end_ms`, and whose people have every kind of point."""

    database: InfluxDatabase
    end_ms: int
    people: tuple[str, ...]


@pytest.fixture(scope="session")
def recorded_database(influxd_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedDatabase]:
    """One graded test each of two people, played through bus and pipeline into InfluxDB."""
    home: Path = tmp_path_factory.mktemp("home")
    with fresh_database(influxd_port) as database:
        for person in PEOPLE:
            playback = Playback(_recording(), person, f"strap of {person}", _START_NS, math.inf)
            stores = {"boards": partial(open_influx, f"influxdb1://127.0.0.1:{database.port}/{database.name}", None)}
            asyncio.run(publish_and_process(playback, BusAddress("memory:boards"), stores, home, playback.clock()))
        with closing(open_influx(f"influxdb1://127.0.0.1:{database.port}/{database.name}", None)) as store:
            store.write(list(_health()))
        yield RecordedDatabase(database, END_MS, PEOPLE)
