"""From messages to journal and outbox: a batch, the engine's progress and its points are stored together, or none."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ingest.bus import Message
from ingest.database import Connection, Database
from ingest.errors import MalformedPayload, StoreDamaged, WireError
from ingest.model import BeatBatch, SequenceRange, Stored
from ingest.newest import Newest
from ingest.ranges import contains, from_number_on
from ingest.topics import BEATS, HEALTH, matches, parse_strap_topic
from ingest.wire import decode_batch
from pipeline.days import Days
from pipeline.engine import Engine
from pipeline.health import ClockWatch, health_points
from pipeline.journal import (
    Note,
    Stream,
    add_batch,
    add_note,
    find_stream,
    newest_ranges,
    read_batches,
    read_snapshot,
    read_streams,
    save_snapshot,
    save_stream,
    set_aside,
)
from pipeline.notes import point_of_note
from pipeline.outbox import add_points
from pipeline.retention import forget_old_beats
from pipeline.schema import Point
from pipeline.scores.day import Day

_STREAMS_KEPT = 64
"""Streams whose engine is held in memory: more than a household's straps, bounded whatever comes."""

_STEPS_AT_ONCE = 2_000
"""Batches that one transaction takes an engine through: a second's work, so that a long backlog holds up no message."""

_SNAPSHOT_EVERY = 300
"""Batches from one snapshot of an engine to the next: what a restart has to step through again, about 30 ms."""

_FORGET_EVERY_NS = 86_400_000_000_000

_DAMAGED_ADVICE = "Start `strapline process` again: it saves what can be read into a new journal."


@dataclass(slots=True)
class _Running:
    """A stream whose engine is in memory."""

    stream: Stream
    engine: Engine | None = None  # in order of sequence; None until it is needed
    ahead: Engine | None = None  # shows what is new while older batches are missing; its points are not stored


@dataclass(slots=True)
class Taken:
    """What a transaction has done."""

    batches: int = 0
    beats: int = 0
    duplicates: int = 0
    duplicate_beats: int = 0
    unreadable: list[tuple[str, WireError]] = field(default_factory=list)
    received_ns: list[int] = field(default_factory=list)  # of the batches that were new
    points: list[Point] = field(default_factory=list)  # for the stores, in order
    live: list[Point] = field(default_factory=list)  # those that are news, for the live topic
    stored: dict[tuple[str, str], Stored] = field(default_factory=dict)  # by person and strap
    judged: dict[str, Day] = field(default_factory=dict)  # the newest day of each person, where it was judged
    again_in_s: float | None = None  # take again then, with or without messages: not all is derived yet


class Intake:
    """Takes messages in, in order; one call at a time. Its tables are there."""

    def __init__(
        self,
        database: Database,
        clocks: ClockWatch | None = None,
        days: Days | None = None,
        keep_beats_ns: int | None = None,
    ) -> None:
        self._database = database
        self._keep_beats_ns = keep_beats_ns
        self._forget_at_ns = 0
        self._days = days or Days({})
        self._clocks = clocks or ClockWatch()
        self._streams: OrderedDict[tuple[str, str, str], _Running] = OrderedDict()
        self._newest: dict[str, Newest] = {}
        with database.transaction("BEGIN") as connection:
            for stream in read_streams(connection):
                if _is_behind(stream):  # a backlog was being worked off when the process ended
                    self._streams[stream.person, stream.strap, stream.stream] = _Running(stream)

    def take(self, messages: Iterable[Message], now_ns: int) -> Taken:
        """Store what messages bring, and all that follows from it.

        A message that can't be read is set aside, and every other is stored.

        Raises:
            StoreUnavailable: the journal can't be written; nothing has happened, and the same call may work later.
            StoreDamaged: the journal is broken.
        """
        try:
            with self._database.transaction() as connection:
                taken = _Transaction(
                    self._database.path, connection, self._streams, self._newest, self._clocks, self._days, now_ns
                ).take(messages)
                if self._keep_beats_ns is not None and now_ns >= self._forget_at_ns:
                    self._forget_old(connection, now_ns, now_ns - self._keep_beats_ns)
                return taken
        except BaseException:
            self._streams.clear()  # the engines may be ahead of what is on the disk
            self._newest.clear()
            self._days.forget()
            raise

    def _forget_old(self, connection: Connection, now_ns: int, before_ns: int) -> None:
        """Delete beats that are too old: some of each stream now, and more with the next messages."""
        known = {running.stream.id: running.stream for running in self._streams.values()}
        streams = [known.get(stream.id, stream) for stream in read_streams(connection)]
        has_more = [forget_old_beats(connection, stream, before_ns) for stream in streams]
        if not any(has_more):
            self._forget_at_ns = now_ns + _FORGET_EVERY_NS


