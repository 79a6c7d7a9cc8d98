"""What is too old goes, where the settings say so, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from ingest.database import Database
from ingest.errors import ConfigError, StoreRejected
from pipeline.delivery import Delivery
from pipeline.filling import points_of_journal
from pipeline.intake import Intake
from pipeline.journal import Journal
from pipeline.outbox import Outbox, add_points
from pipeline.retention import BATCHES_AT_ONCE, retention_of
from pipeline.schema import BEAT, HEART, Measurement, Point
from pipeline.sqlite import SqliteStore
from pipeline.store import Store
from tests.support import eventually
from tests.unit.test_process import START_NS, batch, journal_in_memory, message, times_of_beats

_DAY_NS = 86_400_000_000_000
_SECOND_NS = 1_000_000_000


def sequences(database: Database) -> list[int]:
    journal = Journal(database)
    (stream,) = journal.streams()
    return [one.sequence for one in journal.batches(stream)]


def test_old_beats_leave_the_journal_up_to_the_engine_s_snapshot_in_steps_that_hold_up_no_message() -> None:
    database = journal_in_memory()
    intake = Intake(database, keep_beats_ns=_DAY_NS)
    batches = 4 * BATCHES_AT_ONCE
    for first in range(0, batches, 200):
        intake.take(map(message, map(batch, range(first, first + 200))), START_NS)
    assert len(sequences(database)) == batches

    tomorrow_ns = START_NS + 700 * _SECOND_NS + _DAY_NS
    intake.take([], tomorrow_ns)
    assert sequences(database)[0] == BATCHES_AT_ONCE
    intake.take([], tomorrow_ns)
    assert sequences(database)[0] == 700
    assert sequences(database)[-1] == batches - 1

    intake.take([], tomorrow_ns + 30 * _DAY_NS)
    assert sequences(database)[0] == 1_200
    intake.take(map(message, map(batch, range(batches, batches + 100))), tomorrow_ns)
    for _ in range(4):
        intake.take([], tomorrow_ns + 31 * _DAY_NS)
    assert sequences(database) == list(range(batches, batches + 100))

    taken = Intake(database).take([message(batch(batches + 100))], tomorrow_ns)
    assert START_NS + (batches + 100) * _SECOND_NS in times_of_beats(taken.points)


def test_a_stream_whose_beginning_is_deleted_is_derived_anew_from_what_is_left_without_being_called_damaged() -> None:
    database = journal_in_memory()
    intake = Intake(database, keep_beats_ns=_DAY_NS)
    intake.take([message(batch(sequence)) for sequence in range(900) if sequence != 800], START_NS)
    intake.take([message(batch(900, held_from=801))], START_NS)
    intake.take([], START_NS + 400 * _SECOND_NS + _DAY_NS)
    assert sequences(database)[0] == 400

    taken = intake.take([message(batch(800))], START_NS + 400 * _SECOND_NS + _DAY_NS)
    assert START_NS + 800 * _SECOND_NS in times_of_beats(taken.points)
    filled = (point for _, points in points_of_journal(Journal(database)) for point in points)
    assert next(filled).time_ns >= START_NS + 400 * _SECOND_NS


@asynccontextmanager
async def delivering(store: Store, database: Database, **days: float) -> AsyncIterator[Delivery]:
    """Points on their way to a store meanwhile."""
    outbox = Outbox(database)
    outbox.register(["store"])
    with database.transaction() as connection:
        add_points(
            connection,
            [Point(table, ("anna", "h10"), {table.fields[0].name: 60.0}, START_NS) for table in (BEAT, HEART)],
        )
    delivery = Delivery("store", lambda: store, Journal(database), outbox, keep_ns=retention_of(days).points_ns)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(delivery.run())
        yield delivery
        task.cancel()


async def test_a_store_loses_old_points_of_the_tables_that_are_named_once_it_has_all(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "points.db")) as seen:
        async with delivering(SqliteStore(tmp_path / "points.db"), journal_in_memory(), beat=1):
            await eventually(lambda: seen.count(HEART) == 1, "points are stored")
            await eventually(lambda: seen.count(BEAT) == 0, "old beats are gone")
            assert seen.count(HEART) == 1


class _KeepsAll:
    """A store that can't delete."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def check(self) -> None: ...

    def close(self) -> None: ...

    def write(self, points: Sequence[Point]) -> None:
        self.points += points

    def forget_before(self, measurement: Measurement, time_ns: int) -> None:
        message = f"can't delete {measurement.name} before {time_ns}"
        raise StoreRejected(message, advice="Do it yourself.")


async def test_a_store_that_can_not_delete_says_so_once_and_takes_points_as_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, database = _KeepsAll(), journal_in_memory()
    async with delivering(store, database, beat=1, heart=1) as delivery:  # type: ignore[arg-type]
        await eventually(lambda: caplog.records, "it says so")
        with database.transaction() as connection:
            add_points(connection, [Point(HEART, ("anna", "h10"), {"heart_rate_bpm": 61.0}, START_NS + 1)])
        delivery.wake()
        await eventually(lambda: len(store.points) == 3, "the next point is stored")
        assert delivery.state == ""
    assert [record.message.count("Do it yourself.") for record in caplog.records] == [1]


def test_a_table_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="beats") as refused:
        retention_of({"beats": 30})
    assert "beat, heart" in refused.value.advice
    assert "journal" in refused.value.advice
