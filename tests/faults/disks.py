"""Disks that are full, that became read-only, and files that are damaged."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.faults.audit import Tally
from tests.faults.household import Household, Plan, finish, household
from tests.faults.parts import Program, pause, says
from tests.faults.scenario import Found, Scenario, Trial, Unavailable, disturbed, scenario
from tests.support import eventually

_BLOCK = b"\0" * 65_536
_NOTICED_S = 150.0
_FULL = ("is full", "no space left")
_READ_ONLY = ("readonly", "read-only")
_DAMAGED = ("damaged", "malformed", "not a database")


class Disk:
    """A small file system of its own, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room, not even for one block."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (len(_BLOCK), 4096):
                while _writes(ballast.fileno(), _BLOCK[:size]):
                    pass

    def free(self) -> None:
        self._ballast.unlink()

    def remount(self, how: str) -> None:
        """`ro` or `rw`. Only a file system of which no file is open for writing can become read-only."""
        _mount("-o", f"remount,{how}", str(self.folder))


def _writes(descriptor: int, block: bytes) -> bool:
    try:
        return os.write(descriptor, block) == len(block)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of some megabytes, mounted meanwhile.

    Raises:
        Unavailable: this user may not mount.
    """
    folder.mkdir(parents=True)
    try:
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "strapline", str(folder))
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable("no file system can be mounted by this user") from error
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


async def _fill(home: Household, disk: Disk, complains: Program) -> None:
    before = len(complains.said)
    disk.fill()
    home.note("full")
    # SQLite goes on for a while in the room that its log has already.
    await says(complains, *_FULL, after=before, timeout_s=_NOTICED_S)
    await pause(home.random.uniform(1, 4))
    disk.free()
    home.note("free")


def _full(name: str, part: str, meaning: str, plan_for: Callable[[Path], Plan], megabytes: int) -> Scenario:
    async def work(trial: Trial) -> Found:
        with small_disk(trial.folder / "disk", megabytes) as disk:
            plan = plan_for(disk.folder)
            return await disturbed(trial, plan, lambda home: _fill(home, disk, getattr(home, part)))

    return scenario(name, meaning, 3)(work)


disk_full_spool = _full(
    "disk-full-spool", "collector", "no room for the spool", lambda disk: Plan(collector_home=disk), 24
)
disk_full_journal = _full(
    "disk-full-journal", "pipeline", "no room for the journal", lambda disk: Plan(pipeline_home=disk), 48
)
disk_full_sqlite = _full(
    "disk-full-sqlite",
    "pipeline",
    "no room for the SQLite store",
    lambda disk: Plan(store="sqlite", store_folder=disk),
    24,
)


@scenario("disk-full-influx", "no room for InfluxDB, until there is and it was started again", 3)
async def disk_full_influx(trial: Trial) -> Found:
    """Each time with a new database.

    Once its log had no room, InfluxDB 1.6 refuses every write until it is started again. It then goes on behind the
    torn entry, at which its next start stops to read: what it has confirmed in between it forgets by itself.
    """

    async def fault(home: Household, disk: Disk) -> None:
        await _fill(home, disk, home.store)
        await home.kill(home.store)
        await home.store.start()

    tally, longest_s = Tally(), 0.0
    for number in range(trial.times):
        once = replace(trial, folder=trial.folder / str(number), times=1)
        with small_disk(once.folder / "disk", 64) as disk:
            found = await disturbed(once, Plan(store_folder=disk.folder), partial(fault, disk=disk))
        tally, longest_s = tally + found.tally, max(longest_s, found.recovery_s)
    return Found(tally, longest_s)


async def _make_read_only(home: Household, disk: Disk, part: Program) -> None:
    """As after an error of an SD card and a reboot: the program finds its disk read-only when it starts."""
    home.take_off()
    await eventually(lambda: not home.waiting(), "nothing is under way")
    assert await part.stop() == 0, part.said
    disk.remount("ro")
    before = len(part.said)
    home.put_on()
    await part.start()
    await says(part, *_READ_ONLY, after=before)
    disk.remount("rw")


@scenario("disk-read-only", "collector and pipeline in turn find their disk read-only at a start, until it is not", 4)
async def disk_read_only(trial: Trial) -> Found:
    with small_disk(trial.folder / "one", 24) as one, small_disk(trial.folder / "other", 48) as other:
        longest_s = 0.0
        plan = Plan(straps=2, collector_home=one.folder, pipeline_home=other.folder)
        async with household(trial.folder, plan, trial.random) as home:
            for number in range(trial.times):
                which = (one, home.collector) if number % 2 == 0 else (other, home.pipeline)
                await _make_read_only(home, *which)
                longest_s = max(longest_s, await home.recovered())
            return Found(await finish(home), longest_s)


def damage(path: Path) -> None:
    """Overwrite a stretch in the middle of a SQLite file, and throw its log away."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for at in (0, size // 2):
            file.seek(at)
            file.write(b"\xa5" * 512)


async def _damage_file(part: Program, path: Path) -> None:
    """The program says what is wrong; if it does not put the file away itself, the user does as told."""
    before, ends, kept = len(part.said), len(part.exit_codes), len(_kept(path))
    await asyncio.to_thread(damage, path)
    await part.start()
    await says(part, *_DAMAGED, after=before)
    await eventually(lambda: len(_kept(path)) > kept or len(part.exit_codes) > ends, "something was done about it")
    if len(_kept(path)) == kept:
        assert "move the file away" in part.said[before:].casefold(), part.said[before:]
        await asyncio.to_thread(path.rename, path.with_name(f"{path.name}.damaged-{before}"))


def _kept(path: Path) -> list[Path]:
    return list(path.parent.glob(f"{path.name}.damaged*"))


async def _damage_spool(home: Household) -> None:
    """An idle spool is damaged: what it held had been confirmed."""
    home.take_off()
    await eventually(lambda: not home.waiting(), "nothing is under way")
    assert await home.collector.stop() == 0, home.collector.said
    home.put_on()
    await _damage_file(home.collector, home.collector_home / "spool.db")


@scenario("damaged-spool", "the file of an idle spool is overwritten while the collector is down", 3)
async def damaged_spool(trial: Trial) -> Found:
    return await disturbed(trial, Plan(straps=1), _damage_spool)


@scenario("damaged-journal", "the journal is overwritten while the pipeline is down; what comes after is audited", 3)
async def damaged_journal(trial: Trial) -> Found:
    longest_s = 0.0
    async with household(trial.folder, Plan(straps=1), trial.random) as home:
        tally = await finish(home)
        for _ in range(trial.times):
            for part in (home.collector, home.pipeline):
                assert await part.stop() == 0, part.said
            for wearer in home.wearers:
                wearer.begin_anew()
            await _damage_file(home.pipeline, home.pipeline_home / "journal.db")
            await home.collector.start()
            home.put_on()
            await eventually(lambda: all(wearer.sent for wearer in home.wearers), "all straps are heard", 90)
            longest_s = max(longest_s, await home.recovered())
            await pause(trial.random.uniform(2, 5))
            tally += await finish(home)
    return Found(tally, longest_s)


async def _damage_store(home: Household) -> None:
    await home.kill(home.pipeline)
    await _damage_file(home.pipeline, home.store_folder / "points.db")


@scenario("damaged-store", "the SQLite store is overwritten while the pipeline is down; it is filled anew", 3)
async def damaged_store(trial: Trial) -> Found:
    return await disturbed(trial, Plan(straps=1, store="sqlite"), _damage_store)
