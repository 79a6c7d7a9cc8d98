"""The pipeline's promises: journal first, then acknowledgement and confirmation; nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.bus import Bus, BusAddress, Message, open_bus
from ingest.database import Database
from ingest.errors import ConfigError, StoreBusy
from ingest.model import Beat, BeatBatch, Contact, Stored
from ingest.topics import command_error_topic, command_topic, strap_topic
from ingest.wire import decode_object, decode_stored, encode_batch
from pipeline.engine import Engine
from pipeline.intake import Intake
from pipeline.journal import FILE_NAME, Journal
from pipeline.journal_tables import create_tables
from pipeline.process import CLIENT_ID, Pipeline
from pipeline.schema import BEAT, EVENT, STRAP, Point
from pipeline.sqlite import SqliteStore
from pipeline.store import Store
from tests.support import eventually

BUS = BusAddress("memory:process")
START_NS = 1_764_000_000_000_000_000


def batch(sequence: int, person: str = "anna", held_from: int = 0) -> BeatBatch:
    beat = Beat(START_NS + sequence * 1_000_000_000, 1024, 60, Contact.GOOD, 0, gap_before=sequence == 0)
    return BeatBatch(person, "h10", "s", sequence, beat.time_ns, (beat,), held_from)


def message(batch: BeatBatch) -> Message:
    return Message(strap_topic("anna", "h10", "beats"), encode_batch(batch), retained=False, ack=lambda: None)


def journal_in_memory() -> Database:
    database = Database(None)
    with database.transaction() as connection:
        create_tables(connection)
    return database


def times_of_beats(points: list[Point]) -> list[int]:
    return [point.time_ns for point in points if point.measurement is BEAT]


def undisturbed(batches: list[BeatBatch]) -> list[Point]:
    engine = Engine()
    return [point for one in batches for point in engine.step(one)]


@asynccontextmanager
async def running(home: Path, *stores: Callable[[], Store]) -> AsyncIterator[tuple[Pipeline, Bus]]:
    """A pipeline that runs meanwhile, and another client of its bus."""
    named = {f"store {number}": opener for number, opener in enumerate(stores)}
    async with (
        open_bus(BUS, client_id="says") as says,
        open_bus(BUS, client_id=CLIENT_ID, durable=True) as bus,
        asyncio.TaskGroup() as group,
    ):
        pipeline = Pipeline(bus, named, home)
        task = group.create_task(pipeline.run())
        await pipeline.ready.wait()
        yield pipeline, says
        task.cancel()


@pytest.fixture
def store(tmp_path: Path) -> Callable[[], SqliteStore]:
    return partial(SqliteStore, tmp_path / "points.db", busy_timeout_s=0.5)


def beats_in(store: Callable[[], SqliteStore]) -> int | None:
    """None while the file is locked: who opens it while the pipeline makes it may have to come again."""
    try:
        with closing(store()) as opened:
            return opened.count(BEAT)
    except StoreBusy:
        return None


async def say(bus: Bus, *batches: BeatBatch) -> None:
    for one in batches:
        await bus.publish(strap_topic("anna", "h10", "beats"), encode_batch(one))


async def is_stored(store: Callable[[], SqliteStore], beats: int) -> None:
    await eventually(lambda: beats_in(store) == beats, f"{beats} beats are stored")


async def test_a_store_that_is_away_gets_everything_when_it_is_back_and_holds_up_no_other(
    tmp_path: Path, store: Callable[[], SqliteStore]
) -> None:
    other = partial(SqliteStore, tmp_path / "other.db")
    store().close()
    with closing(sqlite3.connect(tmp_path / "points.db", isolation_level=None)) as other_program:
        other_program.execute("BEGIN EXCLUSIVE")
        async with running(tmp_path, store, other) as (pipeline, says):
            await say(says, batch(0), batch(1))
            await is_stored(other, 2)
            await eventually(lambda: pipeline.deliveries[0].state, "the pipeline says that a store is away")
            assert pipeline.points_waiting > 0
            other_program.execute("ROLLBACK")
            await is_stored(store, 2)


async def test_points_that_waited_when_the_pipeline_ended_are_delivered_by_the_next(
    tmp_path: Path, store: Callable[[], SqliteStore]
) -> None:
    async with running(tmp_path, partial(SqliteStore, Path("/dev/null/none"))) as (pipeline, says):
        await say(says, batch(0), batch(1))
        await eventually(lambda: pipeline.counts.beats == 2, "both are in the journal")
    # The other store's name is the same, so that what waits for it comes here.
    async with running(tmp_path, store):
        await is_stored(store, 2)


async def test_a_store_that_is_added_later_is_filled_with_all_that_was_before(
    tmp_path: Path, store: Callable[[], SqliteStore]
) -> None:
    batches = [batch(sequence) for sequence in range(400)]
    first = partial(SqliteStore, tmp_path / "first.db")
    async with running(tmp_path, first) as (_, says):
        await say(says, *batches)
        await says.publish(strap_topic("anna", "h10", "status"), b'{"v":1,"connected":true,"time_ns":1}')
        await is_stored(first, 400)
    async with running(tmp_path, first, store) as (pipeline, says):
        await say(says, batch(400))
        await is_stored(store, 401)
        await pipeline.deliveries[1].idle.wait()
    files = (sqlite3.connect(tmp_path / name) for name in ("first.db", "points.db"))
    with closing(next(files)) as one, closing(next(files)) as two:
        for table in ("beat", "heart", "hrv", "strap"):
            query = f'SELECT * FROM "{table}" ORDER BY 1, 2, 3, 4'
            assert one.execute(query).fetchall() == two.execute(query).fetchall()


async def test_each_batch_is_confirmed_once_it_is_in_the_journal_and_a_repeat_is_confirmed_again(
    tmp_path: Path, store: Callable[[], SqliteStore]
) -> None:
    async with running(tmp_path, store) as (pipeline, says):
        await says.subscribe(strap_topic("anna", "h10", "stored"))
        await say(says, batch(0), batch(1), batch(5))
        async with asyncio.timeout(5):
            confirmed: list[Stored] = []
            while not confirmed or confirmed[-1].streams["s"] != ((0, 1), (5, 5)):
                confirmed += [decode_stored(one.payload, one.topic) for one in await says.receive()]
            await say(says, batch(1))
            (again,) = [decode_stored(one.payload, one.topic) for one in await says.receive()]
    assert again == confirmed[-1]
    assert pipeline.counts.duplicates == 1


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        (strap_topic("anna", "h10", "beats"), encode_batch(batch(0, person="ben")), "names ben/h10 inside"),
        ("strapline/v1/an\\na/h10/beats", encode_batch(batch(0, person="an\\na")), "MQTT topics can't carry"),
        (strap_topic("anna", "h10", "status"), b'{"v":1,"connected":true,"model":"H\\u0000"}', "model can't be"),
        (strap_topic("anna", "h10", "status"), b'{"v":1,"connected":true,"battery_pct":101}', "battery_pct"),
    ],
)
async def test_a_message_that_no_store_could_keep_is_set_aside_once_and_the_next_is_stored(
    tmp_path: Path, store: Callable[[], SqliteStore], topic: str, payload: bytes, reason: str
) -> None:
    async with running(tmp_path, store) as (pipeline, says):
        for _ in range(2):
            await says.publish(topic, payload)
        await say(says, batch(0))
        await is_stored(store, 1)
        assert pipeline.counts.unreadable == 2
    with closing(store()) as opened:
        assert opened.count(BEAT, person="anna") == 1
        assert opened.count(STRAP) == 0
    with closing(Journal.open_to_read(tmp_path / FILE_NAME)) as journal:
        ((aside, why, times),) = journal.unreadable()
    assert (aside, times) == (topic, 2)
    assert reason in why


async def test_an_empty_message_is_passed_over_as_what_takes_a_retained_one_away(
    tmp_path: Path, store: Callable[[], SqliteStore]
) -> None:
    async with running(tmp_path, store) as (pipeline, says):
        for kind in ("beats", "status"):
            await says.publish(strap_topic("anna", "h10", kind), b"")
        await say(says, batch(0))
        await is_stored(store, 1)
        assert pipeline.counts.unreadable == 0
    with closing(Journal.open_to_read(tmp_path / FILE_NAME)) as journal:
        assert journal.unreadable() == []


# The batches of a stream as a flaky path brings them: late, twice, in pieces, the pipeline restarted in between.
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 59), max_size=90),
    st.permutations(range(60)),
    st.sets(st.integers(0, 150), max_size=3),
    st.integers(1, 20),
)
def test_points_are_those_of_an_undisturbed_run_in_whatever_order_batches_come(
    repeats: list[int], order: list[int], restarts: set[int], at_once: int
) -> None:
    database, points = journal_in_memory(), list[Point]()
    intake = Intake(database)
    arrivals = [*repeats, *order]
    for start in range(0, len(arrivals), at_once):
        if restarts & set(range(start, start + at_once)):
            intake = Intake(database)
        taken = intake.take([message(batch(sequence)) for sequence in arrivals[start : start + at_once]], 0)
        points += taken.points
    assert points == undisturbed([batch(sequence) for sequence in range(60)])
    (stream,) = Journal(database).streams()
    assert list(Journal(database).batches(stream)) == [batch(sequence) for sequence in range(60)]
    assert list(taken.stored["anna", "h10"].streams["s"]) == [(0, 59)]


def test_what_is_new_is_shown_at_once_while_older_batches_are_missing() -> None:
    intake = Intake(journal_in_memory())
    intake.take([message(batch(0))], 0)
    ahead = intake.take([message(batch(sequence)) for sequence in (7, 8)], 0)
    assert times_of_beats(ahead.live) == [batch(7).received_ns, batch(8).received_ns]
    assert ahead.points == []
    caught_up = intake.take([message(batch(sequence)) for sequence in range(1, 7)], 0)
    assert times_of_beats(caught_up.points) == [batch(sequence).received_ns for sequence in range(1, 9)]
    assert caught_up.live == [], "what comes late is no news"


def test_batches_that_the_collector_gave_up_are_not_waited_for_and_no_difference_crosses_them() -> None:
    intake = Intake(journal_in_memory())
    intake.take([message(batch(0))], 0)
    assert intake.take([message(batch(5))], 0).points == []
    later = intake.take([message(batch(6, held_from=5))], 0).points
    beats = [point for point in later if point.measurement is BEAT]
    assert [point.time_ns for point in beats] == [batch(5).received_ns, batch(6).received_ns]
    assert "rr_prev_ms" not in beats[0].fields


def test_a_batch_that_was_given_up_and_comes_after_all_is_derived_with_the_others() -> None:
    intake = Intake(journal_in_memory())
    intake.take([message(batch(0)), message(batch(2, held_from=2))], 0)
    again = intake.take([message(batch(1))], 0).points
    assert again == undisturbed([batch(0), batch(1), batch(2)])


def test_a_restart_steps_through_the_batches_since_the_last_snapshot_only(monkeypatch: pytest.MonkeyPatch) -> None:
    database = journal_in_memory()
    intake = Intake(database)
    intake.take([message(batch(sequence)) for sequence in range(1000)], 0)
    steps, step = list[int](), Engine.step

    def counted(engine: Engine, one: BeatBatch) -> list[Point]:
        steps.append(one.sequence)
        return step(engine, one)

    monkeypatch.setattr(Engine, "step", counted)
    assert Intake(database).take([message(batch(1000))], 0).points
    assert len(steps) <= 301


async def test_a_command_becomes_an_event_and_one_that_cannot_be_read_is_answered(
    tmp_path: Path, store: Callable[[], SqliteStore]
) -> None:
    async with running(tmp_path, store) as (_, says):
        await says.subscribe(command_error_topic("anna"))
        await says.publish(command_topic("anna"), b'{"v":1,"kind":"swim"}')
        await says.publish(command_topic("anna"), b'{"v":1,"kind":"run","action":"start"}')
        async with asyncio.timeout(5):
            (answer,) = await says.receive()
        with closing(store()) as opened:
            await eventually(lambda: opened.count(EVENT) == 1, "the good command is stored")
    assert "kind" in str(decode_object(answer.payload, "answer")["reason"])


def test_a_second_pipeline_of_the_same_data_directory_is_refused(tmp_path: Path) -> None:
    async def begin() -> None:
        async with running(tmp_path), open_bus(BUS, client_id="second") as bus:
            Pipeline(bus, {}, tmp_path)

    with pytest.raises(ExceptionGroup) as failure:
        asyncio.run(begin())
    assert failure.group_contains(ConfigError, match="another pipeline uses")


def journals(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("journal.db*"))


def damage_from(file: Path, offset: int) -> None:
    """Overwrite a part of every page from an offset on."""
    with file.open("r+b") as pages:
        for at in range(offset, file.stat().st_size, 4096):
            pages.seek(at)
            pages.write(b"\xa5" * 512)


@pytest.mark.parametrize("offset", [0, 16 * 4096], ids=["from the first page on", "behind the tables' beginnings"])
async def test_a_damaged_journal_is_moved_aside_what_can_be_read_is_saved_and_the_pipeline_goes_on(
    tmp_path: Path, store: Callable[[], SqliteStore], offset: int
) -> None:
    async with running(tmp_path, store) as (pipeline, says):
        await say(says, *(batch(sequence) for sequence in range(2000)))
        await is_stored(store, 2000)
    assert journals(tmp_path) == [FILE_NAME], "all is in the one file"
    damage_from(tmp_path / FILE_NAME, offset)
    async with running(tmp_path, store) as (pipeline, says):
        await say(says, batch(2000, held_from=2000))
        await eventually(lambda: pipeline.counts.batches == 1, "the next batch is in the journal")
        await is_stored(store, 2001)
    assert any(name.startswith("journal.db.damaged-") for name in journals(tmp_path))


async def test_a_damaged_part_of_the_journal_is_found_while_it_runs_and_costs_only_what_stood_there(
    tmp_path: Path, store: Callable[[], SqliteStore]
) -> None:
    async with running(tmp_path, store) as (pipeline, says):
        await say(says, *(batch(sequence) for sequence in range(2000)))
        await is_stored(store, 2000)
    file = tmp_path / FILE_NAME
    in_the_middle = batch(1000).beats[0].time_ns
    with file.open("r+b") as pages:  # a page in the middle of the table of batches
        pages.seek(file.read_bytes().index(f"[[{in_the_middle},".encode()) // 4096 * 4096)
        pages.write(b"\xa5" * 512)
    other = partial(SqliteStore, tmp_path / "other.db")
    async with running(tmp_path, store, other) as (pipeline, says):
        await eventually(lambda: pipeline.deliveries[1].journal_is_damaged, "filling a store has come to it")
        await say(says, batch(2000, held_from=2000))
        await eventually(lambda: pipeline.counts.batches == 1, "the next batch is in the journal")
        with closing(other()) as opened:
            await eventually(lambda: 1500 < opened.count(BEAT) < 2001, "the store has all that could be read")
            await pipeline.deliveries[1].idle.wait()
    with closing(Journal.open_to_read(file)) as journal:
        (stream,) = journal.streams()
        assert 1500 < len(list(journal.batches(stream))) < 2001


async def test_what_waits_for_a_store_that_is_away_stays_bounded_and_the_store_is_filled_when_it_is_back(
    tmp_path: Path, store: Callable[[], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.outbox.MAX_ENTRIES", 5)
    other = partial(SqliteStore, tmp_path / "other.db")
    store().close()
    with closing(sqlite3.connect(tmp_path / "points.db", isolation_level=None)) as other_program:
        other_program.execute("BEGIN EXCLUSIVE")
        async with running(tmp_path, store, other) as (pipeline, says):
            for sequence in range(40):
                await say(says, batch(sequence))
                await eventually(lambda: pipeline.counts.beats > sequence, "it is in the journal")  # noqa: B023
            await is_stored(other, 40)
            with closing(sqlite3.connect(tmp_path / FILE_NAME)) as journal:
                query = "SELECT count(*) FROM entry"
                await eventually(lambda: journal.execute(query).fetchone()[0] <= 6, "the queue has forgotten the rest")
            other_program.execute("ROLLBACK")
            await is_stored(store, 40)
