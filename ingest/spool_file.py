"""The spool's file: unconfirmed batches in SQLite. Blocking; `ingest.spool` has the thread."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ingest.database import Connection, Database, Kind
from ingest.errors import StoreDamaged
from ingest.migration import Migration, bring_up_to_date, has_table
from ingest.model import SequenceRange

_log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S = 1.0
_DROPPED_AT_ONCE = 100
_SALVAGED_AT_ONCE = 200

KIND = Kind("spool", 1)

_TABLES = (
    """CREATE TABLE IF NOT EXISTS stream (
        number INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order of their starts
        person TEXT NOT NULL, strap TEXT NOT NULL, stream TEXT NOT NULL,
        UNIQUE (person, strap, stream))""",
    """CREATE TABLE IF NOT EXISTS batch (
        stream INTEGER NOT NULL, sequence INTEGER NOT NULL, received_ns INTEGER NOT NULL,
        beats INTEGER NOT NULL, payload BLOB NOT NULL,
        PRIMARY KEY (stream, sequence)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS total (
        id INTEGER PRIMARY KEY CHECK (id = 1), batches INTEGER NOT NULL, beats INTEGER NOT NULL,
        bytes INTEGER NOT NULL, dropped_batches INTEGER NOT NULL, dropped_beats INTEGER NOT NULL)""",
    "INSERT OR IGNORE INTO total VALUES (1, 0, 0, 0, 0, 0)",
    # Counted as rows come and go: to count them at a start takes minutes on a full spool and an SD card.
    """CREATE TRIGGER IF NOT EXISTS came AFTER INSERT ON batch BEGIN
        UPDATE total SET batches = batches + 1, beats = beats + NEW.beats, bytes = bytes + length(NEW.payload); END""",
    """CREATE TRIGGER IF NOT EXISTS went AFTER DELETE ON batch BEGIN
        UPDATE total SET batches = batches - 1, beats = beats - OLD.beats, bytes = bytes - length(OLD.payload); END""",
)
_FORGET_EMPTY = "DELETE FROM stream WHERE NOT EXISTS (SELECT 1 FROM batch WHERE batch.stream = stream.number)"
_ADD = """INSERT OR IGNORE INTO batch SELECT number, ?, ?, ?, ? FROM stream
    WHERE person = ? AND strap = ? AND stream = ?"""
_FORGET = """DELETE FROM batch WHERE sequence BETWEEN ? AND ?
    AND stream = (SELECT number FROM stream WHERE person = ? AND strap = ? AND stream = ?)"""
# CROSS: from the few streams to a batch of each; left to itself SQLite looks at every batch that is held.
_FIRSTS = """SELECT number, person, strap, stream.stream, sequence, received_ns FROM stream CROSS JOIN batch
    ON batch.stream = number AND sequence = (SELECT min(sequence) FROM batch WHERE stream = number)
    ORDER BY received_ns"""
_AFTER = """SELECT sequence, received_ns, beats, payload FROM batch
    WHERE stream = ? AND sequence > ? ORDER BY sequence LIMIT ?"""
_BEFORE = """SELECT sequence, received_ns, beats, payload FROM batch
    WHERE stream = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?"""


class StreamKey(NamedTuple):
    """Whose beats, and of which start of the collector."""

    person: str
    strap: str
    stream: str


@dataclass(frozen=True, slots=True)
class Held:
    """One batch that the pipeline has not confirmed."""

    key: StreamKey
    sequence: int
    received_ns: int
    beats: int
    payload: bytes  # encoded, for `wire.with_held_from`


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the spool holds; beyond it the oldest batches are dropped, and counted."""

    max_age_ns: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What the file holds, and what it has dropped since it was made."""

    batches: int = 0
    beats: int = 0
    bytes: int = 0
    dropped_batches: int = 0
    dropped_beats: int = 0
    oldest_ns: int | None = None  # when the oldest batch was received


@dataclass(frozen=True, slots=True)
class First:
    """The first batch that is held of a stream."""

    number: int
    key: StreamKey
    sequence: int
    received_ns: int


class SpoolFile:
    """An open spool file; no other process may open it.

    Args:
        path: the file, created where it is missing; None: in memory.

    Raises:
        StoreBusy, StoreUnavailable, StoreDamaged, StoreTooNew: see `Database`.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = Database(path, busy_timeout_s=_BUSY_TIMEOUT_S, exclusive=True, kind=KIND)
        try:
            with self._database.transaction() as transaction:
                bring_up_to_date(transaction, _MIGRATION)
                transaction.execute(_FORGET_EMPTY)
                self._learn(transaction)
        except BaseException:
            self._database.close()
            raise

    def _learn(self, transaction: Connection) -> None:
        rows = transaction.execute(_FIRSTS).fetchall()
        firsts = [First(number, StreamKey(*key), sequence, ns) for number, *key, sequence, ns in rows]
        self.firsts = {first.key: first for first in firsts}
        self.totals = replace(_totals(transaction), oldest_ns=firsts[0].received_ns if firsts else None)

    def write(
        self,
        batches: Sequence[Held],
        confirmed: Mapping[StreamKey, Sequence[SequenceRange]],
        lost: tuple[int, int] = (0, 0),
    ) -> None:
        """Add batches, forget confirmed ones, and count lost batches and beats, all in one commit.

        Raises:
            StoreUnavailable, StoreDamaged: nothing of it was done.
        """
        with self._database.transaction() as transaction:
            self._add(transaction, batches)
            forget = [(*pair, *key) for key, ranges in confirmed.items() for pair in ranges]
            transaction.executemany(_FORGET, forget)
            _count_dropped(transaction, *lost)
            self._learn(transaction)

    def _add(self, transaction: Connection, batches: Sequence[Held]) -> None:
        keys = dict.fromkeys(held.key for held in batches)
        transaction.executemany("INSERT OR IGNORE INTO stream (person, strap, stream) VALUES (?, ?, ?)", keys)
        rows = [(held.sequence, held.received_ns, held.beats, held.payload, *held.key) for held in batches]
        transaction.executemany(_ADD, rows)

    def keep_within(self, limits: Limits, now_ns: int, own: Collection[StreamKey]) -> None:
        """Drop the oldest batches beyond the limits; those of `own` streams are spared for their age.

        The clock of a Raspberry Pi may be set forward by months when it finds a network: that ages no beat.
        """
        before_ns = now_ns - limits.max_age_ns
        while old := [
            first for first in self.firsts.values() if first.received_ns < before_ns and first.key not in own
        ]:
            self._drop(old[0], before_ns)
        while self.firsts and self.totals.bytes > limits.max_bytes:
            self._drop(next(iter(self.firsts.values())), None)

    def _drop(self, first: First, before_ns: int | None) -> None:
        with self._database.transaction() as transaction:
            transaction.execute(
                "DELETE FROM batch WHERE stream = ? AND sequence BETWEEN ? AND ? AND received_ns < ifnull(?, 9e999)",
                (first.number, first.sequence, first.sequence + _DROPPED_AT_ONCE - 1, before_ns),
            )
            now = _totals(transaction)
            _count_dropped(transaction, self.totals.batches - now.batches, self.totals.beats - now.beats)
            self._learn(transaction)

    def read(self, person: str, strap: str, after: Held | None, limit: int) -> list[Held]:
        """Batches of a strap, oldest first, after one that was read before."""
        firsts = [first for first in self.firsts.values() if first.key[:2] == (person, strap)]
        found: list[Held] = []
        with self._database.transaction("BEGIN") as transaction:
            number, sequence = _position(transaction, after)
            for first in sorted(firsts, key=lambda first: first.number):
                if first.number < number:
                    continue
                past = sequence if first.number == number else -1
                rows = transaction.execute(_AFTER, (first.number, past, limit - len(found)))
                found.extend(Held(first.key, *row) for row in rows)
                if len(found) == limit:
                    break
        return found

    def of_person(self, person: str) -> int:
        """How many batches are held of a person."""
        query = "SELECT count(*) FROM batch WHERE stream IN (SELECT number FROM stream WHERE person = ?)"
        with self._database.transaction("BEGIN") as transaction:
            return int(transaction.execute(query, (person,)).fetchone()[0])

    def forget_person(self, person: str) -> None:
        """Delete what is held of a person, for good.

        Raises:
            StoreUnavailable: the file can't be written.
        """
        with self._database.transaction() as transaction:
            query = "DELETE FROM batch WHERE stream IN (SELECT number FROM stream WHERE person = ?)"
            transaction.execute(query, (person,))
            transaction.execute("DELETE FROM stream WHERE person = ?", (person,))
            self._learn(transaction)
        self._database.compact()

    def close(self) -> None:
        """Release the file."""
        self._database.close()


def _create(transaction: Connection) -> None:
    for statement in _TABLES:
        transaction.execute(statement)


_MIGRATION = Migration(KIND, _create, (), lambda transaction: int(has_table(transaction, "total")))


def _totals(transaction: Connection) -> Totals:
    return Totals(
        *transaction.execute("SELECT batches, beats, bytes, dropped_batches, dropped_beats FROM total").fetchone()
    )


def _count_dropped(transaction: Connection, batches: int, beats: int) -> None:
    transaction.execute(
        "UPDATE total SET dropped_batches = dropped_batches + ?, dropped_beats = dropped_beats + ?", (batches, beats)
    )


def _position(transaction: Connection, after: Held | None) -> tuple[int, int]:
    if after is None:
        return (-1, -1)
    query = "SELECT number FROM stream WHERE person = ? AND strap = ? AND stream = ?"
    row = transaction.execute(query, after.key).fetchone()
    return (-1, -1) if row is None else (row[0], after.sequence)


def salvage(aside: Path, file: SpoolFile) -> int:
    """Copy every batch that can still be read in a damaged file; how many there were.

    Raises:
        StoreUnavailable: the new file can't be written.
    """
    before = file.totals.batches
    try:
        damaged = Database(aside, busy_timeout_s=_BUSY_TIMEOUT_S)
    except StoreDamaged:
        return 0
    with closing(damaged):
        for batches in _readable(damaged):
            file.write(batches, {})
    return file.totals.batches - before


def _readable(damaged: Database) -> Iterator[list[Held]]:
    """Each stream from its beginning to the first broken page, then from its end back to the last one."""
    if not _rows(damaged, "SELECT 1 FROM sqlite_master WHERE name = 'batch'", ()):
        return
    streams = _rows(damaged, "SELECT number, person, strap, stream FROM stream ORDER BY number", ())
    for number, *key in streams or ():
        for query, position in ((_AFTER, -1), (_BEFORE, 2**62)):
            is_whole = yield from _readable_part(damaged, query, number, StreamKey(*key), position)
            if is_whole:
                break


def _readable_part(
    damaged: Database, query: str, number: int, key: StreamKey, position: int
) -> Generator[list[Held], None, bool]:
    at_once = _SALVAGED_AT_ONCE
    while at_once:
        rows = _rows(damaged, query, (number, position, at_once))
        if rows is None:
            at_once //= 2  # what lies before the broken page can be read in smaller pieces
        elif rows:
            position = rows[-1][0]
            yield [Held(key, *row) for row in rows]
        else:
            return True
    return False


def _rows(damaged: Database, query: str, arguments: tuple[int, ...]) -> list[tuple[Any, ...]] | None:
    """The rows, or None where they lie on a broken page."""
    try:
        with damaged.transaction("BEGIN") as transaction:
            return transaction.execute(query, arguments).fetchall()
    except StoreDamaged as error:
        _log.warning("a part of the damaged spool can't be read error=%r", str(error))
        return None
