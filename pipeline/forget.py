"""Forgetting a person: the places that may hold something of them, what each holds, and how it is removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.bus import BusAddress, is_in_process
from ingest.database import Database
from ingest.errors import ConfigError, StoreBusy
from ingest.spool import FILE_NAME as SPOOL
from ingest.spool_file import SpoolFile
from pipeline.days import Profiles
from pipeline.forget_bus import replace_retained, retained_of, take_in_what_waits
from pipeline.forget_journal import count_in_journal, forget_in_journal, points_of_company
from pipeline.journal import FILE_NAME as JOURNAL
from pipeline.journal import KIND
from pipeline.journal_tables import create_tables
from pipeline.process import only_pipeline_of
from pipeline.store import Store


@dataclass(frozen=True, slots=True)
class Place:
    """A place that may hold something of a person."""

    name: str
    count: Callable[[], dict[str, int]]  # how much there is, by what it is; empty where there is nothing
    remove: Callable[[], None]


@contextmanager
def places(
    person: str,
    home: Path,
    stores: Mapping[str, Callable[[], Store]],
    bus: BusAddress,
    profiles: Profiles,
) -> Iterator[list[Place]]:
    """The places on this machine and those that it writes to, held meanwhile so that no process of ours writes there.

    The journal comes last: it says what other places hold of others that names the person.

    Args:
        person: who is to be forgotten.
        home: the data directory.
        stores: see `store_openers`.
        bus: the broker; one inside a process keeps nothing.
        profiles: of the people that are known.

    Raises:
        ConfigError: pipeline or collector of the data directory run.
        BusError, StoreError: a place does not answer; nothing was removed.
    """
    with ExitStack() as stack:
        stack.callback(only_pipeline_of(home).close)
        spool, journal = None, None
        if (home / JOURNAL).exists():
            journal = stack.enter_context(closing(Database(home / JOURNAL, kind=KIND)))
            with journal.transaction() as connection:
                create_tables(connection)
        if (home / SPOOL).exists():
            spool = stack.enter_context(closing(_spool_of(home)))
        found = [] if is_in_process(bus.url) else [_broker(bus, journal, profiles, person)]
        for url, opener in stores.items():
            found.append(_store(url, stack.enter_context(closing(opener())), journal, person))
        if spool is not None:
            found.append(_spool(spool, person))
        if journal is not None:
            found.append(_journal(journal, person))
        found.append(_damaged_files(home, person))
        yield found


def files_with(home: Path, person: str) -> list[Path]:
    """The database files of a data directory in which the letters of a name stand, perhaps within another word."""
    name = person.encode()
    return [path for path in sorted(home.glob("*.db*")) if path.is_file() and name in path.read_bytes()]


def _spool_of(home: Path) -> SpoolFile:
    try:
        return SpoolFile(home / SPOOL)
    except StoreBusy as error:
        message = f"a collector uses {home}, and would send what is to be forgotten"
        raise ConfigError(message, advice="Stop it (`strapline collect` or `strapline run`), and try again.") from error


def _broker(bus: BusAddress, journal: Database | None, profiles: Profiles, person: str) -> Place:
    def count() -> dict[str, int]:
        return _if_any("retained topics", len(asyncio.run(retained_of(bus, person))))

    def remove() -> None:
        asyncio.run(replace_retained(bus, asyncio.run(retained_of(bus, person))))
        if journal is not None:
            # Last, since the broker has just put the empty messages into the pipeline's queue as well.
            asyncio.run(take_in_what_waits(bus, journal, profiles, person))

    return Place(f"broker {bus.url}", count, remove)


def _store(url: str, store: Store, journal: Database | None, person: str) -> Place:
    def remove() -> None:
        if journal is not None:
            with journal.transaction("BEGIN") as connection:
                company = points_of_company(connection, person)
            store.write(company)
        store.forget_person(person)

    return Place(f"store {url}", lambda: _if_any("points", store.of_person(person)), remove)


def _spool(spool: SpoolFile, person: str) -> Place:
    def count() -> dict[str, int]:
        return _if_any("batches of beats", spool.of_person(person))

    return Place(f"spool {SPOOL}", count, lambda: spool.forget_person(person))


def _journal(journal: Database, person: str) -> Place:
    def count() -> dict[str, int]:
        with journal.transaction("BEGIN") as connection:
            return count_in_journal(connection, person)

    def remove() -> None:
        with journal.transaction() as connection:
            forget_in_journal(connection, person)
        journal.compact()

    return Place(f"journal {JOURNAL}", count, remove)


def _damaged_files(home: Path, person: str) -> Place:
    """Files that were moved aside as damaged: what could be read of them is in those that are used."""

    def found() -> list[Path]:
        return [path for path in files_with(home, person) if ".damaged-" in path.name]

    def remove() -> None:
        for path in found():
            path.unlink()

    return Place("damaged files that were moved aside", lambda: _if_any("files", len(found())), remove)


def _if_any(what: str, count: int) -> dict[str, int]:
    return {what: count} if count else {}
