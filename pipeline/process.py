"""The pipeline as a process: messages in, points to every store, then acknowledgement, then live values out."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ingest.bus import Bus, Message
from ingest.errors import ConfigError, MalformedPayload, StoreRejected, StoreUnavailable, WireError
from ingest.health import Delays
from ingest.model import Figures
from ingest.topics import BEATS, HEALTH, STATUS, live_topic, parse_strap_topic, process_of
from ingest.wire import decode_batch, decode_status, encode_object
from pipeline.health import ClockWatch, health_points
from pipeline.live import LiveValues
from pipeline.schema import STRAP, Point, check_points
from pipeline.store import Store

try:
    from pipeline.engine import Engine, status_point
except ModuleNotFoundError as missing:
    raise ConfigError("the pipeline is not installed", advice="pip install 'strapline[pipeline]'") from missing

_log = logging.getLogger(__name__)

CLIENT_ID = "strapline-pipeline"

UNREADABLE_FILE = "unreadable.jsonl"
REJECTED_FILE = "rejected.jsonl"
"""Where messages and points are set aside that can't be processed, one JSON object a line, with the reason."""

_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 60.0


@dataclass(slots=True)
class PipelineCounts:
    """What one pipeline has done."""

    batches: int = 0
    beats: int = 0
    beats_stored: int = 0
    unreadable: int = 0
    points_rejected: int = 0


