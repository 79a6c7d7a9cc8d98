"""Beats and markers from elsewhere into journal and stores, just as if they had come over the bus.

The pipeline itself takes them in: its bus is one that nobody else is on, and that hands out the next messages when the
pipeline asks for them. So nothing waits in memory, however much is imported.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.bus import Message
from ingest.model import TICKS_PER_SECOND, Beat, BeatBatch, Contact, Marker
from ingest.ranges import contains
from ingest.topics import command_topic, strap_topic
from ingest.wire import encode_batch, encode_marker
from pipeline.days import Days, Profiles
from pipeline.delivery import Delivery
from pipeline.journal import FILE_NAME, Journal
from pipeline.playback import raise_refusal
from pipeline.process import Pipeline
from pipeline.store import Store

_SECOND_NS = 1_000_000_000
_BEATS_OF_A_BATCH = 60
_MESSAGES_AT_ONCE = 25
"""Messages of one transaction: half a second's work, and so few points that a store is never behind."""

_LOOKS_IN_FOR_S = 0.01
_SMOOTHED_INTERVALS = 5  # straps smooth the heart rate that they send


@dataclass(slots=True)
class Imported:
    """What an import has brought."""

    beats: int = 0
    beats_there_already: int = 0
    markers: int = 0


Progress = Callable[[int], None]
"""Told the Unix time in ns up to which everything is in the stores."""


def batches_of_stretches(
    person: str, strap: str, stream: str, stretches: Iterable[tuple[int, NDArray[np.int64]]]
) -> Iterator[BeatBatch]:
    """The batches of one stream: a segment of its own for each stretch, so that no difference crosses a gap.

    Args:
        person: whose beats they are.
        strap: that sent them.
        stream: an id that is the same whenever the same beats are imported.
        stretches: Unix time in ns of the start of the first interval, and the intervals in 1/1024 s, oldest first;
            in order of time, without overlap.
    """
    sequence = 0
    for segment, (start_ns, rr_ticks) in enumerate(stretches):
        ends_ns = start_ns + np.cumsum(rr_ticks) * 1_953_125 // 2  # see `ticks_to_ns`
        smoothed = np.convolve(rr_ticks, np.ones(_SMOOTHED_INTERVALS))[: len(rr_ticks)]
        intervals = np.minimum(np.arange(1, len(rr_ticks) + 1), _SMOOTHED_INTERVALS)
        heart_rates_bpm = np.rint(60 * TICKS_PER_SECOND * intervals / smoothed).astype(np.int64)
        rows = zip(ends_ns.tolist(), rr_ticks.tolist(), heart_rates_bpm.tolist(), strict=True)
        beats = [
            Beat(time_ns, ticks, bpm, Contact.UNSUPPORTED, segment, gap_before=index == 0)
            for index, (time_ns, ticks, bpm) in enumerate(rows)
        ]
        for first in range(0, len(beats), _BEATS_OF_A_BATCH):
            some = tuple(beats[first : first + _BEATS_OF_A_BATCH])
            yield BeatBatch(person, strap, stream, sequence, some[-1].time_ns, some)
            sequence += 1


async def import_batches(
    batches: Iterable[BeatBatch],
    markers: Iterable[tuple[str, Marker]],
    stores: Mapping[str, Callable[[], Store]],
    home: Path,
    *,
    profiles: Profiles,
    progress: Progress = lambda _: None,
) -> Imported:
    """Take batches and markers in, and return when all that follows from them is in every store.

    What the journal has already is passed over, so importing again changes nothing.

    Args:
        batches: in order of receipt.
        markers: each with its person, in order of time, which every one has to have.
        stores: see `store_openers`; one that is away is waited for.
        home: the data directory.
        profiles: of the people that are known, by name.
        progress: called after each transaction.

    Raises:
        ConfigError: another pipeline uses the data directory.
        StoreUnavailable: the journal can't be opened.
        StoreRejected: a store refused points; all others are stored, and those are set aside.
        ValueError: a field is out of its range, or a marker has no time.
    """
    imported = Imported()
    bus = _ImportBus(_messages(batches, markers, home, imported), progress)
    pipeline = Pipeline(bus, stores, home, days=Days(profiles, judge_every_s=0.0))
    bus.deliveries = pipeline.deliveries
    async with asyncio.TaskGroup() as group:
        processing = group.create_task(pipeline.run())
        await bus.is_used_up.wait()
        processing.cancel()
    raise_refusal(pipeline.deliveries)
    return imported


@dataclass(slots=True)
class _ImportBus:
    """A bus with one subscriber and one sender, who has everything ready.

    The next messages are handed out when the points of those before are in every store: side by side, intake and
    delivery take each other's time, and a store that is away would let the outbox grow.
    """

    messages: Iterator[tuple[int, str, bytes]]
    progress: Progress
    deliveries: Sequence[Delivery] = ()
    is_connected: bool = False  # nobody listens to live values
    tells_refusals: bool = True  # there are none
    is_used_up: asyncio.Event = field(default_factory=asyncio.Event)
    _reached_ns: int | None = None

    async def reconnected(self) -> None:
        """Never return: this connection can't be lost."""
        await asyncio.Event().wait()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Nobody waits for a confirmation."""

    async def subscribe(self, *patterns: str) -> None:
        """There is one subscriber, who gets all."""

    async def receive(self, limit: int = 500) -> Sequence[Message]:
        """The next messages; to ask for more is to say that those before are in the journal."""
        for delivery in self.deliveries:
            await delivery.idle.wait()
        if self._reached_ns is not None:
            self.progress(self._reached_ns)
        some = list(islice(self.messages, min(limit, _MESSAGES_AT_ONCE)))
        if some:
            self._reached_ns = some[-1][0]
            return [Message(topic, payload, retained=False, ack=lambda: None) for _, topic, payload in some]
        # The pipeline only looks in, and goes on at once, while an engine has to catch up.
        await asyncio.sleep(_LOOKS_IN_FOR_S)
        self.is_used_up.set()
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")  # pragma: no cover


def _messages(
    batches: Iterable[BeatBatch], markers: Iterable[tuple[str, Marker]], home: Path, imported: Imported
) -> Iterator[tuple[int, str, bytes]]:
    """Time, topic and payload of all that is new, in order of time; begun when the journal is there."""
    with closing(Journal.open_to_read(home / FILE_NAME)) as journal:
        ranges = {(stream.person, stream.strap, stream.stream): stream.ranges for stream in journal.streams()}
        commands = {(note.topic, note.payload) for note in journal.notes()}

    def of_batches() -> Iterator[tuple[int, str, bytes]]:
        for batch in batches:
            if contains(ranges.get((batch.person, batch.strap, batch.stream), ()), batch.sequence):
                imported.beats_there_already += len(batch.beats)
                continue
            imported.beats += len(batch.beats)
            yield batch.received_ns, strap_topic(batch.person, batch.strap, "beats"), encode_batch(batch)

    def of_markers() -> Iterator[tuple[int, str, bytes]]:
        for person, marker in markers:
            topic, payload = command_topic(person), encode_marker(marker)
            if (topic, payload) not in commands:
                imported.markers += 1
                yield _time_of(marker), topic, payload

    yield from heapq.merge(of_markers(), of_batches(), key=lambda message: message[0])


def _time_of(marker: Marker) -> int:
    if marker.time_ns is None:
        message = f"a marker of {marker.kind} has no time"
        raise ValueError(message)
    return marker.time_ns
