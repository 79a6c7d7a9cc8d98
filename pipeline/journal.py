"""The journal: every beat that was ever received, in the order of its stream. All else can be derived from it.

The functions that write take the connection of a transaction, so that a batch, the engine's progress and the points
that follow from it are stored together or not at all.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from ingest.database import Connection, Database, Kind, version_of
from ingest.errors import StoreUnavailable
from ingest.model import BeatBatch, SequenceRange
from ingest.ranges import contains, merged, up_to_number
from pipeline.rows import beat_of, beat_row

FILE_NAME = "journal.db"

KIND = Kind("journal", 4)

_T = TypeVar("_T")

_TABLES = (
    """CREATE TABLE IF NOT EXISTS stream (
        id INTEGER PRIMARY KEY,
        person TEXT NOT NULL, strap TEXT NOT NULL, stream TEXT NOT NULL,
        ranges TEXT NOT NULL DEFAULT '[]',            -- sequences that are here
        next_sequence INTEGER NOT NULL DEFAULT 0,     -- the first that the engine has not had
        held_from INTEGER NOT NULL DEFAULT 0,         -- the collector holds none below
        snapshot BLOB,                                -- the engine, before the batch snapshot_sequence
        snapshot_sequence INTEGER NOT NULL DEFAULT 0,
        UNIQUE (person, strap, stream)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS batch (
        stream_id INTEGER NOT NULL, sequence INTEGER NOT NULL, received_ns INTEGER NOT NULL, beats TEXT NOT NULL,
        PRIMARY KEY (stream_id, sequence)
    ) STRICT, WITHOUT ROWID""",
    # What came beside the beats: states of straps, commands.
    "CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, topic TEXT, payload BLOB, received_ns INTEGER) STRICT",
    """CREATE TABLE IF NOT EXISTS unreadable (
        topic TEXT, payload BLOB, reason TEXT, last_ns INTEGER, times INTEGER DEFAULT 1, PRIMARY KEY (topic, payload)
    ) STRICT""",
)

_UNREADABLE_KEPT = 10_000
_STREAMS_CONFIRMED = 16
"""Newest streams of a strap that a confirmation names: a collector that was started more often while it was away sends
the older ones again, and is answered when it has."""


_READ_AT_ONCE = 500

_SELECT_STREAM = "SELECT id, person, strap, stream, ranges, next_sequence, held_from, snapshot_sequence FROM stream"


@dataclass(slots=True)
class Stream:
    """One stream of the journal."""

    id: int
    person: str
    strap: str
    stream: str
    ranges: tuple[SequenceRange, ...] = ()  # of the sequences that are here
    next_sequence: int = 0
    held_from: int = 0
    snapshot_sequence: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """One message that was no beat."""

    topic: str
    payload: bytes
    received_ns: int


class Journal:
    """The journal as those see it who only read; the functions below write it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """The journal of a data directory, for a look beside the pipeline that writes it.

        Raises:
            StoreUnavailable: there is none, or it can't be read.
            StoreTooNew: a newer release wrote it.
        """
        if not path.exists():
            raise StoreUnavailable(f"there is no journal at {path}", advice="`strapline process` makes one.")
        return cls(Database(path, kind=KIND))

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def read(self, reader: Callable[[Connection], _T]) -> _T:
        """What a function reads of the file at one moment."""
        with self._database.transaction("BEGIN") as connection:
            return reader(connection)

    def streams(self) -> list[Stream]:
        """All streams, in the order in which they were first heard."""
        with self._database.transaction("BEGIN") as connection:
            return read_streams(connection)

    def lacks(self, person: str, strap: str, stream: str, batches: int) -> int:
        """How many of the first so many batches of a stream are not here."""
        key = (person, strap, stream)
        ranges = next((one.ranges for one in self.streams() if (one.person, one.strap, one.stream) == key), ())
        return batches - sum(last - first + 1 for first, last in up_to_number(ranges, batches - 1))

    def batches(self, stream: Stream, first: int = 0, last: int | None = None) -> Iterator[BeatBatch]:
        """The batches of a stream from one sequence to another, in order, without those that are missing.

        They are read some hundred at a time, so that a writer need not wait for a long stream.
        """
        while True:
            with self._database.transaction("BEGIN") as connection:
                some = read_batches(connection, stream, first, last, limit=_READ_AT_ONCE)
            yield from some
            if len(some) < _READ_AT_ONCE:
                return
            first = some[-1].sequence + 1

    def notes(self) -> list[Note]:
        """All notes, in order of their receipt."""
        with self._database.transaction("BEGIN") as connection:
            return read_notes(connection)

    def unreadable(self) -> list[tuple[str, str, int]]:
        """Topic, reason and number of the messages that could not be read."""
        query = "SELECT topic, reason, sum(times) FROM unreadable GROUP BY topic, reason ORDER BY topic, reason"
        with self._database.transaction("BEGIN") as connection:
            return list(connection.execute(query))


def create_journal(connection: Connection) -> None:
    """Make the tables of beats and notes."""
    for table in _TABLES:
        connection.execute(table)


def check_up_to_date(connection: Connection) -> None:
    """Make sure that the tables are those of this release, for whoever only reads or retries.

    Raises:
        StoreUnavailable: they are not there, or of an earlier release.
    """
    if version_of(connection) != KIND.version:
        advice = "`strapline process` brings it up to date when it starts."
        raise StoreUnavailable("the journal is empty, or of an earlier release", advice=advice)


def read_streams(connection: Connection) -> list[Stream]:
    """All streams, in the order in which they were first heard."""
    return [_stream(row) for row in connection.execute(f"{_SELECT_STREAM} ORDER BY id")]


def find_stream(connection: Connection, person: str, strap: str, stream: str) -> Stream:
    """A stream's record, new if it was never heard of."""
    where = f"{_SELECT_STREAM} WHERE person = ? AND strap = ? AND stream = ?"
    row = connection.execute(where, (person, strap, stream)).fetchone()
    if row is None:
        connection.execute("INSERT INTO stream (person, strap, stream) VALUES (?, ?, ?)", (person, strap, stream))
        row = connection.execute(where, (person, strap, stream)).fetchone()
    return _stream(row)


def save_stream(connection: Connection, stream: Stream) -> None:
    """Store what has changed of a stream's record."""
    connection.execute(
        "UPDATE stream SET ranges = ?, next_sequence = ?, held_from = ? WHERE id = ?",
        (json.dumps(stream.ranges), stream.next_sequence, stream.held_from, stream.id),
    )


def save_snapshot(connection: Connection, stream: Stream, snapshot: bytes | None) -> None:
    """Keep the engine as it is before the batch `snapshot_sequence`; None: there is none any more."""
    connection.execute(
        "UPDATE stream SET snapshot = ?, snapshot_sequence = ? WHERE id = ?",
        (snapshot and zlib.compress(snapshot), stream.snapshot_sequence, stream.id),
    )


def read_snapshot(connection: Connection, stream: Stream) -> bytes | None:
    """The engine's last snapshot; None where there is none."""
    (packed,) = connection.execute("SELECT snapshot FROM stream WHERE id = ?", (stream.id,)).fetchone()
    return packed and zlib.decompress(packed)


def add_batch(connection: Connection, stream: Stream, batch: BeatBatch) -> bool:
    """Keep a batch; False if it is there already."""
    if contains(stream.ranges, batch.sequence):
        return False
    stream.ranges = merged((*stream.ranges, (batch.sequence, batch.sequence)))
    connection.execute(
        "INSERT INTO batch VALUES (?, ?, ?, ?)",
        (stream.id, batch.sequence, batch.received_ns, json.dumps([beat_row(beat) for beat in batch.beats])),
    )
    return True


def read_batches(
    connection: Connection, stream: Stream, first: int, last: int | None, *, limit: int
) -> list[BeatBatch]:
    """At most `limit` batches of a stream, from one sequence to another (None: to the end), in order."""
    rows = connection.execute(
        "SELECT sequence, received_ns, beats FROM batch "
        "WHERE stream_id = ? AND sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?",
        (stream.id, first, 2**63 - 1 if last is None else last, limit),
    )
    return [
        BeatBatch(
            stream.person, stream.strap, stream.stream, sequence, received_ns, tuple(map(beat_of, json.loads(beats)))
        )
        for sequence, received_ns, beats in rows
    ]


def newest_ranges(connection: Connection, person: str, strap: str) -> dict[str, tuple[SequenceRange, ...]]:
    """What is here of a strap's newest streams: stream id to inclusive ranges of sequences."""
    rows = connection.execute(
        "SELECT stream, ranges FROM stream WHERE person = ? AND strap = ? ORDER BY id DESC LIMIT ?",
        (person, strap, _STREAMS_CONFIRMED),
    )
    return {stream: _ranges(ranges) for stream, ranges in rows}


def add_note(connection: Connection, note: Note) -> None:
    """Keep a message that is no beat."""
    connection.execute(
        "INSERT INTO note (topic, payload, received_ns) VALUES (?, ?, ?)", (note.topic, note.payload, note.received_ns)
    )


def read_notes(connection: Connection, topic: str | None = None) -> list[Note]:
    """All notes, or those of one topic, in order of their receipt."""
    query = "SELECT topic, payload, received_ns FROM note"
    if topic is None:
        return [Note(*row) for row in connection.execute(f"{query} ORDER BY id")]
    return [Note(*row) for row in connection.execute(f"{query} WHERE topic = ? ORDER BY id", (topic,))]


def set_aside(connection: Connection, note: Note, reason: str) -> None:
    """Keep a message that can't be read, once, however often it comes; the oldest go when there are very many."""
    connection.execute(
        "INSERT INTO unreadable (topic, payload, reason, last_ns) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "times = times + 1, last_ns = excluded.last_ns, reason = excluded.reason",
        (note.topic, note.payload, reason, note.received_ns),
    )
    connection.execute(
        "DELETE FROM unreadable WHERE rowid IN (SELECT rowid FROM unreadable ORDER BY last_ns DESC LIMIT -1 OFFSET ?)",
        (_UNREADABLE_KEPT,),
    )


def forget_unreadable(connection: Connection) -> None:
    """Let go of the messages that were set aside."""
    connection.execute("DELETE FROM unreadable")


def _stream(row: tuple[int, str, str, str, str, int, int, int]) -> Stream:
    id_, person, strap, stream, ranges, *rest = row
    return Stream(id_, person, strap, stream, _ranges(ranges), *rest)


def _ranges(text: str) -> tuple[SequenceRange, ...]:
    return tuple((first, last) for first, last in json.loads(text))