@dataclass(slots=True)
class Pipeline:
    """Derives points from what the bus brings and stores them.

    A message is acknowledged when every store has taken its points, so a store or a pipeline that is away costs
    nothing while the broker holds the rest. What can't be read is set aside in the data directory.
    """

    bus: Bus
    stores: Sequence[Store]
    home: Path
    now_ns: Callable[[], int] = time.time_ns
    counts: PipelineCounts = field(default_factory=PipelineCounts)
    refusal: StoreRejected | None = None  # why the first point was set aside
    ready: asyncio.Event = field(default_factory=asyncio.Event)  # set once the pipeline hears the bus
    clocks: ClockWatch = field(default_factory=ClockWatch)
    _delays: Delays = field(default_factory=Delays)
    _received_ns: list[int] = field(default_factory=list)  # of the batches that are being stored
    _away: dict[str, str] = field(default_factory=dict)  # the stores that do not answer, and why
    _engine: Engine = field(default_factory=Engine)
    _live: LiveValues = field(default_factory=LiveValues)
    _connected: dict[tuple[str, ...], bool] = field(default_factory=dict)
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def run(self) -> None:
        """Process until cancelled.

        Raises:
            StoreRejected: a store refuses everything that it is given: its settings must be wrong.
            BusError: the broker refuses the subscription.
        """
        await self.bus.subscribe(BEATS, STATUS, HEALTH)
        self.ready.set()
        while True:
            await self._process(await self.bus.receive())

    def figures(self) -> Figures:
        """What it has done, and how; read for its health."""
        p50_s, p95_s, p99_s = self._delays.quantiles(0.5, 0.95, 0.99, at_s=time.monotonic())
        return Figures(
            state="; ".join(f"a store is away: {error}" for error in self._away.values()) or "ok",
            beats_in=self.counts.beats,
            beats_stored=self.counts.beats_stored,
            points_rejected=self.counts.points_rejected,
            delay_p50_s=p50_s,
            delay_p95_s=p95_s,
            delay_p99_s=p99_s,
            clock_offsets_s=self.clocks.offsets_s,
        )

    async def strap_left(self, person: str, strap: str) -> None:
        """Return when a strap's disconnection, and so every beat that it sent before, is in every store."""
        async with self._progress:
            await self._progress.wait_for(lambda: self._connected.get((person, strap)) is False)

    async def _process(self, messages: Sequence[Message]) -> None:
        points: list[Point] = []
        for message in messages:
            try:
                points.extend(self._derive(message))
            except WireError as error:
                self._set_aside_message(message, error)
        if points:
            await asyncio.gather(*(self._write(store, points) for store in self.stores))
        self._count_stored()
        for message in messages:
            message.ack()
        for person, record in self._live.update(points).items():
            await self.bus.publish(live_topic(person), encode_object(record), qos=0, retain=True)
        async with self._progress:
            self._connected.update({p.tags: bool(p.fields["connected"]) for p in points if p.measurement is STRAP})
            self._progress.notify_all()

    def _count_stored(self) -> None:
        self.counts.beats_stored = self.counts.beats
        now_ns, now_s = self.now_ns(), time.monotonic()
        for received_ns in self._received_ns:
            self._delays.add((now_ns - received_ns) / 1e9, now_s)
        self._received_ns.clear()

    def _derive(self, message: Message) -> list[Point]:
        points = self._points_of(message)
        try:
            check_points(points)
        except ValueError as error:
            raise MalformedPayload(f"{message.topic}: {error}", topic=message.topic) from error
        return points

    def _points_of(self, message: Message) -> list[Point]:
        if process_of(message.topic) is not None:
            return health_points(message, self.now_ns(), self.clocks)
        topic = parse_strap_topic(message.topic)
        if topic.kind == "status":
            status = decode_status(message.payload, message.topic)
            return [status_point(topic.person, topic.strap, status, self.now_ns())]
        batch = decode_batch(message.payload, message.topic)
        if (batch.person, batch.strap) != (topic.person, topic.strap):
            # The broker's access rules speak of topics, so the topic decides whose beats may come here.
            raise MalformedPayload(f"{message.topic}: names {batch.person}/{batch.strap} inside", topic=message.topic)
        self.counts.batches += 1
        self.counts.beats += len(batch.beats)
        self._received_ns.append(batch.received_ns)
        return self._engine.step(batch)

    async def _write(self, store: Store, points: Sequence[Point]) -> None:
        """Store all points, however long the store is away; those that it refuses are set aside."""
        delay_s = _FIRST_RETRY_S
        while True:
            try:
                rejected = await asyncio.to_thread(_write_all, store, points)
            except StoreUnavailable as error:
                self._away[repr(store)] = str(error)
                _log.warning("store away, will try again in_s=%.1f error=%r", delay_s, str(error))
                await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                delay_s = min(2 * delay_s, _LONGEST_RETRY_S)
            else:
                self._away.pop(repr(store), None)
                break
        if len(rejected) == len(points):
            raise rejected[0][1]
        for point, refusal in rejected:
            self._set_aside_point(point, refusal)

    def _set_aside_message(self, message: Message, error: WireError) -> None:
        self.counts.unreadable += 1
        _log.error("message set aside in %s error=%r advice=%r", UNREADABLE_FILE, str(error), error.advice)
        record: dict[str, object] = {
            "topic": message.topic,
            "reason": str(error),
            "payload": message.payload.decode(errors="replace"),
        }
        _append(self.home / UNREADABLE_FILE, record)

    def _set_aside_point(self, point: Point, error: StoreRejected) -> None:
        self.counts.points_rejected += 1
        self.refusal = self.refusal or error
        _log.error("point set aside in %s error=%r advice=%r", REJECTED_FILE, str(error), error.advice)
        record: dict[str, object] = {**asdict(point), "measurement": point.measurement.name, "reason": str(error)}
        _append(self.home / REJECTED_FILE, record)


def _write_all(store: Store, points: Sequence[Point]) -> list[tuple[Point, StoreRejected]]:
    """Write all points that the store takes; return the others, each with the reason."""
    try:
        store.write(points)
    except StoreRejected as error:
        store.check()  # raises if the store would take nothing from us at all
        return _bisect(store, points, error)
    return []


def _bisect(store: Store, points: Sequence[Point], error: StoreRejected) -> list[tuple[Point, StoreRejected]]:
    """Find the points that the store refuses, halving; writing the others twice is harmless, since they overwrite."""
    if len(points) == 1:
        return [(points[0], error)]
    refused = []
    middle = len(points) // 2
    for half in (points[:middle], points[middle:]):
        try:
            store.write(half)
        except StoreRejected as error_of_half:
            refused += _bisect(store, half, error_of_half)
    return refused


def _append(file: Path, record: dict[str, object]) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record, default=str) + "\n")
