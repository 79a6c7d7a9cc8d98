"""What a household has kept: reads the journal, the stores, and the rows that wait in a file of our own."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from ingest.model import BeatBatch
from pipeline.journal import Journal
from pipeline.schema import BEAT, HEART, HRV, FieldValue
from pipeline.storable import LATEST_NS
from tests.faults.audit import Points
from tests.fixtures.influxd import InfluxDatabase

DERIVED = (BEAT, HEART, HRV)
"""What follows from beats alone; the points of a strap's state also tell of the faults."""


class Records(Protocol):
    """A store, read behind the product's back."""

    def count(self, strap: str, *figures: range) -> list[int]:
        """How many beats of a strap are stored whose heart rate figure is in a range; for each of some ranges."""
        ...

    def points(self, person: str, strap: str, start_ns: int = 0, end_ns: int = LATEST_NS) -> Points:
        """Everything stored of one strap that follows from its beats, from one time up to another."""
        ...


class InfluxRecords:
    """A real InfluxDB's."""

    def __init__(self, database: InfluxDatabase) -> None:
        self.database = database

    def count(self, strap: str, *figures: range) -> list[int]:
        query = "SELECT count(rr_ticks) FROM beat WHERE strap = '{}' AND heart_rate_bpm >= {} AND heart_rate_bpm < {}"
        found = [self.database.query(query.format(strap, each.start, each.stop)) for each in figures]
        return [series[0]["values"][0][1] if series else 0 for series in found]

    def points(self, person: str, strap: str, start_ns: int = 0, end_ns: int = LATEST_NS) -> Points:
        found: Points = {}
        where = f"WHERE person = '{person}' AND strap = '{strap}' AND time >= {start_ns} AND time < {end_ns}"
        for measurement in DERIVED:
            for series in self.database.query(f'SELECT * FROM "{measurement.name}" {where}'):
                for values in series["values"]:
                    _put(found, measurement.name, measurement.tags, dict(zip(series["columns"], values, strict=True)))
        return found


class SqliteRecords:
    """A SQLite store's."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def count(self, strap: str, *figures: range) -> list[int]:
        query = "SELECT count(*) FROM beat WHERE strap = ? AND heart_rate_bpm >= ? AND heart_rate_bpm < ?"
        with self._reading() as connection:
            return [connection.execute(query, (strap, each.start, each.stop)).fetchone()[0] for each in figures]

    def points(self, person: str, strap: str, start_ns: int = 0, end_ns: int = LATEST_NS) -> Points:
        found: Points = {}
        with self._reading() as connection:
            connection.row_factory = sqlite3.Row
            for measurement in DERIVED:
                query = f'SELECT * FROM "{measurement.name}" WHERE person = ? AND strap = ? AND time_ns BETWEEN ? AND ?'
                for row in connection.execute(query, (person, strap, start_ns, end_ns - 1)):
                    _put(found, measurement.name, measurement.tags, {"time": row["time_ns"], **dict(row)})
        return found

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            yield connection


def _put(found: Points, name: str, tags: tuple[str, ...], row: dict[str, FieldValue | None]) -> None:
    time_ns = row["time"]
    assert isinstance(time_ns, int)
    key = (name, tuple(str(row[tag]) for tag in tags), time_ns)
    skipped = {"time", "time_ns", *tags}
    found[key] = {field: stored for field, stored in row.items() if stored is not None and field not in skipped}


def journal_batches(home: Path, person: str, strap: str) -> list[list[BeatBatch]]:
    """The batches that the pipeline's journal has of a strap: a list for each stream, the oldest stream first."""
    path = home / "journal.db"
    if not path.exists():
        return []
    with closing(Journal.open_to_read(path)) as journal:
        streams = [each for each in journal.streams() if (each.person, each.strap) == (person, strap)]
        found = [list(journal.batches(each)) for each in streams]
    return sorted((batches for batches in found if batches), key=lambda batches: batches[0].received_ns)


def rows(path: Path, table: str) -> int:
    """How many rows a table of a SQLite file holds; 0 if the file is not there yet.

    A copy is read, with the log beside it: the process that owns the file may have locked all others out.
    """
    if not path.exists():
        return 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copy(source, copy.with_name(copy.name + suffix))
        with closing(sqlite3.connect(copy)) as connection:
            return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])
