"""The trace of each person, minute by minute, in the journal: what scores are made of, without stepping through beats.

Everything here can be derived again from the beats. The functions take the connection of a transaction of the journal.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ingest.database import Connection
from pipeline.schema import HEART, HRV, Point
from pipeline.scores.trace import COLUMNS, MINUTE_NS, MOMENT_NS, SECOND_NS, Trace

_SECONDS, _MOMENTS = 60, 12
_NAMES = tuple(COLUMNS)
_CELLS = _SECONDS + _MOMENTS * len(_NAMES)
_COLUMN_OF = {source: number for number, source in enumerate(COLUMNS.values())}
_FIELDS_OF = {
    window: tuple(field for of_window, field in COLUMNS.values() if of_window == window)
    for window, _ in COLUMNS.values()
}

_TABLE = """CREATE TABLE IF NOT EXISTS minute (
    person TEXT NOT NULL, start_ns INTEGER NOT NULL, strap TEXT NOT NULL,
    cells BLOB NOT NULL,  -- 60 heart rates, then 12 moments of each column, as float64; nan: not known
    PRIMARY KEY (person, start_ns, strap)
) STRICT, WITHOUT ROWID"""

Key = tuple[str, int, str]  # person, start of the minute, strap


def create_minutes(connection: Connection) -> None:
    """Make the table where it is missing."""
    connection.execute(_TABLE)


def add_to_minutes(connection: Connection, points: Iterable[Point]) -> set[Key]:
    """Fill in what points say of heart rate and indices; returns the minutes that they touch."""
    changed: dict[Key, NDArray[np.float64]] = {}
    for point in points:
        if point.measurement is not HEART and point.measurement is not HRV:
            continue
        person, strap = point.tags[:2]
        start_ns = point.time_ns - point.time_ns % MINUTE_NS
        key = (person, start_ns, strap)
        if key not in changed:
            changed[key] = _cells(connection, key)
        _fill(changed[key], point, point.time_ns - start_ns)
    connection.executemany(
        "INSERT INTO minute VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET cells = excluded.cells",
        [(*key, cells.tobytes()) for key, cells in changed.items()],
    )
    return set(changed)


def read_trace(connection: Connection, person: str, start_ns: int, end_ns: int) -> Trace:
    """The trace of a person from one full minute to another; of two straps at once, each minute the better filled."""
    rows = connection.execute(
        "SELECT start_ns, cells FROM minute WHERE person = ? AND start_ns >= ? AND start_ns < ? "
        "ORDER BY start_ns, strap",
        (person, start_ns, end_ns),
    )
    minutes: dict[int, NDArray[np.float64]] = {}
    for minute_ns, packed in rows:
        cells = np.frombuffer(packed, np.float64)
        if minute_ns not in minutes or _filled(cells) > _filled(minutes[minute_ns]):
            minutes[minute_ns] = cells
    table = np.array(list(minutes.values()), np.float64).reshape(-1, _CELLS)
    starts_ns = np.fromiter(minutes, np.int64, len(minutes))[:, None]
    second_ns = (starts_ns + np.arange(_SECONDS) * SECOND_NS).ravel()
    moment_ns = (starts_ns + np.arange(_MOMENTS) * MOMENT_NS).ravel()
    heart_rate_bpm = table[:, :_SECONDS].ravel()
    columns = table[:, _SECONDS:].reshape(-1, len(_NAMES), _MOMENTS)
    by_name = {name: columns[:, number].ravel() for number, name in enumerate(_NAMES)}
    known, told = np.isfinite(heart_rate_bpm), np.isfinite(by_name["coverage_pct"])
    return Trace(
        second_ns[known],
        heart_rate_bpm[known],
        moment_ns[told],
        {name: column[told] for name, column in by_name.items()},
    )


def minutes_of(connection: Connection, person: str) -> list[int]:
    """The starts of all minutes of which there is something."""
    query = "SELECT DISTINCT start_ns FROM minute WHERE person = ? ORDER BY start_ns"
    return [start_ns for (start_ns,) in connection.execute(query, (person,))]


def _cells(connection: Connection, key: Key) -> NDArray[np.float64]:
    query = "SELECT cells FROM minute WHERE person = ? AND start_ns = ? AND strap = ?"
    row = connection.execute(query, key).fetchone()
    return np.full(_CELLS, np.nan) if row is None else np.frombuffer(row[0], np.float64).copy()


def _fill(cells: NDArray[np.float64], point: Point, offset_ns: int) -> None:
    if point.measurement is HEART:
        cells[offset_ns // SECOND_NS] = point.fields["heart_rate_bpm"]
        return
    window = point.tags[2]
    for field in _FIELDS_OF.get(window, ()):
        cell = _SECONDS + _COLUMN_OF[window, field] * _MOMENTS + offset_ns // MOMENT_NS
        value = point.fields.get(field)
        cells[cell] = np.nan if value is None else float(value)


def _filled(cells: NDArray[np.float64]) -> int:
    return int(np.count_nonzero(np.isfinite(cells[:_SECONDS])))
