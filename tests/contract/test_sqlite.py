"""What only the SQLite store does: files, series, older files, full and damaged ones."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import ConfigError, StoreRejected, StoreUnavailable
from pipeline.schema import HEART, HRV, STRAP, Field, FieldType, FieldValue, Measurement, Point
from pipeline.sqlite import SqliteStore
from pipeline.store import open_store


def heart(bpm: float, time_ns: int, person: str = "ann") -> Point:
    return Point(HEART, (person, "h10"), {"heart_rate_bpm": bpm}, time_ns)


def pragma(store: SqliteStore, statement: str) -> Any:
    """What a setting of the store's own connection is, after the statement."""
    return (store._database._connection.execute(f"PRAGMA {statement}").fetchone() or [None])[0]  # noqa: SLF001


def hrv(time_ns: int, window: str = "60s", **fields: FieldValue) -> Point:
    return Point(HRV, ("ann", "h10", window), fields, time_ns)


def test_a_relative_url_is_a_file_under_the_current_folder_and_its_folder_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///a/b/strapline.db").close()
    assert (tmp_path / "a/b/strapline.db").is_file()


def test_an_absolute_url_is_that_file_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "100% mine? #1.db"
    open_store(f"sqlite:///{path}").close()
    assert path.is_file()


@pytest.mark.parametrize("url", ["sqlite://strapline.db", "sqlite:///", "sqlite:strapline.db", "sqlite:////"])
def test_a_url_that_names_no_file_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError) as failure:
        SqliteStore.from_url(url)
    assert "sqlite:///strapline.db" in failure.value.advice


