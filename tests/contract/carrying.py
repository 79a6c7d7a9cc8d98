"""A collector in the test's loop, a strap that the test makes beat, and a pipeline that confirms what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest.backoff import Backoff
from ingest.bus import Bus, BusAddress, open_bus
from ingest.clock import JumpWatch
from ingest.collect import Collector
from ingest.courier import Courier, Patience
from ingest.gatt import encode_heart_rate_measurement
from ingest.model import Contact, HeartRateMeasurement, Notification, Stored, StrapStatus
from ingest.ranges import merged
from ingest.spool import Spool, open_spool
from ingest.topics import BEATS, STATUS, health_topic, parse_strap_topic, strap_topic
from ingest.wire import decode_batch, decode_status, encode_object, encode_stored
from tests.support import eventually

START_NS = 1_795_593_600_000_000_000
SECOND_NS = 1_000_000_000
QUICK = Backoff(first_s=0.05, max_s=0.2)


@dataclass
class Runner:
    """A source that the test makes beat."""

    events_waiting: asyncio.Queue[Notification | StrapStatus | None] = field(default_factory=asyncio.Queue)
    beaten: int = 0

    def connect(self) -> None:
        self.events_waiting.put_nowait(StrapStatus(connected=True, time_ns=START_NS, model="H10"))

    def beat(self, count: int) -> None:
        """So many notifications of one beat each, a second apart."""
        for _ in range(count):
            measurement = HeartRateMeasurement(60, (1024,), Contact.UNSUPPORTED, energy_kj=None)
            self.beaten += 1
            arrival_ns = START_NS + self.beaten * SECOND_NS
            self.events_waiting.put_nowait(Notification(arrival_ns, encode_heart_rate_measurement(measurement)))

    def end(self) -> None:
        self.events_waiting.put_nowait(None)

    async def events(self) -> AsyncGenerator[Notification | StrapStatus, None]:
        while (event := await self.events_waiting.get()) is not None:
            yield event


@dataclass
class Confirmer:
    """A stand-in for the pipeline: it hears, and confirms what it was told to."""

    bus: Bus
    confirms: bool = True
    heard: Counter[tuple[str, int]] = field(default_factory=Counter)
    order: list[int] = field(default_factory=list)
    held_from: list[int] = field(default_factory=list)
    statuses: list[str | None] = field(default_factory=list)
    segments: list[tuple[int, bool]] = field(default_factory=list)

    async def run(self) -> None:
        await self.bus.subscribe(BEATS, STATUS)
        while True:
            messages = await self.bus.receive()
            for message in messages:
                message.ack()
                if message.topic.endswith("status"):
                    status = decode_status(message.payload, message.topic)
                    self.statuses.append("connected" if status.connected and not status.reason else status.reason)
                else:
                    batch = decode_batch(message.payload, message.topic)
                    self.heard[batch.stream, batch.sequence] += 1
                    self.order.append(batch.sequence)
                    self.held_from.append(batch.held_from)
                    self.segments += [(beat.segment, beat.gap_before) for beat in batch.beats]
            if self.confirms and self.heard:
                person, strap = parse_strap_topic(messages[-1].topic)[:2]
                await self.confirm(person, strap)

    async def confirm(self, person: str = "anna", strap: str = "h10") -> None:
        streams = {stream for stream, _ in self.heard}
        ranges = {s: merged((n, n) for stream, n in self.heard if stream == s) for s in streams}
        await self.bus.publish(strap_topic(person, strap, "stored"), encode_stored(Stored(ranges)), retain=True)

    async def is_online(self, *, online: bool) -> None:
        await self.bus.publish(health_topic("pipeline"), encode_object({"online": online}), retain=True)

    def sequences(self, stream: str = "s1") -> list[int]:
        return sorted(sequence for heard, sequence in self.heard if heard == stream)


@asynccontextmanager
async def confirming(address: BusAddress, *, confirms: bool = True) -> AsyncIterator[Confirmer]:
    async with open_bus(address, client_id="confirmer") as bus:
        confirmer = Confirmer(bus, confirms)
        running = asyncio.create_task(confirmer.run())
        try:
            yield confirmer
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@dataclass
class Collecting:
    """A collector that runs in the test's loop."""

    collector: Collector
    spool: Spool
    task: asyncio.Task[object]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def carries(self) -> None:
        await eventually(lambda: self.collector.courier.is_connected, "the courier has a broker", 40)

    async def is_empty(self, timeout_s: float = 40) -> None:
        await eventually(
            lambda: self.spool.health().batches == 0, f"all is confirmed; {self.spool.health()}", timeout_s
        )


@asynccontextmanager
async def collecting(
    address: BusAddress,
    path: Path | None,
    runner: Runner,
    *,
    stream: str = "s1",
    patience: Patience | None = None,
    jumps: JumpWatch | None = None,
) -> AsyncIterator[Collecting]:
    async with open_spool(path) as spool:
        courier = Courier(address, "anna", "h10", spool, patience=patience or Patience(), backoff=QUICK)
        collector = Collector(courier, stream, jumps)
        task: asyncio.Task[object] = asyncio.create_task(collector.run(runner))
        running = Collecting(collector, spool, task)
        try:
            yield running
        finally:
            await running.stop()
