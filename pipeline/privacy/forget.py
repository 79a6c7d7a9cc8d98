"""Forgetting a person: the places that may hold something of them, what each holds, and how it is removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from ingest.bus import BusAddress, is_in_process
from ingest.database import Database
from ingest.forget import Place, if_any, places_of_collector
from pipeline.days import Profiles
from pipeline.journal import FILE_NAME as JOURNAL
from pipeline.journal import KIND
from pipeline.journal_tables import create_tables
from pipeline.lock import only_pipeline_of
from pipeline.privacy.forget_bus import replace_retained, retained_of, take_in_what_waits
from pipeline.privacy.forget_journal import count_in_journal, forget_in_journal, points_of_company
from pipeline.store import Store


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
        journal = None
        if (home / JOURNAL).exists():
            journal = stack.enter_context(closing(Database(home / JOURNAL, kind=KIND)))
            with journal.transaction() as connection:
                create_tables(connection)
        of_collector = stack.enter_context(places_of_collector(person, home))
        found = [] if is_in_process(bus.url) else [_broker(bus, journal, profiles, person)]
        for url, opener in stores.items():
            found.append(_store(url, stack.enter_context(closing(opener())), journal, person))
        found += of_collector
        if journal is not None:
            found.append(_journal(journal, person))
        yield found


def _broker(bus: BusAddress, journal: Database | None, profiles: Profiles, person: str) -> Place:
    def count() -> dict[str, int]:
        return if_any("retained topics", len(asyncio.run(retained_of(bus, person))))

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

    return Place(f"store {url}", lambda: if_any("points", store.of_person(person)), remove)


def _journal(journal: Database, person: str) -> Place:
    def count() -> dict[str, int]:
        with journal.transaction("BEGIN") as connection:
            return count_in_journal(connection, person)

    def remove() -> None:
        with journal.transaction() as connection:
            forget_in_journal(connection, person)
        journal.compact()

    return Place(f"journal {JOURNAL}", count, remove)
