"""The outbox: points on their way to the stores, in the order in which they were derived.

Each store has its place in the queue, so one that is away holds up no other. A store that is new, or so far behind that
its points were dropped, is filled from the journal, from which all points can be derived again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ingest.database import Connection, Database
from ingest.errors import StoreError
from ingest.migration import has_table
from pipeline.journal import KIND
from pipeline.rows import pack_points, point_of, point_row, unpack_points
from pipeline.schema import Point

_TABLES = (
    # `number`: how many points there have ever been, up to and with this entry; what waits is a difference of two.
    "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER, points BLOB) STRICT",
    """CREATE TABLE IF NOT EXISTS store (
        name TEXT PRIMARY KEY,
        entry_id INTEGER NOT NULL,   -- the last entry that it has
        number INTEGER NOT NULL,     -- that entry's
        filled_stream INTEGER        -- the last stream of the journal that it was filled with; NULL: it has all
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS rejected (
        id INTEGER PRIMARY KEY, store TEXT NOT NULL, point TEXT NOT NULL, reason TEXT NOT NULL, advice TEXT NOT NULL
    ) STRICT""",
)

MAX_ENTRIES = 300_000
"""Entries that may wait for a store, three days of a strap's; then it is filled from the journal."""

_REJECTED_KEPT = 100_000
POINTS_AT_ONCE = 5_000
"""Points that are written together."""
_ENTRIES_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Due:
    """The next points for a store, and the entry up to which they go."""

    points: list[Point]
    entry_id: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Points that a store would not take, counted by its reason."""

    store: str
    reason: str
    advice: str
    points: int


def create_outbox(connection: Connection) -> None:
    """Make the outbox's tables."""
    for table in _TABLES:
        connection.execute(table)


def number_entries(connection: Connection) -> None:
    """From an outbox whose entries know their size to one whose entries count all points that ever were."""
    for table in ("entry", "store"):
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    create_outbox(connection)
    connection.execute(
        "INSERT INTO entry (id, number, points) SELECT id, sum(size) OVER (ORDER BY id), points FROM entry_1"
    )
    connection.execute(
        "INSERT INTO store SELECT name, entry_id, "
        "ifnull((SELECT number FROM entry WHERE id = entry_id), 0), filled_stream FROM store_1"
    )
    # An id that was given must not be given again: the stores know by it what they have.
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'entry'")
    connection.execute("UPDATE sqlite_sequence SET name = 'entry' WHERE name = 'entry_1'")
    for table in ("entry", "store"):
        connection.execute(f"DROP TABLE {table}_1")


def add_points(connection: Connection, points: Sequence[Point]) -> None:
    """Queue points for every store, within a transaction of the journal."""
    if points:
        _, number = _last_entry(connection)
        connection.execute(
            "INSERT INTO entry (number, points) VALUES (?, ?)", (number + len(points), pack_points(points))
        )


class Outbox:
    """The queue in a database whose tables exist."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.path = database.path

    def register(self, names: Iterable[str]) -> None:
        """Say which stores there are: new ones are to be filled, those that are gone are forgotten."""
        names = tuple(names)
        with self._database.transaction() as connection:
            marks = ", ".join("?" * len(names))
            connection.execute(f"DELETE FROM store WHERE name NOT IN ({marks})", names)  # noqa: S608 - marks only
            for name in names:
                connection.execute(
                    "INSERT OR IGNORE INTO store SELECT ?, ?, ?, CASE WHEN EXISTS (SELECT 1 FROM batch) "
                    "OR EXISTS (SELECT 1 FROM note) THEN 0 END",
                    (name, *_last_entry(connection)),
                )
            _forget_delivered(connection)

    def due(self, store: str) -> Due | None:
        """The next points of a store, in order; None where it has all."""
        points: list[Point] = []
        entry_id = 0
        query = (
            "SELECT id, points FROM entry WHERE id > (SELECT entry_id FROM store WHERE name = ?) ORDER BY id LIMIT ?"
        )
        with self._database.transaction("BEGIN") as connection:
            for row in connection.execute(query, (store, _ENTRIES_AT_ONCE)):
                entry_id, packed = row
                points += unpack_points(packed)
                if len(points) >= POINTS_AT_ONCE:
                    break
        return Due(points, entry_id) if points else None

    def newest(self, after_id: int, entries: int) -> Due | None:
        """The points of the newest entries after one, for a store that is not there yet; None if there are none."""
        with self._database.transaction("BEGIN") as connection:
            rows = connection.execute(
                "SELECT id, points FROM entry WHERE id > ? ORDER BY id DESC LIMIT ?", (after_id, entries)
            ).fetchall()[::-1]
        return Due([point for _, packed in rows for point in unpack_points(packed)], rows[-1][0]) if rows else None

    def delivered(self, store: str, entry_id: int, rejected: Iterable[tuple[Point, str, str]] = ()) -> None:
        """A store has everything up to an entry, but for those points, set aside with reason and advice."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE store SET entry_id = id, number = entry.number FROM entry WHERE name = ? AND id = ?",
                (store, entry_id),
            )
            _set_aside(connection, store, rejected)
            _forget_delivered(connection)

    def waiting(self, store: str) -> int:
        """How many points wait for a store."""
        with self._database.transaction("BEGIN") as connection:
            _, number = _last_entry(connection)
            row = connection.execute("SELECT number FROM store WHERE name = ?", (store,)).fetchone()
        return number - row[0] if row else 0

    def filled_stream(self, store: str) -> int | None:
        """The last stream of the journal that the store was filled with; None where it needs no filling.

        A store that is too far behind is to be filled: its place moves to the end of the queue, which forgets the rest.
        """
        with self._database.transaction() as connection:
            last, number = _last_entry(connection)
            moved = connection.execute(
                "UPDATE store SET filled_stream = 0, entry_id = ?, number = ? WHERE name = ? AND entry_id < ?",
                (last, number, store, last - MAX_ENTRIES),
            )
            if moved.rowcount:
                _forget_delivered(connection)
            row = connection.execute("SELECT filled_stream FROM store WHERE name = ?", (store,)).fetchone()
        return row[0] if row else None

    def set_filled(self, store: str, stream_id: int | None, rejected: Iterable[tuple[Point, str, str]] = ()) -> None:
        """A store was filled up to a stream; with 0 it is to be filled from the start, with None it has all."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE store SET filled_stream = ? WHERE name = ?", (stream_id, store))
            _set_aside(connection, store, rejected)

    def known_stores(self) -> set[str]:
        """The stores that have taken points before."""
        query = "SELECT name FROM store WHERE entry_id > 0 AND filled_stream IS NULL"
        with self._database.transaction("BEGIN") as connection:
            return {name for (name,) in connection.execute(query)}

    def refusals(self) -> list[Refusal]:
        """What was set aside, counted by store and reason."""
        query = "SELECT store, reason, advice, count(*) FROM rejected GROUP BY store, reason, advice ORDER BY store"
        with self._database.transaction("BEGIN") as connection:
            return [Refusal(*row) for row in connection.execute(query)]

    def retry(self) -> int:
        """Queue everything that was set aside once more; returns how many points."""
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT DISTINCT point FROM rejected ORDER BY id").fetchall()
            add_points(connection, [point_of(json.loads(row)) for (row,) in rows])
            connection.execute("DELETE FROM rejected")
        return len(rows)


def known_stores(file: Path) -> set[str]:
    """The stores that have taken points from the outbox of a journal file; none where it is missing or in trouble."""
    if not file.exists():
        return set()
    try:
        with closing(Database(file, kind=KIND)) as database:
            with database.transaction("BEGIN") as connection:
                if not has_table(connection, "store"):  # a process was killed at its first start
                    return set()
            return Outbox(database).known_stores()
    except StoreError:
        return set()  # a journal in trouble says so when it is opened to be used


def _last_entry(connection: Connection) -> tuple[int, int]:
    """The id and the number of the last entry that ever was, which may have left the queue."""
    query = "SELECT id, number FROM entry UNION ALL SELECT entry_id, number FROM store ORDER BY 1 DESC LIMIT 1"
    id_, number = connection.execute(query).fetchone() or (0, 0)
    return id_, number


def _forget_delivered(connection: Connection) -> None:
    connection.execute("DELETE FROM entry WHERE id <= (SELECT min(entry_id) FROM store)")


def _set_aside(connection: Connection, store: str, rejected: Iterable[tuple[Point, str, str]]) -> None:
    connection.executemany(
        "INSERT INTO rejected (store, point, reason, advice) VALUES (?, ?, ?, ?)",
        [(store, json.dumps(point_row(point)), reason, advice) for point, reason, advice in rejected],
    )
    connection.execute(
        "DELETE FROM rejected WHERE id <= (SELECT max(id) FROM rejected) - ?",
        (_REJECTED_KEPT,),
    )
