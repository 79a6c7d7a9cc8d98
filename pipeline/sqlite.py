"""The embedded store: one SQLite file, one table a measurement, readable with any SQLite tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from ingest.database import Connection, Database, Kind, version_of
from ingest.errors import ConfigError, StoreDamaged
from pipeline.schema import MEASUREMENTS, FieldType, FieldValue, Measurement, Point
from pipeline.storable import check_points

KIND = Kind("store", 1)
"""Raised when a table or column changes its meaning or goes away; those that are new only come beside the others."""

_COLUMN_TYPES = {FieldType.FLOAT: "REAL", FieldType.INTEGER: "INTEGER", FieldType.STRING: "TEXT"}


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
        StoreTooNew: a newer release wrote it.
    """

    def __init__(
        self, path: Path, *, schema: Iterable[Measurement] = MEASUREMENTS.values(), busy_timeout_s: float = 5.0
    ) -> None:
        self._path = path.absolute()
        self._upserts = {measurement: _upsert(measurement) for measurement in schema}
        self._database = Database(path, busy_timeout_s=busy_timeout_s, kind=KIND)
        try:
            with self._database.transaction() as connection:
                self._prepare(connection)
        except BaseException:
            self._database.close()
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
        with self._database.transaction():
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
        with self._database.transaction() as connection:
            for upsert, batch in upserts:
                connection.executemany(upsert, batch)

    def count(self, measurement: Measurement, *, person: str | None = None) -> int:
        """How many points carry the measurement's first field, of one person or of all."""
        self._known(measurement)
        # Identifiers come from the schema only, here and below; values are always parameters.
        query = f'SELECT count("{measurement.fields[0].name}") FROM "{measurement.name}"'  # noqa: S608
        where, values = _where(measurement, {"person": person})
        with self._database.transaction("BEGIN") as connection:
            return int(connection.execute(query + where, values).fetchone()[0])

    def newest_ns(self, measurement: Measurement) -> int | None:
        """Unix time of the newest point that carries the measurement's first field; None where there is none."""
        self._known(measurement)
        field = measurement.fields[0].name
        query = (
            f'SELECT max(time_ns) FROM "{measurement.name}" WHERE {_of_series(measurement)} AND "{field}" IS NOT NULL'  # noqa: S608
        )
        with self._database.transaction("BEGIN") as connection:
            found = [connection.execute(query, tags).fetchone()[0] for tags in _all_series(connection, measurement)]
        return max((time_ns for time_ns in found if time_ns is not None), default=None)

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
        with self._database.transaction("BEGIN") as connection:
            rows = connection.execute(query, values).fetchall()
        return [(time_ns, found) for time_ns, found in rows if found is not None]

    def of_person(self, person: str) -> int:
        """How many points there are of a person, in all tables, and points of others that name them."""
        with self._database.transaction("BEGIN") as connection:
            own = sum(
                connection.execute(f'SELECT count(*) FROM "{m.name}" WHERE person = ?', (person,)).fetchone()[0]  # noqa: S608
                for m in self._of_people()
            )
            query = "SELECT count(*) FROM session WHERE instr(', ' || together || ', ', ', ' || ? || ', ')"
            return int(own + connection.execute(query, (person,)).fetchone()[0])

    def forget_person(self, person: str) -> None:
        """Delete all points of a person, for good.

        Raises:
            StoreUnavailable: the file can't be written, or another program reads it.
        """
        with self._database.transaction() as connection:
            for measurement in self._of_people():
                connection.execute(f'DELETE FROM "{measurement.name}" WHERE person = ?', (person,))  # noqa: S608
        self._database.compact()

    def forget_before(self, measurement: Measurement, time_ns: int) -> None:
        """Delete the points of a measurement that are older; the file keeps its size, and uses the room again.

        Raises:
            StoreUnavailable: the file can't be written now.
        """
        self._known(measurement)
        query = f'DELETE FROM "{measurement.name}" WHERE {_of_series(measurement)} AND time_ns < ?'  # noqa: S608
        with self._database.transaction() as connection:
            for tags in list(_all_series(connection, measurement)):
                connection.execute(query, (*tags, time_ns))

    def _of_people(self) -> list[Measurement]:
        return [measurement for measurement in self._upserts if "person" in measurement.tags]

    def close(self) -> None:
        """Release the file; safe to call twice."""
        self._database.close()

    def _prepare(self, connection: Connection) -> None:
        for measurement in self._upserts:
            connection.execute(_create(measurement))
            self._add_columns(connection, measurement)
        if version_of(connection) != KIND.version:
            connection.execute(f"PRAGMA user_version = {KIND.version}")

    def _add_columns(self, connection: Connection, measurement: Measurement) -> None:
        """Bring the table of an older release up to this one's fields."""
        have = {row[1] for row in connection.execute(f'PRAGMA table_info("{measurement.name}")')}
        if not have.issuperset({"time_ns", *measurement.tags}):
            message = f"table {measurement.name!r} in {self._path} is not Strapline's"
            raise StoreDamaged(message, path=None, advice="Name another file in store_url, or move this one away.")
        for field in measurement.fields:
            if field.name not in have:
                column = f'"{field.name}" {_COLUMN_TYPES[field.type]}'
                connection.execute(f'ALTER TABLE "{measurement.name}" ADD COLUMN {column}')

    def _known(self, measurement: Measurement) -> str:
        if measurement not in self._upserts:
            message = f"measurement {measurement.name!r} is not in this store's schema"
            raise ValueError(message)
        return self._upserts[measurement]


def _of_series(measurement: Measurement) -> str:
    """The condition on the tags of one series."""
    return " AND ".join(f'"{tag}" = ?' for tag in measurement.tags)


def _all_series(connection: Connection, measurement: Measurement) -> Iterator[tuple[str, ...]]:
    """The tags of every series, from one to the next by the key: to look at every row of years takes a minute."""
    tags, marks = ", ".join(f'"{tag}"' for tag in measurement.tags), ", ".join("?" * len(measurement.tags))
    query = f'SELECT {tags} FROM "{measurement.name}" WHERE ({tags}) > ({marks}) ORDER BY {tags} LIMIT 1'  # noqa: S608
    series = ("",) * len(measurement.tags)
    while series := connection.execute(query, series).fetchone():
        yield series


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
