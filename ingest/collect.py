"""The collector: from a source's notifications to beat batches and status in the spool, and so to the bus."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from ingest.clock import JumpWatch, describe
from ingest.courier import Courier
from ingest.errors import MalformedMeasurement
from ingest.gatt import parse_heart_rate_measurement
from ingest.model import BeatBatch, Figures, Notification, SequenceRange, Source, StrapStatus
from ingest.ranges import contains, merged
from ingest.spool import SpoolHealth
from ingest.spool_file import Held, StreamKey
from ingest.timeline import BeatClock
from ingest.wire import encode_batch

_log = logging.getLogger(__name__)

_GOODBYE_S = 2.0


@dataclass(slots=True)
class CollectorCounts:
    """What one collector has seen and done."""

    notifications: int = 0
    malformed: int = 0
    beats: int = 0  # received, doubled notifications left out
    batches: int = 0
    beats_published: int = 0  # acknowledged by the broker, at least once
    clock_jumps: int = 0


@dataclass(slots=True)
class Collector:
    """Spools one strap's beats and has its courier carry them; the beats of a stream are numbered without gaps."""

    courier: Courier
    stream: str
    jumps: JumpWatch | None = None  # None: the source has a clock of its own
    counts: CollectorCounts = field(default_factory=CollectorCounts)
    _clock: BeatClock = field(default_factory=BeatClock)
    _status: StrapStatus | None = None  # the newest, as the source gave it
    _acknowledged: tuple[SequenceRange, ...] = ()

    async def run(
        self, source: Source, delivered: Callable[[CollectorCounts], Awaitable[None]] | None = None
    ) -> CollectorCounts:
        """Collect everything that the source gives, until it ends; a strap's source never does.

        Args:
            source: a strap, or what stands for one.
            delivered: returns when whoever listens has everything. Until then the connection stays open: the embedded
                broker forgets what it has acknowledged and not yet passed on when the sender goes.

        Returns:
            The counts, once the broker has acknowledged all batches and statuses.

        Raises:
            BusError, ConfigError: in a group; see `Courier.run`.
            StrapError: from the source, in a group.
        """
        courier = self.courier
        courier.on_acknowledged = self._is_acknowledged
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(courier.run()), group.create_task(self._follow_spool())]
            try:
                if not courier.spool.is_durable:
                    await courier.has_met_broker.wait()
                async with contextlib.aclosing(source.events()) as events:
                    async for event in events:
                        await courier.room()
                        self._handle(event)
                while not (courier.is_idle and self._all_acknowledged()):
                    await courier.progress()
                if delivered is not None:
                    await delivered(self.counts)
            finally:
                await self._say_goodbye()
            for helper in helpers:
                helper.cancel()
        return self.counts

    @property
    def _key(self) -> StreamKey:
        return StreamKey(self.courier.person, self.courier.strap, self.stream)

    def _handle(self, event: Notification | StrapStatus) -> None:
        if isinstance(event, StrapStatus):
            if event.connected and not self.is_strap_connected:
                self._clock.restart()
            self._status = event
            self._announce(event)
            return
        self._watch_clock()
        batch = self._batch(event)
        if batch is not None:
            held = Held(self._key, batch.sequence, batch.received_ns, len(batch.beats), encode_batch(batch))
            self.courier.spool.append(held)
            self.courier.send(held)

    def _batch(self, notification: Notification) -> BeatBatch | None:
        self.counts.notifications += 1
        try:
            measurement = parse_heart_rate_measurement(notification.payload)
        except MalformedMeasurement as error:
            self.counts.malformed += 1
            _log.warning("skipped a packet strap=%s error=%r", self.courier.strap, str(error))
            return None
        beats = self._clock.step(notification.arrival_ns, measurement)
        if not beats:
            return None
        sequence = self.counts.batches
        self.counts.batches += 1
        self.counts.beats += len(beats)
        return BeatBatch(*self._key, sequence, notification.arrival_ns, beats)

    def _watch_clock(self) -> None:
        jump_s = 0.0 if self.jumps is None else self.jumps.jump_s()
        if self.jumps is None or jump_s == 0:
            return
        self.counts.clock_jumps += 1
        self._clock.restart()
        _log.warning("strap=%s %s", self.courier.strap, describe(jump_s))
        if self._status is not None and self._status.connected:
            self._announce(replace(self._status, time_ns=self.jumps.wall_ns(), reason=describe(jump_s)))

    @property
    def is_strap_connected(self) -> bool:
        """Whether the strap is linked to this collector."""
        return self._status is not None and self._status.connected

    def _announce(self, status: StrapStatus) -> None:
        """Publish a status; where it says nothing itself, it says what troubles the spool."""
        reason = status.reason or (self.courier.spool.trouble if status.connected else None)
        self.courier.announce(replace(status, reason=reason))

    async def _follow_spool(self) -> None:
        while True:
            await self.courier.spool.changed()
            self.courier.drain_anew()  # another file may hold other batches
            if self._status is not None and self._status.connected:
                self._announce(replace(self._status, time_ns=self.courier.spool.now_ns()))

    def _is_acknowledged(self, held: Held) -> None:
        if held.key == self._key and not contains(self._acknowledged, held.sequence):
            self._acknowledged = merged((*self._acknowledged, (held.sequence, held.sequence)))
            self.counts.beats_published += held.beats

    def _all_acknowledged(self) -> bool:
        """Whether the broker has had each batch once, but for those that the spool's bounds have dropped."""
        last = self.counts.batches - 1
        return last < 0 or self._acknowledged == ((0, last),) or self.courier.spool.held_from(self._key) is None

    async def _say_goodbye(self) -> None:
        """Tell that the collector stops while its strap is connected; no broker, no word: its will has said it."""
        courier = self.courier
        if not (self.is_strap_connected and courier.is_connected):
            return
        courier.announce(StrapStatus(connected=False, reason="collector stopped"))
        try:
            async with asyncio.timeout(_GOODBYE_S):
                while not courier.is_idle:
                    await courier.progress()
        except TimeoutError:
            _log.warning("could not say goodbye strap=%s: the broker does not answer", courier.strap)


def figures(collectors: Sequence[Collector], spool: SpoolHealth, *, dropped_before: int = 0) -> Figures:
    """What the collectors of one process have done together, for its health.

    Args:
        collectors: those that share a spool.
        spool: how it is.
        dropped_before: beats that it had dropped before this process began.
    """
    away = sorted(one.courier.strap for one in collectors if not one.is_strap_connected)
    troubles = [spool.trouble] if spool.trouble else []
    troubles += [f"no link to {', '.join(away)}"] if away else []
    return Figures(
        state="; ".join(troubles) or "ok",
        beats_in=sum(one.counts.beats for one in collectors),
        beats_dropped=max(0, spool.dropped_beats - dropped_before),
        batches_waiting=spool.batches + spool.in_memory,
        clock_jumps=max((one.counts.clock_jumps for one in collectors), default=0),  # each has seen the same clock
    )
