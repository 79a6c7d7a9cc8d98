"""The collector: from a source's notifications to beat batches and status on the bus."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ingest.bus import Bus, BusAddress, Will, open_bus
from ingest.errors import BusError, MalformedMeasurement
from ingest.gatt import parse_heart_rate_measurement
from ingest.model import BeatBatch, Figures, Notification, Source, StrapStatus
from ingest.timeline import BeatClock
from ingest.topics import strap_topic
from ingest.wire import encode_batch, encode_status

_log = logging.getLogger(__name__)

_IN_FLIGHT = 5_000
"""Publications that may wait for the broker at once; beyond it the source is made to wait."""

_GOODBYE_S = 2.0


@dataclass(slots=True)
class CollectorCounts:
    """What one collector has seen and done."""

    notifications: int = 0
    malformed: int = 0
    beats: int = 0  # received, doubled notifications left out
    batches: int = 0
    beats_published: int = 0  # acknowledged by the broker


def figures(collectors: Sequence[Collector]) -> Figures:
    """What the collectors of one process have done together; its state names the straps that are away."""
    away = sorted(collector.strap for collector in collectors if not collector.is_connected)
    return Figures(
        state=f"no link to {', '.join(away)}" if away else "ok",
        beats_in=sum(collector.counts.beats for collector in collectors),
    )


@asynccontextmanager
async def collector_bus(address: BusAddress, person: str, strap: str) -> AsyncIterator[Bus]:
    """A bus with the strap's last will: a connection of its own for each strap, since MQTT has one will for each."""
    offline = StrapStatus(connected=False, reason="collector offline")
    will = Will(strap_topic(person, strap, "status"), encode_status(offline))
    async with open_bus(address, client_id=f"strapline-collect-{person}-{strap}", will=will) as bus:
        yield bus


@dataclass(slots=True)
class Collector:
    """Publishes one strap's beats and status; the beats of a stream are numbered without gaps."""

    bus: Bus
    person: str
    strap: str
    stream: str
    counts: CollectorCounts = field(default_factory=CollectorCounts)
    _clock: BeatClock = field(default_factory=BeatClock)
    _connected: bool = False

    @property
    def is_connected(self) -> bool:
        """Whether the strap is linked to this collector."""
        return self._connected

    async def run(self, source: Source) -> CollectorCounts:
        """Publish everything that the source gives, until it ends; a strap's source never does.

        Raises:
            BusError: in a group, if the broker refuses a publication.
            StrapError: from the source.
        """
        in_flight = asyncio.Semaphore(_IN_FLIGHT)
        try:
            async with asyncio.TaskGroup() as publications, contextlib.aclosing(source.events()) as events:
                async for event in events:
                    await in_flight.acquire()
                    task = publications.create_task(self._handle(event))
                    task.add_done_callback(lambda _: in_flight.release())
        finally:
            if self._connected and self.bus.is_connected:
                await self._say_goodbye()
        return self.counts

    async def _handle(self, event: Notification | StrapStatus) -> None:
        # No await before publish(): tasks start in the order of their creation, so beats are sent in order.
        if isinstance(event, StrapStatus):
            if event.connected and not self._connected:
                self._clock.restart()
            self._connected = event.connected
            await self.bus.publish(strap_topic(self.person, self.strap, "status"), encode_status(event), retain=True)
            return
        batch = self._batch(event)
        if batch is not None:
            await self.bus.publish(strap_topic(self.person, self.strap, "beats"), encode_batch(batch))
            self.counts.beats_published += len(batch.beats)

    def _batch(self, notification: Notification) -> BeatBatch | None:
        self.counts.notifications += 1
        try:
            measurement = parse_heart_rate_measurement(notification.payload)
        except MalformedMeasurement as error:
            self.counts.malformed += 1
            _log.warning("skipped a packet strap=%s error=%r", self.strap, str(error))
            return None
        beats = self._clock.step(notification.arrival_ns, measurement)
        if not beats:
            return None
        sequence = self.counts.batches
        self.counts.batches += 1
        self.counts.beats += len(beats)
        return BeatBatch(self.person, self.strap, self.stream, sequence, notification.arrival_ns, beats)

    async def _say_goodbye(self) -> None:
        status = encode_status(StrapStatus(connected=False, reason="collector stopped"))
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self.bus.publish(strap_topic(self.person, self.strap, "status"), status, retain=True)
        except (TimeoutError, BusError) as error:
            _log.warning("could not say goodbye strap=%s error=%r", self.strap, str(error))
