"""The spool on real files: restarts, bounds, full disks, damage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import spool as spool_module
from ingest.errors import ConfigError
from ingest.spool import Spool, open_spool
from ingest.spool_file import Held, Limits, SpoolFile, StreamKey
from tests.support import eventually, require

KEY = StreamKey("anna", "h10", "5f0c")
OTHER = StreamKey("ben", "tickr", "77aa")
DAY_NS = 86_400 * 1_000_000_000
NOW_NS = 1_795_593_600_000_000_000
WIDE = Limits(30 * DAY_NS, 500_000_000)


def held(sequence: int, key: StreamKey = KEY, *, received_ns: int = NOW_NS, size: int = 200) -> Held:
    return Held(key, sequence, received_ns + sequence, 2, b"x" * size)


async def sequences(spool: Spool, key: StreamKey = KEY, at_once: int = 70) -> list[int]:
    """All that the spool holds of a strap, read in chunks as a courier does."""
    found: list[Held] = []
    while more := await spool.read(key.person, key.strap, found[-1] if found else None, at_once):
        found += more
    return [batch.sequence for batch in found]


async def written(spool: Spool) -> None:
    await eventually(lambda: spool.health().in_memory == 0, f"all is in the file; {spool.health()}")


async def test_batches_outlive_the_process_and_are_read_oldest_first_in_chunks(tmp_path: Path) -> None:
    newer = KEY._replace(stream="00aa")
    async with open_spool(tmp_path / "spool.db", WIDE, now_ns=lambda: NOW_NS) as spool:
        for sequence in range(100):
            spool.append(held(sequence))
            spool.append(held(sequence, OTHER))
        assert await sequences(spool) == list(range(100))
    async with open_spool(tmp_path / "spool.db", WIDE, now_ns=lambda: NOW_NS) as spool:
        for sequence in range(50):
            spool.append(held(sequence, newer))
        assert await sequences(spool) == [*range(100), *range(50)]
        assert await sequences(spool, OTHER) == list(range(100))
        await written(spool)
        health = spool.health()
        assert (health.batches, health.beats, health.bytes, health.oldest_ns) == (250, 500, 50_000, NOW_NS)


def test_a_commit_looks_at_no_more_batches_after_hours_without_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, steps = sqlite3.connect, 0

    def step() -> None:
        nonlocal steps  # SQLite's own, which are the same on any machine
        steps += 1

    def counting(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_progress_handler(step, 10)
        return connection

    monkeypatch.setattr(sqlite3, "connect", counting)
    taken = []
    for batches in (1, 36_000):
        with closing(SpoolFile(None)) as file:
            file.write([held(sequence) for sequence in range(batches)], {})
            steps = 0
            file.write([held(batches)], {})
            taken.append(steps)
    assert 0 < taken[1] < 2 * taken[0]


async def test_what_is_confirmed_is_forgotten_and_only_that(tmp_path: Path) -> None:
    async with open_spool(tmp_path / "spool.db", WIDE, now_ns=lambda: NOW_NS) as spool:
        for sequence in range(20):
            spool.append(held(sequence))
            spool.append(held(sequence, OTHER))
        spool.confirm("anna", "h10", {"5f0c": ((0, 9), (12, 14)), "of another time": ((0, 99),)})
        assert await sequences(spool) == [10, 11, *range(15, 20)]
        await eventually(lambda: spool.held_from(KEY) == 10, "the lowest is 10")
        spool.confirm("anna", "h10", {"5f0c": ((0, 99),)})
        await eventually(lambda: spool.held_from(KEY) is None, "nothing is held")
        assert await sequences(spool, OTHER) == list(range(20))
        assert spool.held_from(OTHER) == 0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.just("append"), st.just("write"), st.tuples(st.integers(0, 30), st.integers(0, 8)))))
def test_after_any_order_of_arrivals_confirmations_and_commits_the_rest_is_held(
    steps: list[str | tuple[int, int]],
) -> None:
    async def follow() -> None:
        async with open_spool(None) as spool:
            arrived, confirmed = 0, set()
            for step in steps:
                if step == "append":
                    spool.append(held(arrived))
                    arrived += 1
                elif isinstance(step, tuple):
                    first, last = step[0], min(step[0] + step[1], arrived - 1)  # what came can be confirmed, no more
                    if first <= last:
                        spool.confirm("anna", "h10", {"5f0c": ((first, last),)})
                        confirmed |= set(range(first, last + 1))
                else:
                    await spool._write()  # noqa: SLF001 - at a moment that the test chooses
            rest = [number for number in range(arrived) if number not in confirmed]
            assert await sequences(spool, at_once=3) == rest
            # May be too low for a moment, never too high: below it the pipeline expects nothing more.
            lowest = spool.held_from(KEY)
            assert not rest or (lowest is not None and lowest <= rest[0])
            await spool._write()  # noqa: SLF001
            assert spool.held_from(KEY) == (rest[0] if rest else None)

    asyncio.run(follow())


async def test_beyond_its_size_the_oldest_are_dropped_and_counted_for_good(tmp_path: Path) -> None:
    bounds = Limits(30 * DAY_NS, 100_000)
    async with open_spool(tmp_path / "spool.db", bounds, now_ns=lambda: NOW_NS) as spool:
        for sequence in range(1000):
            spool.append(held(sequence))
        await written(spool)
        assert await sequences(spool) == list(range(500, 1000))
        assert spool.held_from(KEY) == 500
    async with open_spool(tmp_path / "spool.db", bounds, now_ns=lambda: NOW_NS) as spool:
        assert (spool.health().dropped_batches, spool.health().dropped_beats) == (500, 1000)


async def test_old_batches_are_dropped_but_a_clock_that_is_set_forward_ages_nothing_of_this_process(
    tmp_path: Path,
) -> None:
    now_ns = NOW_NS
    async with open_spool(tmp_path / "spool.db", WIDE, now_ns=lambda: now_ns) as spool:
        spool.append(held(0, OTHER, received_ns=NOW_NS - 31 * DAY_NS))
        spool.append(held(1, OTHER))
    now_ns = NOW_NS + DAY_NS
    async with open_spool(tmp_path / "spool.db", WIDE, now_ns=lambda: now_ns) as spool:
        spool.append(held(0, received_ns=NOW_NS - 300 * DAY_NS))
        await written(spool)
        assert await sequences(spool) == [0]
        assert await sequences(spool, OTHER) == [1]
        assert spool.health().dropped_batches == 1


async def test_two_collectors_never_share_a_spool(tmp_path: Path) -> None:
    async with open_spool(tmp_path / "spool.db") as spool:
        with pytest.raises(ConfigError, match="another collector") as refusal:
            async with open_spool(tmp_path / "spool.db"):
                pass
        assert "--home" in refusal.value.advice
        spool.append(held(0))
    async with open_spool(tmp_path / "spool.db") as spool:
        assert await sequences(spool) == [0]


async def test_what_was_committed_outlives_a_kill(tmp_path: Path) -> None:
    last = killed_while_writing(tmp_path / "spool.db")
    async with open_spool(tmp_path / "spool.db", now_ns=lambda: NOW_NS) as spool:
        found = await sequences(spool)
    assert found[: last + 1] == list(range(last + 1))


def killed_while_writing(path: Path) -> int:
    """The last sequence that a killed process said was committed."""
    program = f"""
        from pathlib import Path
        from ingest.spool_file import SpoolFile
        from tests.contract.test_spool import held
        file = SpoolFile(Path({str(path)!r}))
        for sequence in range(10_000):
            file.write([held(sequence)], {{}})
            print(sequence, flush=True)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = 0
        for line in process.stdout:
            last = int(line)
            if last == 50:
                process.send_signal(signal.SIGKILL)
    return last


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 kB."""
    if os.geteuid() != 0:
        pytest.skip("mounting takes an administrator")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run([require("mount", "mount"), "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run([require("umount", "mount"), str(disk)], check=True)


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


async def test_on_a_full_disk_batches_wait_in_memory_and_are_written_when_there_is_room(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ballast = small_disk / "ballast"
    async with open_spool(small_disk / "spool.db", WIDE, now_ns=lambda: NOW_NS) as spool:
        spool.append(held(0))
        await written(spool)
        fill(ballast)
        told = asyncio.create_task(spool.changed())
        for sequence in range(1, 2000):
            spool.append(held(sequence, size=20))
        async with asyncio.timeout(10):
            await told
        assert "batches in memory" in str(spool.trouble)
        assert await sequences(spool) == list(range(2000))
        await asyncio.sleep(1.5)  # a second attempt, which says nothing new
        told = asyncio.create_task(spool.changed())
        ballast.unlink()
        async with asyncio.timeout(30):
            await told
        assert spool.trouble is None
        await written(spool)
    assert [record.message[:28] for record in caplog.records] == [
        "the spool can't be written e",
        "the spool is written again",
    ]
    async with open_spool(small_disk / "spool.db", WIDE, now_ns=lambda: NOW_NS) as spool:
        assert await sequences(spool) == list(range(2000))
        assert spool.health().dropped_batches == 0


async def test_a_folder_that_can_not_be_made_is_trouble_and_memory_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "MAX_IN_MEMORY", 100)
    (tmp_path / "home").touch()
    async with open_spool(tmp_path / "home" / "spool.db", WIDE, now_ns=lambda: NOW_NS) as spool:
        for sequence in range(150):
            spool.append(held(sequence))
        assert await sequences(spool) == list(range(50, 150))
        assert spool.held_from(KEY) == 50
        assert (spool.health().in_memory, spool.health().dropped_beats) == (100, 100)
        spool.confirm("anna", "h10", {"5f0c": ((50, 99),)})
        await eventually(lambda: spool.health().in_memory == 50, "confirmed batches leave the memory too")
        (tmp_path / "home").unlink()
        await written(spool)
        assert spool.trouble is None
        assert (spool.health().batches, spool.health().dropped_beats) == (50, 100)


def aside(folder: Path) -> Path:
    """The one file that was moved aside."""
    (found,) = (path for path in folder.iterdir() if re.fullmatch(r"spool\.db\.damaged-\d+", path.name))
    return found


def break_pages(path: Path, *pages: int) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek(4096 * page)
            file.write(b"\xff" * 4096)


async def test_a_damaged_file_is_moved_aside_and_what_can_be_read_of_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with closing(SpoolFile(path)) as file:
        file.write([held(sequence) for sequence in range(2000)], {})
    pages = path.stat().st_size // 4096
    break_pages(path, pages // 2, pages // 2 + 1)
    async with open_spool(path, WIDE, now_ns=lambda: NOW_NS) as spool:
        found = await sequences(spool)
        assert spool.trouble is not None
        assert "was damaged" in spool.trouble
        spool.append(held(2000))
        assert (await sequences(spool))[-1] == 2000
    assert 1800 < len(found) < 2000
    assert (found[0], found[-1]) == (0, 1999)
    assert aside(tmp_path).stat().st_size >= pages * 4096


async def test_a_file_that_is_no_database_at_all_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"not a database " * 1000)
    async with open_spool(path, WIDE, now_ns=lambda: NOW_NS) as spool:
        spool.append(held(0))
        await written(spool)
        assert "0 batches salvaged" in str(spool.trouble)
    assert aside(tmp_path).read_bytes().startswith(b"not a database")


async def test_a_file_that_is_removed_meanwhile_is_made_again_and_what_it_held_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with open_spool(path, WIDE, now_ns=lambda: NOW_NS) as spool:
        spool.append(held(0))
        await written(spool)
        path.unlink()
        spool.append(held(1))
        await written(spool)
        assert await sequences(spool) == [1]
        assert spool.health().dropped_batches == 1
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT count(*) FROM batch").fetchone() == (1,)
