"""A database as people's half year and their last run leave it, for the boards' queries."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from ingest.bus import BusAddress
from ingest.recording import Recording, demo_recording
from pipeline.influx import open_influx
from pipeline.playback import Playback, publish_and_process
from pipeline.schema import Point
from tests.boards.lives import PEOPLE, scores_until
from tests.boards.pushing import fake_pusher, pusher, store
from tests.fixtures.grafana import fake_grafana, grafana
from tests.fixtures.influxd import InfluxDatabase, fresh_database, guarded_database, guarded_influxd_port

__all__ = ["fake_grafana", "fake_pusher", "grafana", "guarded_database", "guarded_influxd_port", "pusher", "store"]

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


@dataclass(frozen=True)
class RecordedDatabase:
    """A database that ends at `end_ms`, and whose people have every kind of point."""

    database: InfluxDatabase
    end_ms: int
    people: tuple[str, ...]


@pytest.fixture(scope="session")
def recorded_database(influxd_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedDatabase]:
    """Half a year of scores of five people, and a graded test of each, through bus and pipeline, in InfluxDB."""
    home: Path = tmp_path_factory.mktemp("home")
    with fresh_database(influxd_port) as database:
        for person in PEOPLE:
            playback = Playback(_recording(), person, f"strap of {person}", _START_NS, math.inf)
            stores = {"boards": partial(open_influx, f"influxdb1://127.0.0.1:{database.port}/{database.name}", None)}
            asyncio.run(publish_and_process(playback, BusAddress("memory:boards"), stores, home, playback.clock()))
        with closing(open_influx(f"influxdb1://127.0.0.1:{database.port}/{database.name}", None)) as store:
            for points in batched(scores_until(END_MS), 5000):
                store.write(points)
        yield RecordedDatabase(database, END_MS, PEOPLE)


def batched(points: Iterator[Point], size: int) -> Iterator[list[Point]]:
    """The points in lists of a size."""
    while some := list(islice(points, size)):
        yield some
