"""A household whose straps are simulated runners, so that days pass in minutes; its books are kept by arrival times."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from ingest.gatt import parse_heart_rate_measurement
from ingest.model import BeatBatch
from pipeline.engine import Engine
from pipeline.storable import LATEST_NS
from tests.faults.audit import Points, Tally, compare_points, count_beats, merge
from tests.faults.household import Household, Plan, household
from tests.faults.records import Records, journal_batches
from tests.faults.scenario import Trial
from tests.faults.simulated_collector import notifications
from tests.faults.wearer import Packet

_SECOND_NS = 1_000_000_000
_SPAN_NS = 6 * 3600 * _SECOND_NS  # of event time that is compared at once, so that a week fits into memory
_SETTLED_NS = 600 * _SECOND_NS  # so long after a moment, no point of it is still to come
_UNCHANGED_S = 120.0
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Simulation:
    """What the runners do."""

    runners: int
    seconds: float
    speed: float
    start_ns: int

    @property
    def wall_s(self) -> float:
        """How long the straps send, in real time."""
        return self.seconds / self.speed

    def name(self, index: int) -> str:
        return f"runner{index}"

    def sent(self, index: int) -> dict[int, Packet]:
        """What one runner's strap sends, by time of arrival."""
        packets = {}
        for each in notifications(index, self.start_ns, self.seconds):
            rr_ticks = parse_heart_rate_measurement(each.payload).rr_ticks
            if rr_ticks:
                packets[each.arrival_ns] = Packet(each.arrival_ns, rr_ticks, 0.0)
        return packets


def simulate(runners: int, seconds: float, speed: float) -> Simulation:
    """A simulation that ends about now."""
    start_s = int(time.time() - seconds)
    return Simulation(runners, seconds, speed, start_s * _SECOND_NS)


@asynccontextmanager
async def simulated_household(trial: Trial, simulation: Simulation) -> AsyncIterator[Household]:
    """A running household; its collector has begun to play."""
    home = trial.folder / "collector"
    options = {
        "home": str(home),
        "start_ns": simulation.start_ns,
        "seconds": simulation.seconds,
        "speed": simulation.speed,
    }
    names = [simulation.name(index) for index in range(simulation.runners)]
    tables = (f'[straps.{name}]\nperson = "{name}"\nsimulate = {index}\n' for index, name in enumerate(names))
    plan = Plan(
        straps=0,
        toml="\n".join(tables),
        collector_command=(sys.executable, "-m", "tests.faults.simulated_collector", json.dumps(options)),
        collector_environment={"PYTHONPATH": str(_ROOT)},
    )
    async with household(trial.folder, plan, trial.random) as running:
        yield running


async def caught_up(home: Household, simulation: Simulation) -> float:
    """Seconds until all beats that were or will be sent are in the store, and nothing waits; fails if nothing moves."""
    began_s = changed_s = time.monotonic()
    due = [
        sum(len(packet.rr_ticks) for packet in simulation.sent(index).values()) for index in range(simulation.runners)
    ]
    before: object = None
    waiting = -1
    while True:
        counts = [
            (await asyncio.to_thread(home.records.count, simulation.name(index), range(0x10000)))[0]
            for index in range(simulation.runners)
        ]
        if counts == due:  # not before: all of the journal is copied for it
            waiting = await asyncio.to_thread(home.waiting)
        if not waiting:
            return time.monotonic() - began_s
        if (counts, waiting) != before:
            before, changed_s = (counts, waiting), time.monotonic()
        if time.monotonic() - changed_s > _UNCHANGED_S:
            return time.monotonic() - began_s  # the audit says what is missing
        await asyncio.sleep(1.0)


def audit(home: Household, simulation: Simulation) -> Tally:
    """The books of every runner, of as many at once as there are cores: a week of twenty takes hours of one core."""
    one = partial(_audit_one, home.pipeline_home, home.records, simulation)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return sum(pool.map(one, range(simulation.runners)), Tally())


def _audit_one(pipeline_home: Path, records: Records, simulation: Simulation, index: int) -> Tally:
    name = simulation.name(index)
    streams = journal_batches(pipeline_home, name, name)
    found = [(batch.received_ns, beat.rr_ticks) for batches in streams for batch in batches for beat in batch.beats]
    in_journal = count_beats(simulation.sent(index), found)
    in_store = Tally()
    for start_ns, end_ns, expected in _spans(streams):
        in_store += compare_points(expected, records.points(name, name, start_ns, end_ns))
    return replace(
        in_journal,
        lost=max(in_journal.lost, in_store.lost),
        doubled=max(in_journal.doubled, in_store.doubled),
        differing=in_store.differing,
    )


def _spans(streams: list[list[BeatBatch]]) -> Iterator[tuple[int, int, Points]]:
    """What an undisturbed run gives, from the beginning to the end of each span of event time."""
    points: Points = {}
    start_ns = 0
    for batches in streams:
        engine = Engine()
        for batch in batches:
            merge(points, engine.step(batch))
            start_ns = start_ns or batch.received_ns - _SETTLED_NS
            end_ns = start_ns + _SPAN_NS
            if batch.received_ns > end_ns + _SETTLED_NS:
                yield start_ns, end_ns, {key: fields for key, fields in points.items() if key[2] < end_ns}
                points = {key: fields for key, fields in points.items() if key[2] >= end_ns}
                start_ns = end_ns
    yield start_ns, LATEST_NS, points
