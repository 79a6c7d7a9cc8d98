"""The guided morning: what the person is told, and what the pipeline hears, phase by phase."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from ingest.bus import Bus, BusAddress, open_bus
from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.settings import Settings, load_settings
from ingest.topics import command_topic, live_topic, readiness_topic
from ingest.wire import decode_marker, encode_object
from pipeline import guide
from tests.support import eventually

_BUS = BusAddress("memory:guide")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a household whose mornings take a moment."""
    monkeypatch.setattr(guide, "SETTLE_MINUTES", 0.002)
    monkeypatch.setattr(guide, "RECORD_MINUTES", 0.002)
    monkeypatch.setattr(guide, "_LAST_INDICES_S", 0.1)
    monkeypatch.setenv("STRAPLINE_BUS_URL", _BUS.url)
    return load_settings(tmp_path)


@asynccontextmanager
async def pipeline_hearing(heard: list[Marker], verdict: dict[str, object] | None) -> AsyncIterator[None]:
    """A pipeline whose strap beats, and that judges when it is told that a morning has ended."""

    async def beat(bus: Bus) -> None:
        while True:
            live: dict[str, object] = {"heart_rate_bpm": 52.0, "rmssd_ms_60s": 61.0, "artifact_pct_60s": 3.0}
            await bus.publish(live_topic("anna"), encode_object(live), qos=0)
            await asyncio.sleep(0.02)

    async def judge(bus: Bus) -> None:
        while True:
            for message in await bus.receive():
                heard.append(decode_marker(message.payload, message.topic))
                if heard[-1].action is MarkerAction.STOP and verdict is not None:
                    await bus.publish(readiness_topic("anna"), encode_object(verdict), retain=True)

    async with open_bus(_BUS, client_id="pipeline") as bus, asyncio.TaskGroup() as group:
        old: dict[str, object] = {"value": 12.0, "state": "low", "confidence": "high"}
        await bus.publish(readiness_topic("anna"), encode_object(old), retain=True)
        await bus.subscribe(command_topic("anna"))
        tasks = [group.create_task(beat(bus)), group.create_task(judge(bus))]
        yield
        for task in tasks:
            task.cancel()


@pytest.mark.parametrize("standing", [False, True])
async def test_a_morning_is_started_measured_stopped_and_told_by_the_verdict_that_follows(
    settings: Settings, *, standing: bool
) -> None:
    heard: list[Marker] = []
    told = io.StringIO()
    verdict: dict[str, object] = {
        "value": 71.0,
        "state": "as usual",
        "confidence": "medium",
        "advice_text": "Run easy.",
        "rule_text": "within your usual range",
    }
    async with pipeline_hearing(heard, verdict):
        await guide.guide_morning(settings, "anna", Console(file=told, width=120), standing=standing)
    notes = [(MarkerAction.NOTE, "standing")] if standing else []
    assert [(marker.action, marker.text) for marker in heard] == [
        (MarkerAction.START, ""),
        *notes,
        (MarkerAction.STOP, ""),
    ]
    assert {marker.kind for marker in heard} == {MarkerKind.MORNING}
    assert "Readiness 71 of 100, as usual (medium)" in told.getvalue()
    assert "Run easy. (within your usual range)" in told.getvalue()
    assert "12 of 100" not in told.getvalue()


async def test_a_morning_without_a_readiness_says_why_and_one_that_is_broken_off_is_stopped(settings: Settings) -> None:
    heard: list[Marker] = []
    told = io.StringIO()
    async with pipeline_hearing(heard, {"value": None, "reason": "fewer than 4 mornings"}):
        await guide.guide_morning(settings, "anna", Console(file=told, width=120), standing=False)
        assert "No readiness: fewer than 4 mornings." in told.getvalue()
        task = asyncio.create_task(guide.guide_morning(settings, "anna", Console(file=told), standing=False))
        await eventually(lambda: len(heard) == 3, "the second morning has begun")
        task.cancel()
        await eventually(lambda: len(heard) == 4, "it is stopped")
        await asyncio.gather(task, return_exceptions=True)
    assert [marker.action for marker in heard[2:]] == [MarkerAction.START, MarkerAction.STOP]