@dataclass(slots=True)
class _Transaction:
    path: Path | None
    connection: Connection
    streams: OrderedDict[tuple[str, str, str], _Running]
    newest: dict[str, Newest]
    clocks: ClockWatch
    days: Days
    now_ns: int
    taken: Taken = field(default_factory=Taken)
    touched: dict[int, _Running] = field(default_factory=dict)
    news: set[tuple[int, int]] = field(default_factory=set)  # stream and sequence of batches newer than any before

    def take(self, messages: Iterable[Message]) -> Taken:
        for message in messages:
            try:
                self._take_one(message)
            except WireError as error:
                self.taken.unreadable.append((message.topic, error))
                set_aside(self.connection, Note(message.topic, message.payload, self.now_ns), str(error))
        # Streams that had more to step through than fits one transaction go on with the next.
        steps_left = _STEPS_AT_ONCE
        for running in list(self.streams.values()):
            if running.stream.id in self.touched or _is_behind(running.stream):
                steps_left -= self._advance(running, steps_left)
                if _is_behind(running.stream):
                    self.taken.again_in_s = 0.0
        self._judge()
        add_points(self.connection, self.taken.points)
        self._confirm()
        while len(self.streams) > _STREAMS_KEPT:
            self.streams.popitem(last=False)
        return self.taken

    def _judge(self) -> None:
        """Take the days that the new points touch as far as they go."""
        told = self.days.take(self.connection, self.taken.points, self.now_ns)
        self.taken.points += told.points
        self.taken.judged = told.judged
        if self.taken.again_in_s is None:
            self.taken.again_in_s = told.due_in_s

    def _take_one(self, message: Message) -> None:
        if not message.payload:  # a retained message was taken away, or doctor asked whether it may publish
            return
        if matches(HEALTH, message.topic):  # not kept in the journal, which would grow by it for ever
            self.taken.points += health_points(message, self.now_ns, self.clocks)
            return
        if not matches(BEATS, message.topic):
            note = Note(message.topic, message.payload, self.now_ns)
            point = point_of_note(note.topic, note.payload, note.received_ns)
            add_note(self.connection, note)
            self.taken.points.append(point)
            self.taken.live.append(point)
            return
        topic = parse_strap_topic(message.topic)
        batch = decode_batch(message.payload, message.topic)
        if (batch.person, batch.strap) != (topic.person, topic.strap):
            # The broker's access rules speak of topics, so the topic decides whose beats may come here.
            text = f"{message.topic}: names {batch.person}/{batch.strap} inside"
            raise MalformedPayload(text, topic=message.topic)
        self._take_batch(batch)

    def _take_batch(self, batch: BeatBatch) -> None:
        running = self._running(batch)
        stream = running.stream
        stream.held_from = max(stream.held_from, batch.held_from)
        self.touched[stream.id] = running
        if not add_batch(self.connection, stream, batch):
            self.taken.duplicates += 1
            self.taken.duplicate_beats += len(batch.beats)
            return
        self.taken.batches += 1
        self.taken.beats += len(batch.beats)
        self.taken.received_ns.append(batch.received_ns)
        if batch.sequence < stream.next_sequence:
            # It was given up for lost: the stream is derived anew, and overwrites what was stored.
            running.engine, running.ahead = Engine(), None
            stream.next_sequence = stream.snapshot_sequence = 0
            save_snapshot(self.connection, stream, None)
        if self.newest.setdefault(batch.person, Newest()).accepts(batch):
            self._show(running, batch)

    def _show(self, running: _Running, batch: BeatBatch) -> None:
        """Mark a batch as news; where older ones are missing, an engine of its own shows it at once."""
        if running.ahead is None and batch.sequence <= _reach(running.stream):
            self.news.add((running.stream.id, batch.sequence))
        else:
            running.ahead = running.ahead or Engine()
            self.taken.live += running.ahead.step(batch)

    def _running(self, batch: BeatBatch) -> _Running:
        key = (batch.person, batch.strap, batch.stream)
        if key not in self.streams:
            self.streams[key] = _Running(find_stream(self.connection, *key))
        self.streams.move_to_end(key)
        return self.streams[key]

    def _advance(self, running: _Running, most: int) -> int:
        """Take a stream's engine as far as its batches go without a hole; returns the number of steps."""
        stream, steps = running.stream, 0
        running.engine = running.engine or self._restored(stream)
        while steps < most and _is_behind(stream):
            stream.next_sequence = _goes_on_at(stream)
            last = _reach(stream)
            batches = read_batches(self.connection, stream, stream.next_sequence, last, limit=most - steps)
            if not batches and last >= 0:
                message = f"the journal lacks batches that it had: {stream}"
                raise StoreDamaged(message, path=self.path, advice=_DAMAGED_ADVICE)
            for batch in batches:
                points = running.engine.step(batch)
                self.taken.points += points
                if (stream.id, batch.sequence) in self.news:
                    self.taken.live += points
                stream.next_sequence = batch.sequence + 1
                steps += 1
        if _next_range(stream) is None:
            running.ahead = None
        if stream.next_sequence - stream.snapshot_sequence >= _SNAPSHOT_EVERY:
            stream.snapshot_sequence = stream.next_sequence
            save_snapshot(self.connection, stream, running.engine.snapshot())
        save_stream(self.connection, stream)
        return steps

    def _restored(self, stream: Stream) -> Engine:
        """The engine as it was when the stream was last saved."""
        engine, first = Engine(), 0
        snapshot = read_snapshot(self.connection, stream)
        # One of another release is of no use: the stream's beats say the same, only slower.
        with contextlib.suppress(ValueError):
            if snapshot is not None:
                engine, first = Engine.restore(snapshot), stream.snapshot_sequence
        while batches := read_batches(self.connection, stream, first, stream.next_sequence - 1, limit=_STEPS_AT_ONCE):
            for batch in batches:
                engine.step(batch)
            first = batches[-1].sequence + 1
        return engine

    def _confirm(self) -> None:
        for running in self.touched.values():
            person, strap = running.stream.person, running.stream.strap
            self.taken.stored[person, strap] = Stored(newest_ranges(self.connection, person, strap))


def _next_range(stream: Stream) -> SequenceRange | None:
    """The first unbroken stretch of batches that the engine has not had."""
    return next(iter(from_number_on(stream.ranges, stream.next_sequence)), None)


def _goes_on_at(stream: Stream) -> int:
    """The sequence at which the engine goes on: the next, or beyond those that will never come."""
    given_up = max(stream.next_sequence, stream.held_from)
    ahead = _next_range(stream)
    return given_up if ahead is None else min(ahead[0], given_up)


def _reach(stream: Stream) -> int:
    """The last sequence to which the engine gets with what is here; -1 where it gets nowhere."""
    ahead = _next_range(stream)
    return ahead[1] if ahead is not None and ahead[0] == _goes_on_at(stream) else -1


def _is_behind(stream: Stream) -> bool:
    """Whether the engine can go on: the next batch is here, or will never come."""
    return _goes_on_at(stream) > stream.next_sequence or contains(stream.ranges, stream.next_sequence)
