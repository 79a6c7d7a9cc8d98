"""What `strapline doctor` looks at: settings, radio, broker, stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingest.bus import open_bus
from ingest.database import Database
from ingest.errors import BusError, StoreError, StraplineError
from ingest.settings import FILE_NAME, Settings, in_clear
from pipeline.journal import FILE_NAME as JOURNAL
from pipeline.journal import Journal
from pipeline.outbox import Outbox
from pipeline.store import check_store, store_openers

_LISTEN_S = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; `exit_code` is 0 where all is well."""

    what: str
    detail: str
    advice: str = ""
    exit_code: int = 0


async def examine(settings: Settings, home: Path) -> list[Finding]:
    """What is found, in the order of the path from strap to store; nothing is sent to broker or stores."""
    file = home / FILE_NAME
    findings = [Finding("settings", f"{file}" if file.exists() else f"defaults ({file} is not there)")]
    findings += [Finding(f"strap {name}", f"worn by {strap.person}") for name, strap in settings.straps.items()]
    if any(strap.simulate is None for strap in settings.straps.values()):
        findings.append(await _finding("radio", _listen))
    findings.append(await _finding("broker", lambda: _reach_broker(settings)))
    findings += await asyncio.to_thread(_set_aside, home / JOURNAL)
    for url in settings.store_url:
        findings.append(await _finding("store", lambda url=url: _reach_store(url, settings, home)))  # type: ignore[misc]
    return findings


def retry_set_aside(home: Path) -> int:
    """Put the points that stores refused back on their way; the pipeline takes it from there. Returns how many."""
    if not (home / JOURNAL).exists():
        return 0
    with closing(Database(home / JOURNAL)) as database:
        return Outbox(database).retry()


def _set_aside(file: Path) -> list[Finding]:
    """What the journal keeps of messages that can't be read, and of points that stores refused."""
    if not file.exists():
        return []
    with closing(Database(file)) as database:
        refusals, unreadable = Outbox(database).refusals(), Journal(database).unreadable()
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
                "docs/mqtt.md shows what each topic carries.",
                BusError.exit_code,
            )
            for topic, reason, times in unreadable
        ),
    ]


async def _finding(what: str, look: Callable[[], Coroutine[Any, Any, str]]) -> Finding:
    try:
        return Finding(what, await look())
    except StraplineError as error:
        return Finding(what, str(error), error.advice, error.exit_code)


async def _listen() -> str:
    from ingest.radio import Radio

    straps = await Radio().scan(_LISTEN_S)
    return f"works; {len(straps)} heart-rate strap(s) answered in {_LISTEN_S:.0f} s"


async def _reach_broker(settings: Settings) -> str:
    async with open_bus(settings.bus_address, client_id="strapline-doctor"):
        return f"{settings.bus_url} answers"


async def _reach_store(url: str, settings: Settings, home: Path) -> str:
    def check() -> str:
        (opener,) = store_openers([url], token=in_clear(settings.store_token), home=home).values()
        check_store(opener)
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path} takes points"

    return await asyncio.to_thread(check)
