"""What a store's contract is tested on: each adapter with a real database behind it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from pipeline.influx import open_influx
from pipeline.schema import MEASUREMENTS, Measurement
from pipeline.sqlite import SqliteStore
from pipeline.store import Store
from tests.fixtures.influx_front import ORG, TOKEN, InfluxFront
from tests.fixtures.influxd import InfluxDatabase

Row = dict[str, Any]


class Target(Protocol):
    """An empty place to store in, which can be looked at behind the adapter's back."""

    def open(self, *more: Measurement) -> Store:
        """A store on it, for the schema and more measurements; closed after the test."""
        ...

    def rows(self, measurement: str) -> list[Row]:
        """What is stored, in order of time; fields without a value are left out."""
        ...

    def out_of_order(self) -> AbstractContextManager[None]:
        """Within it the database can't be used; afterwards it can."""
        ...


@dataclass
class SqliteTarget:
    path: Path
    opened: list[Store] = field(default_factory=list)

    def open(self, *more: Measurement) -> SqliteStore:
        store = SqliteStore(self.path, schema=[*MEASUREMENTS.values(), *more], busy_timeout_s=0.05)
        self.opened.append(store)
        return store

    def rows(self, measurement: str) -> list[Row]:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(f'SELECT * FROM "{measurement}" ORDER BY time_ns').fetchall()
        return [{name: row[name] for name in row.keys() if row[name] is not None} for row in found]  # noqa: SIM118

    @contextmanager
    def out_of_order(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other_program:
            other_program.execute("BEGIN EXCLUSIVE")
            yield


@dataclass
class InfluxTarget:
    database: InfluxDatabase
    front: InfluxFront
    scheme: str
    opened: list[Store] = field(default_factory=list)

    def open(self, *_more: Measurement) -> Store:
        return self.open_as(self.database.name, TOKEN)

    def open_as(self, database: str, token: str) -> Store:
        """A store for a database that may be missing, with a token that may be wrong."""
        store = open_influx(self.url(database), token)
        self.opened.append(store)
        return store

    def url(self, database: str) -> str:
        query = f"?org={ORG}" if self.scheme == "influxdb" else ""
        return f"{self.scheme}://127.0.0.1:{self.front.port}/{database}{query}"

    def rows(self, measurement: str) -> list[Row]:
        found = self.database.query(f'SELECT * FROM "{measurement}"')
        rows = [dict(zip(one["columns"], values, strict=True)) for one in found for values in one["values"]]
        return [
            {"time_ns" if name == "time" else name: stored for name, stored in row.items() if stored is not None}
            for row in rows
        ]

    @contextmanager
    def out_of_order(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def start(self) -> None:
        self._running = self.front.running()
        self._running.__enter__()

    def stop(self) -> None:
        self._running.__exit__(None, None, None)


@contextmanager
def _influx(database: InfluxDatabase, scheme: str) -> Iterator[InfluxTarget]:
    # InfluxDB 1.x sits behind the front as well, which then changes nothing, so that it can go away and come back.
    influx = InfluxTarget(database, InfluxFront(database.port, guarded=scheme == "influxdb"), scheme)
    influx.start()
    try:
        yield influx
    finally:
        influx.stop()
        _close(influx.opened)


def _close(stores: list[Store]) -> None:
    for store in stores:
        store.close()


_INFLUX = [pytest.param(scheme, marks=pytest.mark.influxd) for scheme in ("influxdb1", "influxdb")]


@pytest.fixture(params=["sqlite", *_INFLUX])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """Each adapter in turn."""
    if request.param == "sqlite":
        sqlite = SqliteTarget(tmp_path / "strapline.db")
        yield sqlite
        _close(sqlite.opened)
        return
    with _influx(request.getfixturevalue("influx_database"), request.param) as influx:
        yield influx


@pytest.fixture(params=_INFLUX)
def influx_target(request: pytest.FixtureRequest, influx_database: InfluxDatabase) -> Iterator[InfluxTarget]:
    """Both generations of InfluxDB in turn."""
    with _influx(influx_database, request.param) as influx:
        yield influx
