"""The embedded store: one SQLite file, one table a measurement, readable with any SQLite tool."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Self

from ingest.errors import ConfigError, StoreError, StoreRejected, StoreUnavailable
from pipeline.schema import MEASUREMENTS, FieldType, FieldValue, Measurement, Point, check_points

_COLUMN_TYPES = {FieldType.FLOAT: "REAL", FieldType.INTEGER: "INTEGER", FieldType.STRING: "TEXT"}

_ADVICE = {
    sqlite3.SQLITE_BUSY: "Another program holds the file; close it, or wait until it is done.",
    sqlite3.SQLITE_CANTOPEN: "Check that the folder exists and that this user may write in it.",
    sqlite3.SQLITE_CORRUPT: "Move the file away: `strapline recompute` fills a new one from the stored beats.",
    sqlite3.SQLITE_FULL: "Make room on the disk; nothing is lost meanwhile.",
    sqlite3.SQLITE_IOERR: "Check the disk or SD card, and the room on it; nothing is lost meanwhile.",
    sqlite3.SQLITE_NOTADB: "Name another file in store_url, or move this one away.",
    sqlite3.SQLITE_PERM: "Give this user the right to write the file.",
    sqlite3.SQLITE_READONLY: "Give this user the right to write the file and its folder.",
}


class SqliteStore:
    """Points in the tables of one SQLite file.

    Each measurement is a table of that name: `time_ns`, its tags, its fields, so `SELECT * FROM hrv` reads it.
    Threads may share a store; their calls take turns.

    Args:
        path: the file; it and its folder are created where they are missing.
        schema: what the file holds; missing tables and columns are added.
        busy_timeout_s: how long to wait for another program's lock.

    Raises:
        StoreUnavailable: the file can't be opened, or is not Strapline's.
    """

    def __init__(
        self, path: Path, *, schema: Iterable[Measurement] = MEASUREMENTS.values(), busy_timeout_s: float = 5.0
    ) -> None:
        self._path = path.absolute()
        self._upserts = {measurement: _upsert(measurement) for measurement in schema}
        self._turn = Lock()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"folder {self._path.parent} can't be created: {error.strerror}"
            raise StoreUnavailable(message, advice=_ADVICE[sqlite3.SQLITE_CANTOPEN]) from error
        with self._translated():
            # isolation_level=None: transactions begin and end where this module says so.
            self._connection = sqlite3.connect(
                self._path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The store of a `sqlite:///relative.db` or `sqlite:////absolute.db` URL.

        Raises:
            ConfigError: the URL names no file.
            StoreUnavailable: the file can't be opened.
        """
        # Not parsed as a URL: '?', '#' and '%' may stand in a file's name.
        prefix, path = url[: len("sqlite:///")], url[len("sqlite:///") :]
        if prefix != "sqlite:///" or path in {"", "/"}:
            message = f"store_url {url!r} names no file"
            raise ConfigError(message, advice="Write sqlite:///strapline.db, or sqlite:////var/lib/strapline.db.")
        return cls(Path(path).expanduser())

    def __repr__(self) -> str:
        return f"SqliteStore({str(self._path)!r})"

    def check(self) -> None:
        """Ask for the right to write, and give it back; a disk that is full shows only on writing.

        Raises:
            StoreUnavailable: the file is locked, read-only or damaged.
        """
        with self._transaction():
            pass

    def write(self, points: Sequence[Point]) -> None:
        """Store all points, or none of them.

        Raises:
            StoreUnavailable: the file can't be written now.
            StoreRejected: a column of the file has another type than the field.
            ValueError: a point that no store could keep, or of a measurement outside the schema.
        """
        check_points(points)
        rows: dict[Measurement, list[tuple[FieldValue | None, ...]]] = {}
        for point in points:
            rows.setdefault(point.measurement, []).append(_row(point))
        upserts = [(self._known(measurement), batch) for measurement, batch in rows.items()]
        with self._transaction():
            for upsert, batch in upserts:
                self._connection.executemany(upsert, batch)

    def count(self, measurement: Measurement, *, person: str | None = None) -> int:
        """How many points carry the measurement's first field, of one person or of all."""
        self._known(measurement)
        # Identifiers come from the schema only, here and below; values are always parameters.
        query = f'SELECT count("{measurement.fields[0].name}") FROM "{measurement.name}"'  # noqa: S608
        where, values = _where(measurement, {"person": person})
        with self._transaction("BEGIN"):
            return int(self._connection.execute(query + where, values).fetchone()[0])

    def series(
        self,
        measurement: Measurement,
        field_name: str,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        **tags: str | None,
    ) -> list[tuple[int, FieldValue]]:
        """Times and values of one field, in order of time, without the points that lack it.

        Args:
            measurement: one of the store's schema.
            field_name: one of its fields.
            start_ns: the first time wanted, if not the earliest.
            end_ns: the first time no longer wanted, if not all.
            **tags: the value that a tag must have (`person="ann", window="60s"`); None asks for any.

        Raises:
            KeyError: the measurement has no such field or tag.
            StoreUnavailable: the file can't be read now.
        """
        self._known(measurement)
        field = measurement.field(field_name).name
        where, values = _where(measurement, tags, start_ns=start_ns, end_ns=end_ns)
        query = f'SELECT time_ns, "{field}" FROM "{measurement.name}"{where} ORDER BY time_ns'  # noqa: S608
        with self._transaction("BEGIN"):
            rows = self._connection.execute(query, values).fetchall()
        return [(time_ns, found) for time_ns, found in rows if found is not None]

    def close(self) -> None:
        """Release the file; safe to call twice."""
        with self._turn:
            self._connection.close()

    def _prepare(self) -> None:
        with self._translated():
            self._connection.execute("PRAGMA journal_mode = WAL")
            # FULL, not NORMAL: a point leaves the outbox when write() returns, so it must outlive a power cut then.
            self._connection.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            for measurement in self._upserts:
                self._connection.execute(_create(measurement))
                self._add_columns(measurement)

    def _add_columns(self, measurement: Measurement) -> None:
        """Bring the table of an older release up to this one's fields."""
        have = {row[1] for row in self._connection.execute(f'PRAGMA table_info("{measurement.name}")')}
        if not have.issuperset({"time_ns", *measurement.tags}):
            message = f"table {measurement.name!r} in {self._path} is not Strapline's"
            raise StoreUnavailable(message, advice=_ADVICE[sqlite3.SQLITE_NOTADB])
        for field in measurement.fields:
            if field.name not in have:
                column = f'"{field.name}" {_COLUMN_TYPES[field.type]}'
                self._connection.execute(f'ALTER TABLE "{measurement.name}" ADD COLUMN {column}')

    def _known(self, measurement: Measurement) -> str:
        if measurement not in self._upserts:
            message = f"measurement {measurement.name!r} is not in this store's schema"
            raise ValueError(message)
        return self._upserts[measurement]

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        with self._turn, self._translated():
            self._connection.execute(begin)
            if not self._path.exists():
                self._connection.execute("ROLLBACK")
                message = f"{self._path} was removed while it was open"
                raise StoreUnavailable(message, advice="Start Strapline again, and `strapline recompute` fills it.")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                # A full disk has ended the transaction already; most other errors have not.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            found = self._store_error(error)
            if found is None:
                raise
            raise found from error

    def _store_error(self, error: sqlite3.DatabaseError) -> StoreError | None:
        primary_code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        message = f"{self._path}: {error}"
        if primary_code == sqlite3.SQLITE_CONSTRAINT:
            return StoreRejected(message, advice="The file keeps this field as another type; move the file away.")
        if primary_code in _ADVICE:
            return StoreUnavailable(message, advice=_ADVICE[primary_code])
        return None


