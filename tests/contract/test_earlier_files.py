"""Files of earlier forms are brought up to date without loss, also through a kill; those of later ones left alone."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest.database import Database, version_of
from ingest.errors import StoreTooNew
from ingest.spool_file import KIND as SPOOL
from ingest.spool_file import SpoolFile
from ingest.wire import decode_batch, decode_health, decode_marker, decode_status, decode_stored
from pipeline.intake import Intake
from pipeline.journal import KIND, Journal
from pipeline.journal_tables import create_tables
from pipeline.outbox import Outbox
from pipeline.process import Pipeline
from pipeline.schema import MEASUREMENTS
from pipeline.sqlite import KIND as STORE
from pipeline.sqlite import SqliteStore
from tests.support import DATA

EARLIER = DATA / "earlier_files"
NEAR, FAR = "sqlite:///strapline.db", "influxdb1://far/db"


def commits_with(name: str) -> list[str]:
    return sorted(path.parent.name for path in EARLIER.glob(f"*/{name}.gz"))


def unpacked(commit: str, name: str, folder: Path) -> Path:
    file = folder / name
    file.write_bytes(gzip.decompress((EARLIER / commit / f"{name}.gz").read_bytes()))
    return file


def tables(file: Path) -> dict[str, str]:
    """The statements that made what is in a file, spaces aside."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for name, sql in rows}


