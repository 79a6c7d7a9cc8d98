"""Forgetting a person on a collector's machine: the spool, and files that were moved aside as damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import ConfigError, StoreBusy
from ingest.spool import FILE_NAME as SPOOL
from ingest.spool_file import SpoolFile


@dataclass(frozen=True, slots=True)
class Place:
    """A place that may hold something of a person."""

    name: str
    count: Callable[[], dict[str, int]]  # how much there is, by what it is; empty where there is nothing
    remove: Callable[[], None]


@contextmanager
def places_of_collector(person: str, home: Path) -> Iterator[list[Place]]:
    """The places of a data directory that a collector writes, held meanwhile so that it does not.

    Args:
        person: who is to be forgotten.
        home: the data directory.

    Raises:
        ConfigError: a collector of the data directory runs.
        StoreError: the spool can't be used.
    """
    damaged = _damaged_files(home, person)
    if not (home / SPOOL).exists():
        yield [damaged]
        return
    with closing(_spool_of(home)) as spool:
        yield [_spool(spool, person), damaged]


def files_with(home: Path, person: str) -> list[Path]:
    """The database files of a data directory in which the letters of a name stand, perhaps within another word."""
    name = person.encode()
    return [path for path in sorted(home.glob("*.db*")) if path.is_file() and name in path.read_bytes()]


def if_any(what: str, count: int) -> dict[str, int]:
    """How much there is of one thing, as a `Place` counts it."""
    return {what: count} if count else {}


def _spool_of(home: Path) -> SpoolFile:
    try:
        return SpoolFile(home / SPOOL)
    except StoreBusy as error:
        message = f"a collector uses {home}, and would send what is to be forgotten"
        raise ConfigError(message, advice="Stop it (`strapline collect` or `strapline run`), and try again.") from error


def _spool(spool: SpoolFile, person: str) -> Place:
    def count() -> dict[str, int]:
        return if_any("batches of beats", spool.of_person(person))

    return Place(f"spool {SPOOL}", count, lambda: spool.forget_person(person))


def _damaged_files(home: Path, person: str) -> Place:
    """Files that were moved aside as damaged: what could be read of them is in those that are used."""

    def found() -> list[Path]:
        return [path for path in files_with(home, person) if ".damaged-" in path.name]

    def remove() -> None:
        for path in found():
            path.unlink()

    return Place("damaged files that were moved aside", lambda: if_any("files", len(found())), remove)
