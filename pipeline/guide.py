"""What a person says from the terminal, and the guided morning measurement."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ingest.bus import Bus, open_bus
from ingest.errors import BusUnavailable
from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.settings import Settings
from ingest.topics import command_topic, live_topic, readiness_topic
from ingest.wire import decode_object, encode_marker
from pipeline.scores.morning import RECORD_MINUTES, SETTLE_MINUTES, STANDING
from pipeline.scores.wording import NOT_MEDICAL

_STALE_AFTER_S = 10.0
_VERDICT_WITHIN_S = 60.0
_REFRESH_S = 0.5
_LAST_INDICES_S = 6.0
"""The indices of the last moment come some beats later."""
_RESTLESS_PCT = 2.0
"""Share of artifacts from which the person is asked to lie still."""


@asynccontextmanager
async def bus_of_others(settings: Settings) -> AsyncIterator[Bus]:
    """The bus on which the other processes are; the embedded one is reached like any broker.

    Raises:
        BusUnavailable: nothing answers.
    """
    address = settings.bus_address
    address = replace(address, url=address.url.replace("embedded://", "mqtt://", 1))
    try:
        async with open_bus(address, client_id=f"strapline-{secrets.token_hex(4)}") as bus:
            yield bus
    except BusUnavailable as error:
        advice = f"Start `strapline run`, or a collector and a pipeline. {error.advice}"
        raise BusUnavailable(str(error), advice=advice) from error


async def say(settings: Settings, person: str, marker: Marker) -> None:
    """Send a marker; returns when the broker has it.

    Raises:
        BusError: no broker, or one that refuses.
    """
    async with bus_of_others(settings) as bus:
        await bus.publish(command_topic(person), encode_marker(marker))


@dataclass(slots=True)
class _Heard:
    """What the bus says meanwhile."""

    live: dict[str, Any] = field(default_factory=dict)
    live_at_s: float = -math.inf
    readiness: dict[str, Any] = field(default_factory=dict)
    has_beats: asyncio.Event = field(default_factory=asyncio.Event)
    has_verdict: asyncio.Event = field(default_factory=asyncio.Event)  # a readiness that is news

    async def follow(self, bus: Bus) -> None:
        """Keep it up to date, until cancelled."""
        while True:
            for message in await bus.receive():
                record = decode_object(message.payload, message.topic)
                if message.topic.endswith("/readiness"):
                    self.readiness = record
                    if not message.retained:
                        self.has_verdict.set()
                elif not message.retained:
                    self.live, self.live_at_s = record, time.monotonic()
                    if record["heart_rate_bpm"] is not None:
                        self.has_beats.set()
                message.ack()

    def quality(self) -> Text:
        """Heart rate and signal quality of this moment in one line."""
        if time.monotonic() - self.live_at_s > _STALE_AFTER_S:
            return Text("no beats: wear the strap with wet electrodes, and free it from phones and watches", "yellow")
        parts = [f"{self.live['heart_rate_bpm']:.0f} bpm"] if self.live.get("heart_rate_bpm") else ["- bpm"]
        if self.live.get("rmssd_ms_60s") is not None:
            parts.append(f"RMSSD {self.live['rmssd_ms_60s']:.0f} ms")
        artifact_pct = self.live.get("artifact_pct_60s")
        if artifact_pct is not None:
            parts.append(f"{artifact_pct:.1f} % artifacts{': lie still' if artifact_pct > _RESTLESS_PCT else ''}")
        return Text(" · ".join(parts))


async def guide_morning(settings: Settings, person: str, to: Console, *, standing: bool) -> bool:
    """Guide a measurement from its start to its verdict.

    Raises:
        BusError: no broker, or one that refuses.
    """
    async with bus_of_others(settings) as bus:
        heard = _Heard()
        await bus.subscribe(live_topic(person), readiness_topic(person))
        async with asyncio.TaskGroup() as group:
            following = group.create_task(heard.follow(bus))
            with to.status("Waiting for the strap…"):
                await heard.has_beats.wait()
            await _say_on(bus, person, MarkerAction.START)
            try:
                await _measure(heard, to, "lying")
                if standing:
                    await _say_on(bus, person, MarkerAction.NOTE, STANDING)
                    await _measure(heard, to, "standing")
                await asyncio.sleep(_LAST_INDICES_S)
            finally:
                heard.has_verdict.clear()
                await _say_on(bus, person, MarkerAction.STOP)
            await _tell_verdict(heard, to)
            following.cancel()
    return True


async def _measure(heard: _Heard, to: Console, posture: str) -> None:
    phases = ((f"settle, {posture}", SETTLE_MINUTES * 60), (f"record, {posture}", RECORD_MINUTES * 60))
    with Live(console=to, refresh_per_second=4, transient=True) as shown:
        for name, seconds in phases:
            end_s = time.monotonic() + seconds
            while (left_s := end_s - time.monotonic()) > 0:
                shown.update(Text.assemble((f"{name} {left_s:4.0f} s  ", "bold"), heard.quality()))
                await asyncio.sleep(min(_REFRESH_S, left_s))


async def _say_on(bus: Bus, person: str, action: MarkerAction, text: str = "") -> None:
    marker = Marker(MarkerKind.MORNING, action, text, time.time_ns())
    await bus.publish(command_topic(person), encode_marker(marker))


async def _tell_verdict(heard: _Heard, to: Console) -> None:
    with to.status("Judging…"), contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_VERDICT_WITHIN_S):
            await heard.has_verdict.wait()
    told = heard.readiness
    if not told:
        to.print("The pipeline did not answer; `strapline report` tells the verdict later.")
    elif told.get("value") is None:
        to.print(f"No readiness: {told.get('reason')}.")
    else:
        to.print(f"Readiness [bold]{told['value']:.0f}[/] of 100, {told['state']} ({told['confidence']})")
        to.print(f"{told.get('advice_text', '')} ({told.get('rule_text', '')})")
    to.print(f"[dim]{NOT_MEDICAL}[/]")