def rows(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def migrated(file: Path) -> Database:
    database = Database(file, kind=KIND)
    with database.transaction() as connection:
        create_tables(connection)
    return database


@pytest.mark.parametrize("commit", commits_with("journal.db"))
def test_a_journal_of_an_earlier_form_gets_the_tables_of_a_new_one_and_keeps_all_that_it_held(
    commit: str, tmp_path: Path
) -> None:
    file = unpacked(commit, "journal.db", tmp_path)
    kept = (
        "SELECT stream_id, sequence, beats FROM batch",
        "SELECT topic, payload FROM note",
        "SELECT point FROM rejected",
    )
    before = [rows(file, query) for query in kept]
    entries = rows(file, "SELECT id, points FROM entry ORDER BY id")
    with closing(migrated(file)) as database:
        outbox = Outbox(database)
        due = outbox.due(FAR)
        assert due is not None
        assert len(due.points) == outbox.waiting(FAR)
        assert 0 < outbox.waiting(NEAR) < outbox.waiting(FAR)
        assert (
            sum(
                len(batch.beats)
                for stream in Journal(database).streams()
                for batch in Journal(database).batches(stream)
            )
            == 149
        )
        taken = Intake(database).take([], time.time_ns())
        with database.transaction() as connection:
            assert version_of(connection) == KIND.version
            assert (connection.execute("SELECT max(id) FROM entry").fetchone()[0] > entries[-1][0]) == bool(
                taken.points
            )
    assert [rows(file, query) for query in kept] == before
    with closing(migrated(tmp_path / "new.db")):
        assert tables(file) == tables(tmp_path / "new.db")


@pytest.mark.parametrize("commit", ["e2f7b01", "16567bf", "b1e3a9e"])
def test_an_outbox_that_was_empty_gives_no_number_twice(commit: str, tmp_path: Path) -> None:
    file = unpacked(commit, "journal.db", tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        (last,) = connection.execute("SELECT max(id) FROM entry").fetchone()
        connection.execute("UPDATE store SET entry_id = ?", (last,))
        connection.execute("DELETE FROM entry")
    with closing(migrated(file)) as database, database.transaction() as transaction:
        transaction.execute("INSERT INTO entry (number, points) VALUES (1, x'00')")
        assert transaction.execute("SELECT id FROM entry").fetchone()[0] == last + 1


@pytest.mark.parametrize("commit", commits_with("spool.db"))
def test_a_spool_of_an_earlier_form_still_holds_and_counts_what_was_not_confirmed(commit: str, tmp_path: Path) -> None:
    file = unpacked(commit, "spool.db", tmp_path)
    with closing(SpoolFile(file)) as spool:
        held = spool.read("anna", "h10", None, 10)
        assert [decode_batch(one.payload, "strapline/v1/anna/h10/beats").sequence for one in held] == [0, 1, 2, 3, 4]
        assert (spool.totals.batches, spool.totals.dropped_batches, spool.totals.dropped_beats) == (5, 2, 3)
    assert rows(file, "PRAGMA user_version") == [(SPOOL.version,)]


@pytest.mark.parametrize("commit", commits_with("strapline.db"))
def test_a_store_of_an_earlier_form_keeps_its_points_and_takes_all_of_this_release(commit: str, tmp_path: Path) -> None:
    file = unpacked(commit, "strapline.db", tmp_path)
    names = [name for (name,) in rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    before = {name: rows(file, f'SELECT count(*) FROM "{name}"') for name in names}
    with closing(SqliteStore(file)) as store:
        for measurement in MEASUREMENTS.values():
            store.series(measurement, measurement.fields[-1].name)
    assert {name: rows(file, f'SELECT count(*) FROM "{name}"') for name in names} == before
    columns = {m.name: {"time_ns", *m.tags, *(field.name for field in m.fields)} for m in MEASUREMENTS.values()}
    found = {name: {row[1] for row in rows(file, f'PRAGMA table_info("{name}")')} for name in columns}
    assert all(found[name] >= columns[name] for name in columns)
    assert rows(file, "PRAGMA user_version") == [(STORE.version,)]


_OPENERS: dict[str, Callable[[Path], object]] = {
    "journal.db": lambda file: Pipeline(None, {}, file.parent),  # type: ignore[arg-type]
    "spool.db": SpoolFile,
    "strapline.db": SqliteStore,
}


@pytest.mark.parametrize("name", _OPENERS)
def test_a_file_of_a_newer_release_is_refused_with_advice_and_stays_as_it_is(name: str, tmp_path: Path) -> None:
    file = unpacked("412e243", name, tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = hashlib.sha256(file.read_bytes()).digest()
    with pytest.raises(StoreTooNew, match="version 99") as refused:
        _OPENERS[name](file)
    assert "newer" in refused.value.advice
    assert hashlib.sha256(file.read_bytes()).digest() == before


_MIGRATE = """
import os, signal, sys
from itertools import count
from pathlib import Path
from ingest.database import Database
from pipeline.journal import KIND
from pipeline.journal_tables import create_tables

steps, last = count(1), int(sys.argv[2])

def step():
    if next(steps) == last:
        os.kill(os.getpid(), signal.SIGKILL)

with Database(Path(sys.argv[1]), kind=KIND).transaction() as connection:
    connection.set_progress_handler(step, 1000)  # SQLite's own steps, so that the moment is the same on any machine
    create_tables(connection)
print(next(steps) - 1)
"""


def migrate_elsewhere(file: Path, *, killed_at: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _MIGRATE, str(file), str(killed_at)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def filled(file: Path, entries: int) -> None:
    """Let so much wait for the stores that a migration takes a while."""
    with closing(sqlite3.connect(file)) as connection, connection:
        (first,) = connection.execute("SELECT max(id) FROM entry").fetchone()
        new = [(number, 3, number.to_bytes(64)) for number in range(first + 1, first + 1 + entries)]
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?)", new)


def test_a_migration_that_is_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    original = unpacked("e2f7b01", "journal.db", tmp_path)
    filled(original, 15_000)
    waiting = [(number, points) for number, points in rows(original, "SELECT id, points FROM entry ORDER BY id")]
    (total,) = rows(original, "SELECT sum(size) FROM entry")[0]
    with closing(sqlite3.connect(original)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    steps = int(migrate_elsewhere(_copy(original, "whole.db")).stdout)
    dice = random.Random(20_261_128)
    for killed_at in (1, *(dice.randint(2, steps) for _ in range(2)), steps):
        file = _copy(original, f"{killed_at}.db")
        assert migrate_elsewhere(file, killed_at=killed_at).returncode == -signal.SIGKILL
        assert rows(file, "PRAGMA user_version") == [(0,)]
        assert rows(file, "SELECT id, points FROM entry ORDER BY id") == waiting
        with closing(migrated(file)) as database:
            assert rows(file, "SELECT id, points FROM entry ORDER BY id") == waiting
            assert rows(file, "SELECT max(number) FROM entry")[0][0] == total
            assert len(list(Journal(database).batches(Journal(database).streams()[0]))) == 132
        assert rows(file, "PRAGMA integrity_check") == [("ok",)]


def _copy(file: Path, name: str) -> Path:
    copy = file.with_name(name)
    copy.write_bytes(file.read_bytes())
    return copy


_DECODERS = {
    "beats": decode_batch,
    "status": decode_status,
    "stored": decode_stored,
    "command": decode_marker,
    "health": decode_health,
}


@pytest.mark.parametrize("commit", json.loads((EARLIER / "wire.json").read_text()))
def test_a_payload_that_an_earlier_release_wrote_is_read(commit: str) -> None:
    payloads = json.loads((EARLIER / "wire.json").read_text())[commit]
    for kind, payload in payloads.items():
        _DECODERS[kind](payload.encode(), f"strapline/v1/anna/h10/{kind}")


def test_a_field_that_a_later_release_may_add_is_passed_over() -> None:
    payload = json.loads(next(iter(json.loads((EARLIER / "wire.json").read_text()).values()))["beats"])
    payload["added_later"] = {"a": [1]}
    payload["beats"][0]["added_later"] = 1
    assert decode_batch(json.dumps(payload).encode(), "strapline/v1/anna/h10/beats").sequence == 3
