"""Room: on the disk of the data directory, and in what is kept there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ingest.errors import ConfigError
from ingest.settings import Settings
from ingest.spool import FILE_NAME as SPOOL
from pipeline.doctor.finding import TROUBLE, Finding
from pipeline.journal import FILE_NAME as JOURNAL

_MB = 1_000_000

LEAST_FREE_MB = 200
"""Below it a disk counts as full: SQLite needs room beside its files to write them, and logs and updates share it."""


def examine_disk(settings: Settings, home: Path) -> list[Finding]:
    """The room that is left, and what spool and journal take."""
    if not home.is_dir():
        return [Finding("disk", f"the data directory {home} is not there yet")]
    if not os.access(home, os.W_OK | os.X_OK):
        advice = "Give it to the user that Strapline runs as, or name another with --home or STRAPLINE_HOME."
        return [Finding("disk", f"this user may not write in {home}", advice, ConfigError.exit_code)]
    room = shutil.disk_usage(home)
    spool_mb = _size_mb(home / SPOOL)
    may_grow_mb = settings.spool_max_mb - spool_mb if settings.straps else 0.0
    return [
        room_finding(home, room.free / _MB, room.total / _MB, may_grow_mb),
        *_spool(settings, home / SPOOL, spool_mb),
        *_journal(home / JOURNAL),
    ]


def room_finding(home: Path, free_mb: float, total_mb: float, spool_may_grow_mb: float) -> Finding:
    """Whether the room that is left will do.

    Args:
        home: the data directory.
        free_mb: room for this user on its disk.
        total_mb: the whole disk.
        spool_may_grow_mb: what the spool may still take by its bound.
    """
    detail = f"{_amount(free_mb)} of {_amount(total_mb)} free for {home}"
    if free_mb < LEAST_FREE_MB:
        advice = "Make room: beats wait in memory while the disk is full, a few hours of them, and are then lost."
        return Finding("disk", detail, advice, TROUBLE)
    if free_mb < spool_may_grow_mb:
        return Finding("disk", detail, "The spool may fill it while no broker answers: set spool_max_mb lower.")
    return Finding("disk", detail)


def _spool(settings: Settings, file: Path, size_mb: float) -> list[Finding]:
    if not file.exists():
        return []
    bounds = f"keeps at most {_amount(settings.spool_max_mb)} of beats, and none older than"
    return [Finding("spool", f"{_amount(size_mb)}; {bounds} {settings.spool_max_age_days:g} days")]


def _journal(file: Path) -> list[Finding]:
    return [Finding("journal", f"{_amount(_size_mb(file))}; has no bound")] if file.exists() else []


def _size_mb(file: Path) -> float:
    """A database with its log, in MB; 0 where it is not there."""
    files = (file, file.with_name(f"{file.name}-wal"))
    return sum(one.stat().st_size for one in files if one.exists()) / _MB


def _amount(size_mb: float) -> str:
    return f"{size_mb / 1000:.1f} GB" if size_mb >= 1000 else f"{size_mb:.1f} MB"  # noqa: PLR2004 - MB in a GB
