"""A recording played through the whole path in one process: collector, bus, pipeline, store."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.bus import BusAddress, open_bus
from ingest.collect import Collector, CollectorCounts
from ingest.courier import Courier
from ingest.errors import StoreRejected
from ingest.packing import pack
from ingest.recording import Recording
from ingest.replay import PlaybackClock, Replay
from ingest.spool import open_spool
from pipeline.days import Days, Profiles
from pipeline.delivery import Delivery
from pipeline.process import CLIENT_ID, Pipeline
from pipeline.schema import BEAT, HEART, HRV, MEASUREMENTS
from pipeline.sqlite import SqliteStore
from pipeline.store import Store

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Playback:
    """What is played, as whose beats, and when it is said to have happened."""

    recording: Recording
    person: str
    strap: str
    start_ns: int  # Unix time of the recording's start
    speed: float  # times real time; math.inf for as fast as can be

    @property
    def stream(self) -> str:
        """What its batches are numbered in."""
        return self.recording.stream(self.start_ns)

    @property
    def end_ns(self) -> int:
        """A moment after everything that the recording gives."""
        return self.start_ns + self.recording.duration_ns + 10 * _SECOND_NS

    def clock(self) -> PlaybackClock:
        """A clock that begins with the recording."""
        return PlaybackClock(self.start_ns, self.speed)


def start_that_ends_now(recording: Recording, speed: float) -> int:
    """The start with which a playback that begins now ends at the present: at speed 1, now."""
    share_in_past = 1 if math.isinf(speed) else 1 - 1 / speed
    return time.time_ns() - int(recording.duration_ns * max(0.0, share_in_past))


async def publish(
    playback: Playback,
    address: BusAddress,
    clock: PlaybackClock,
    delivered: Callable[[CollectorCounts], Awaitable[None]] | None = None,
) -> CollectorCounts:
    """Play the recording onto a bus, as its strap's collector would have; see `Collector.run`."""
    recording = playback.recording
    source = Replay(pack(recording.rr_ticks, playback.start_ns), clock, model=f"recording {recording.name}")
    async with open_spool(None) as spool:
        courier = Courier(address, playback.person, playback.strap, spool)
        return await Collector(courier, stream=playback.stream).run(source, delivered)


async def publish_and_process(
    playback: Playback,
    address: BusAddress,
    stores: Mapping[str, Callable[[], Store]],
    home: Path,
    clock: PlaybackClock,
    profiles: Profiles | None = None,
) -> CollectorCounts:
    """Play the recording, and return when all its beats are in every store.

    Raises:
        StoreRejected: a store refused points; all others are stored, and those are set aside.
        BusError, ConfigError: in a group, from the bus; it may have lost what it had taken.
    """
    async with open_bus(address, client_id=CLIENT_ID, durable=True) as bus:
        pipeline = Pipeline(bus, stores, home, days=Days(profiles or {}))

        async def delivered(counts: CollectorCounts) -> None:
            await pipeline.strap_delivered(playback.person, playback.strap, playback.stream, counts.batches)

        async with asyncio.TaskGroup() as group:
            processing = group.create_task(pipeline.run())
            await pipeline.ready.wait()
            counts = await publish(playback, address, clock, delivered)
            processing.cancel()
    raise_refusal(pipeline.deliveries)
    return counts


def raise_refusal(deliveries: Iterable[Delivery]) -> None:
    """Raise StoreRejected with the first refusal of a store, if there was one."""
    for delivery in deliveries:
        if delivery.first_refusal is not None:
            message = f"{delivery.points_rejected} points were refused and set aside; `strapline doctor` shows them"
            raise StoreRejected(f"{message}; the first: {delivery.first_refusal}", advice=delivery.first_refusal.advice)


def summarize(playback: Playback, counts: CollectorCounts, store: SqliteStore, seconds: float) -> dict[str, object]:
    """The playback in figures, of which the last five are read back from the store."""
    read = partial(
        store.series,
        start_ns=playback.start_ns,
        end_ns=playback.end_ns,
        person=playback.person,
        strap=playback.strap,
    )
    heart = read(HEART, "heart_rate_bpm")
    rmssd = [float(value) for _, value in read(HRV, "rmssd_ms", window="60s")]
    of_strap = [measurement for measurement in MEASUREMENTS.values() if "strap" in measurement.tags]
    points = sum(len(read(measurement, measurement.fields[0].name)) for measurement in of_strap)
    return {
        "recording": playback.recording.name,
        "beats_recorded": len(playback.recording.rr_ticks),
        "beats_published": counts.beats_published,
        "beats_stored": len(read(BEAT, "rr_ticks")),
        "points_stored": points,
        "last_heart_rate_bpm": round(float(heart[-1][1]), 1) if heart else None,
        "mean_rmssd_60s_ms": round(sum(rmssd) / len(rmssd), 2) if rmssd else None,
        "seconds": round(seconds, 2),
    }