def _create(measurement: Measurement) -> str:
    columns = ["time_ns INTEGER NOT NULL"]
    columns += [f'"{tag}" TEXT NOT NULL' for tag in measurement.tags]
    columns += [f'"{field.name}" {_COLUMN_TYPES[field.type]}' for field in measurement.fields]
    key = ", ".join([*(f'"{tag}"' for tag in measurement.tags), "time_ns"])
    return (
        f'CREATE TABLE IF NOT EXISTS "{measurement.name}" ({", ".join(columns)}, PRIMARY KEY ({key})) '
        # STRICT refuses a text in a column of numbers, as InfluxDB does.
        "STRICT, WITHOUT ROWID"
    )


def _upsert(measurement: Measurement) -> str:
    names = ["time_ns", *measurement.tags, *(field.name for field in measurement.fields)]
    columns = ", ".join(f'"{name}"' for name in names)
    key = ", ".join(f'"{name}"' for name in (*measurement.tags, "time_ns"))
    merged = ", ".join(f'"{f.name}" = COALESCE(excluded."{f.name}", "{f.name}")' for f in measurement.fields)
    return (
        f'INSERT INTO "{measurement.name}" ({columns}) VALUES ({", ".join("?" * len(names))}) '  # noqa: S608
        f"ON CONFLICT ({key}) DO UPDATE SET {merged}"
    )


def _row(point: Point) -> tuple[FieldValue | None, ...]:
    return (point.time_ns, *point.tags, *(point.fields.get(field.name) for field in point.measurement.fields))


def _where(
    measurement: Measurement, tags: dict[str, str | None], *, start_ns: int | None = None, end_ns: int | None = None
) -> tuple[str, list[str | int]]:
    conditions: list[str] = []
    values: list[str | int] = []
    for name, tag in tags.items():
        if name not in measurement.tags:
            raise KeyError(name)
        if tag is not None:
            conditions.append(f'"{name}" = ?')
            values.append(tag)
    for condition, limit in (("time_ns >= ?", start_ns), ("time_ns < ?", end_ns)):
        if limit is not None:
            conditions.append(condition)
            values.append(limit)
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values
