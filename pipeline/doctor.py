"""What `strapline doctor` looks at: settings, radio, broker, stores, and what each process last told of itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ingest.bus import BusAddress, Message, is_in_process, open_bus
from ingest.database import Database
from ingest.errors import BusError, StoreError, StraplineError, WireError
from ingest.health import EVERY_S
from ingest.model import ProcessHealth
from ingest.settings import FILE_NAME, Settings, in_clear
from ingest.topics import HEALTH, PIPELINE, process_of
from ingest.wire import decode_health
from pipeline.health import ADVICE, MAX_OFFSET_S
from pipeline.journal import FILE_NAME as JOURNAL
from pipeline.journal import Journal, create_journal, forget_unreadable
from pipeline.outbox import Outbox, create_outbox
from pipeline.store import check_store, store_openers

_LISTEN_S = 3.0
_HEAR_S = 1.0  # retained messages follow a subscription at once
_SILENT_AFTER_S = 6 * EVERY_S

TROUBLE = 1
"""Exit code of a process that died, hangs or loses beats."""

_COUNTED = (
    *("beats_in", "beats_stored", "beats_duplicated", "batches_waiting", "points_waiting"),
    *("points_rejected", "reconnects", "clock_jumps"),
)


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
    broker = await _finding("broker", lambda: _reach_broker(settings))
    findings.append(broker)
    findings += await asyncio.to_thread(_set_aside, home / JOURNAL)
    for url in settings.store_url:
        findings.append(await _finding("store", lambda url=url: _reach_store(url, settings, home)))  # type: ignore[misc]
    if not broker.exit_code and not is_in_process(settings.bus_url):
        findings += await _ask_processes(settings.bus_address)
    return findings


def retry_set_aside(home: Path) -> int:
    """Put the points that stores refused back on their way; the pipeline takes it from there. Returns how many."""
    if not (home / JOURNAL).exists():
        return 0
    with closing(_opened(home / JOURNAL)) as database:
        with database.transaction() as connection:
            forget_unreadable(
                connection
            )  # what can be read by now is sent again by its collector, which still holds it
        return Outbox(database).retry()


def _opened(file: Path) -> Database:
    database = Database(file)
    with database.transaction() as connection:  # a pipeline that was killed at its first start leaves an empty file
        create_journal(connection)
        create_outbox(connection)
    return database


def _set_aside(file: Path) -> list[Finding]:
    """What the journal keeps of messages that can't be read, and of points that stores refused."""
    if not file.exists():
        return []
    try:
        with closing(_opened(file)) as database:
            refusals, unreadable = Outbox(database).refusals(), Journal(database).unreadable()
    except StoreError as error:
        return [Finding("journal", str(error), error.advice, error.exit_code)]
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


async def _ask_processes(address: BusAddress) -> list[Finding]:
    messages: dict[str, Message] = {}
    try:
        async with open_bus(address, client_id="strapline-doctor") as bus:
            await bus.subscribe(HEALTH)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HEAR_S):
                    while True:
                        for message in await bus.receive():
                            message.ack()
                            messages[message.topic] = message
    except StraplineError as error:
        return [Finding("processes", str(error), error.advice, error.exit_code)]
    return process_findings(messages.values(), time.time_ns())


def process_findings(messages: Iterable[Message], now_ns: int) -> list[Finding]:
    """One finding for each process that has told its health, by name.

    Args:
        messages: the last one of each process.
        now_ns: Unix time.
    """
    findings, told = [], {}
    for message in messages:
        name = process_of(message.topic) or message.topic
        try:
            told[name] = decode_health(message.payload, message.topic)
        except WireError as error:
            findings.append(Finding(f"process {name}", str(error), error.advice, TROUBLE))
    offsets_s = (told[PIPELINE].clock_offsets_s if PIPELINE in told else None) or {}
    findings += [_process_finding(name, health, offsets_s.get(name), now_ns) for name, health in told.items()]
    return sorted(findings, key=lambda finding: finding.what)


def _process_finding(name: str, health: ProcessHealth, offset_s: float | None, now_ns: int) -> Finding:
    what = f"process {name}"
    if health.time_ns is None:
        forget = f"mosquitto_pub -r -n -t strapline/health/{name}"
        advice = f"Start it again; its log says why it ended. If it is gone for good, make the broker forget: {forget}"
        return Finding(what, f"{health.state}; it had started {_when(health.started_ns)}", advice, TROUBLE)
    if not health.online:
        return Finding(what, f"stopped {_when(health.time_ns)}")
    age_s = (now_ns - health.time_ns) / 1e9 - (offset_s or 0.0)
    facts = [f"runs since {_when(health.started_ns)}, release {health.release}"]
    hints: list[str] = []
    exit_code = 0
    if health.state != "ok":
        facts.append(health.state)
        exit_code = TROUBLE if name == PIPELINE else 0  # a strap that nobody wears is no trouble
    if age_s > _SILENT_AFTER_S:
        hints.append("It hangs, or its machine is off: look at its log and start it again.")
    if health.beats_dropped:
        facts.append(f"beats dropped {health.beats_dropped}")
        hints.append("Beats were lost for want of space or age: bring broker and pipeline back sooner.")
    if offset_s is not None and abs(offset_s) > MAX_OFFSET_S:
        facts.append(f"its clock is {abs(offset_s):.1f} s {'behind' if offset_s > 0 else 'ahead'}")
        hints.append(ADVICE)
    facts += [f"{counted.replace('_', ' ')} {count}" for counted in _COUNTED if (count := getattr(health, counted))]
    if health.delay_p95_s is not None:
        facts.append(f"delay p95 {health.delay_p95_s:.1f} s")
    facts.append(f"told {age_s:.0f} s ago")
    return Finding(what, "; ".join(facts), " ".join(hints), TROUBLE if hints else exit_code)


def _when(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9).astimezone().isoformat(sep=" ", timespec="seconds")
