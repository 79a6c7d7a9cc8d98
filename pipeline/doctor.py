"""What `strapline doctor` looks at: settings, radio, broker, stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingest.bus import open_bus
from ingest.errors import StraplineError
from ingest.settings import FILE_NAME, Settings, in_clear
from pipeline.store import open_stores

_LISTEN_S = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; `exit_code` is 0 where all is well."""

    what: str
    detail: str
    advice: str = ""
    exit_code: int = 0


async def examine(settings: Settings, home: Path) -> list[Finding]:
    """What is found, in the order of the path from strap to store; nothing is written to broker or stores."""
    file = home / FILE_NAME
    findings = [Finding("settings", f"{file}" if file.exists() else f"defaults ({file} is not there)")]
    findings += [Finding(f"strap {name}", f"worn by {strap.person}") for name, strap in settings.straps.items()]
    if any(strap.simulate is None for strap in settings.straps.values()):
        findings.append(await _finding("radio", _listen))
    findings.append(await _finding("broker", lambda: _reach_broker(settings)))
    for url in settings.store_url:
        findings.append(await _finding("store", lambda url=url: _reach_store(url, settings, home)))  # type: ignore[misc]
    return findings


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
        with open_stores([url], token=in_clear(settings.store_token), home=home):
            parts = urlsplit(url)
            return f"{parts.scheme}://{parts.hostname or ''}{parts.path} takes points"

    return await asyncio.to_thread(check)
