"""The stores: whether they take points and how old their newest is; and what journal and outbox have set aside."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from ingest.database import Database
from ingest.errors import BusError, StoreError, StoreRejected, StraplineError
from ingest.settings import Settings, in_clear
from pipeline.doctor.finding import TROUBLE, Finding, trouble_of
from pipeline.health import ADVICE as SET_UP_CLOCKS
from pipeline.journal import FILE_NAME as JOURNAL
from pipeline.journal import KIND, Journal, check_up_to_date, forget_unreadable
from pipeline.outbox import Outbox
from pipeline.schema import BEAT
from pipeline.store import Store, store_openers

_AHEAD_S = 60.0
"""A newest beat so far in the future was stamped by a clock that is wrong, or this one is."""


async def examine_stores(settings: Settings, home: Path, now_ns: int) -> list[Finding]:
    """What was set aside on the way to the stores, and each store; nothing is written to any.

    Args:
        settings: which stores there are.
        home: the data directory.
        now_ns: Unix time.
    """
    findings = await asyncio.to_thread(_set_aside, home / JOURNAL)
    for url in settings.store_url:
        findings.append(await asyncio.to_thread(_store, url, settings, home, now_ns))
    return findings


def retry_set_aside(home: Path) -> int:
    """Put the points that stores refused back on their way; the pipeline takes it from there. Returns how many."""
    if not (home / JOURNAL).exists():
        return 0
    with closing(Database(home / JOURNAL, kind=KIND)) as database:
        with database.transaction() as connection:
            check_up_to_date(connection)
            forget_unreadable(
                connection
            )  # what can be read by now is sent again by its collector, which still holds it
        return Outbox(database).retry()


def _set_aside(file: Path) -> list[Finding]:
    """What the journal keeps of messages that can't be read, and of points that stores refused."""
    if not file.exists():
        return []
    try:
        with closing(Database(file, kind=KIND)) as database:
            with database.transaction("BEGIN") as connection:
                check_up_to_date(connection)
            refusals, unreadable = Outbox(database).refusals(), Journal(database).unreadable()
    except StoreError as error:
        return [trouble_of("journal", error)]
    return [
        *(
            Finding(
                "points set aside",
                f"{refusal.points} refused by {refusal.store}: {refusal.reason}",
                f"{refusal.advice} Then `strapline doctor --retry` sends them once more.",
                StoreError.exit_code,
            )
            for refusal in refusals
        ),
        *(
            Finding(
                "messages set aside",
                f"{times} on {topic}: {reason}",
                "docs/mqtt.md shows what each topic carries; `strapline doctor --retry` forgets them.",
                BusError.exit_code,
            )
            for topic, reason, times in unreadable
        ),
    ]


def _store(url: str, settings: Settings, home: Path, now_ns: int) -> Finding:
    parts = urlsplit(url)
    name = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    # Opening would make the file, also on a machine that has no pipeline to fill it.
    if parts.scheme == "sqlite" and not (home / url.removeprefix("sqlite:///")).expanduser().exists():
        return Finding("store", f"{name} is not there yet; `strapline process` makes it")
    try:
        (opener,) = store_openers([url], token=in_clear(settings.store_token), home=home).values()
        with closing(opener()) as store:
            store.check()
            return newest_finding(f"{name} takes points", _newest_ns(store), now_ns)
    except StraplineError as error:
        return trouble_of("store", error)


def _newest_ns(store: Store) -> int | StoreRejected | None:
    """Time of the newest beat, None where there is none, and the refusal where this login may only write."""
    try:
        return store.newest_ns(BEAT)
    except StoreRejected as error:
        return error


def newest_finding(works: str, newest_ns: int | StoreRejected | None, now_ns: int) -> Finding:
    """What is told of a store that works.

    Args:
        works: that it does.
        newest_ns: Unix time of its newest beat; None: it has none; a refusal: it may not be read.
        now_ns: Unix time.
    """
    if isinstance(newest_ns, StoreRejected):
        return Finding("store", f"{works}; how old its newest beat is, it does not say: {newest_ns}")
    if newest_ns is None:
        return Finding("store", f"{works}; it has no beat yet")
    age_s = (now_ns - newest_ns) / 1e9
    if age_s < -_AHEAD_S:
        detail = f"{works}; its newest beat is {_span(-age_s)} ahead of this machine's clock"
        return Finding("store", detail, SET_UP_CLOCKS, TROUBLE)
    return Finding("store", f"{works}; its newest beat is {_span(max(0.0, age_s))} old")


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