def test_a_series_is_in_order_of_time_and_skips_points_without_the_field(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        store.write([hrv(30, "60s", rmssd_ms=3.5), hrv(10, "300s", rmssd_ms=1.5), hrv(20, reason="coverage")])
        store.write([hrv(40, "300s", rmssd_ms=4.5)])
        assert store.series(HRV, "rmssd_ms") == [(10, 1.5), (30, 3.5), (40, 4.5)]
        assert store.series(HRV, "reason") == [(20, "coverage")]


def test_a_series_is_narrowed_by_tags_and_by_a_half_open_time_range(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        store.write([hrv(time_ns, window, rmssd_ms=1.5) for time_ns in range(5) for window in ("60s", "300s")])
        narrowed = store.series(HRV, "rmssd_ms", start_ns=1, end_ns=3, person="ann", window="60s", strap=None)
        assert narrowed == [(1, 1.5), (2, 1.5)]
        assert store.series(HRV, "rmssd_ms", person="bob") == []


def test_a_series_of_an_unknown_field_or_tag_is_a_key_error(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        with pytest.raises(KeyError, match="pnn50"):
            store.series(HRV, "pnn50")
        with pytest.raises(KeyError, match="kind"):
            store.series(HRV, "rmssd_ms", kind="run")


def test_a_measurement_outside_the_schema_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    other = Measurement("other", "", ("person",), (Field("level", FieldType.FLOAT, "", ""),))
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        with pytest.raises(ValueError, match="other"):
            store.write([heart(60.5, 1), Point(other, ("ann",), {"level": 1.5}, 1)])
        assert store.count(HEART) == 0


def test_a_file_of_an_older_release_gets_the_new_fields_and_keeps_its_points(tmp_path: Path) -> None:
    older = Measurement(HEART.name, "", HEART.tags, HEART.fields)
    newer = Measurement(HEART.name, "", HEART.tags, (*HEART.fields, Field("zone", FieldType.INTEGER, "", "")))
    with closing(SqliteStore(tmp_path / "s.db", schema=[older])) as store:
        store.write([Point(older, ("ann", "h10"), {"heart_rate_bpm": 60.5}, 1)])
    with closing(SqliteStore(tmp_path / "s.db", schema=[newer])) as store:
        store.write([Point(newer, ("ann", "h10"), {"zone": 2}, 1)])
        assert store.series(newer, "heart_rate_bpm") == [(1, 60.5)]
        assert store.series(newer, "zone") == [(1, 2)]


def test_a_file_of_a_newer_release_still_takes_points(tmp_path: Path) -> None:
    newer = Measurement(HEART.name, "", HEART.tags, (*HEART.fields, Field("zone", FieldType.INTEGER, "", "")))
    SqliteStore(tmp_path / "s.db", schema=[newer]).close()
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        store.write([heart(60.5, 1)])
        assert store.count(HEART) == 1


def test_a_file_that_is_no_database_is_unavailable_with_advice_and_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    with pytest.raises(StoreUnavailable, match="not a database") as failure:
        SqliteStore(path)
    assert "another file" in failure.value.advice
    assert path.read_text() == "not a database " * 100


def test_another_programs_table_of_the_same_name_is_unavailable_with_advice(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as other_program:
        other_program.execute("CREATE TABLE strap (colour TEXT)")
    with pytest.raises(StoreUnavailable, match="table 'strap'") as failure:
        SqliteStore(tmp_path / "s.db")
    assert "another file" in failure.value.advice


def test_a_folder_in_place_of_the_file_is_unavailable_with_advice(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as failure:
        SqliteStore(tmp_path)
    assert "folder" in failure.value.advice


def test_a_folder_that_can_not_be_created_is_unavailable_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="can't be created") as failure:
        SqliteStore(tmp_path / "file" / "s.db")
    assert "folder" in failure.value.advice


def test_a_file_locked_while_it_is_opened_is_unavailable_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other_program:
        other_program.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="locked") as failure:
            SqliteStore(path, busy_timeout_s=0.05)
    assert "Another program" in failure.value.advice


def test_a_full_disk_is_unavailable_stores_none_of_the_batch_and_recovers(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        # SQLite answers at its own page limit just as it does at the disk's end.
        pragma(store, f"max_page_count = {pragma(store, 'page_count')}")
        points = [heart(60.5, time_ns) for time_ns in range(1000)]
        with pytest.raises(StoreUnavailable, match="full") as failure:
            store.write(points)
        assert "room" in failure.value.advice
        assert store.count(HEART) == 0
        pragma(store, "max_page_count = 1000000")
        store.write(points)
        assert store.count(HEART) == 1000


def test_a_read_only_file_is_unavailable_to_write_and_check_but_can_be_read(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        store.write([heart(60.5, 1)])
        # Permissions don't bind the administrator, as whom tests may run; this setting gives the same error.
        pragma(store, "query_only = ON")
        with pytest.raises(StoreUnavailable, match="readonly") as failure:
            store.write([heart(61.5, 2)])
        assert "right to write" in failure.value.advice
        assert store.series(HEART, "heart_rate_bpm") == [(1, 60.5)]


def test_a_file_removed_while_it_is_open_swallows_no_points(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with closing(SqliteStore(path)) as store:
        path.unlink()
        for use in (store.check, lambda: store.write([heart(60.5, 1)])):
            with pytest.raises(StoreUnavailable, match="was removed"):
                use()


def test_an_error_in_the_middle_of_a_write_leaves_the_store_usable(tmp_path: Path) -> None:
    wrong = Measurement(STRAP.name, "", STRAP.tags, (Field("connected", FieldType.STRING, "", ""),))
    with closing(SqliteStore(tmp_path / "s.db")):
        pass
    with closing(SqliteStore(tmp_path / "s.db", schema=[HEART, wrong])) as store:
        with pytest.raises(StoreRejected, match="cannot store TEXT value"):
            store.write([heart(60.5, 1), Point(wrong, ("ann", "h10"), {"connected": "yes"}, 1)])
        assert store.count(HEART) == 0
        store.write([heart(60.5, 1)])
        assert store.count(HEART) == 1


def test_a_user_reads_a_table_while_the_store_is_open(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        store.write([hrv(1, rmssd_ms=42.5)])
        with closing(sqlite3.connect(tmp_path / "s.db")) as user:
            assert user.execute("SELECT time_ns, person, window, rmssd_ms FROM hrv").fetchall() == [
                (1, "ann", "60s", 42.5)
            ]


def test_a_write_is_flushed_to_the_disk_before_it_returns(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        assert pragma(store, "synchronous") == 2  # FULL
        assert pragma(store, "journal_mode") == "wal"


async def test_threads_take_turns_on_one_store(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "s.db")) as store:
        batches = [[heart(60.5, first + index) for index in range(200)] for first in range(0, 2000, 200)]
        writes = (asyncio.to_thread(store.write, batch) for batch in batches)
        reads = (asyncio.to_thread(store.series, HEART, "heart_rate_bpm") for _ in range(10))
        await asyncio.gather(*writes, *reads)
        assert store.count(HEART) == 2000
