"""A recording through the embedded broker, which acknowledges what it has yet to pass on, and forgets it on goodbye."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from amqtt.broker import Broker

from ingest.bus import BusAddress
from ingest.errors import BusError
from ingest.recording import Recording
from pipeline.playback import Playback, publish_and_process
from pipeline.schema import BEAT
from pipeline.sqlite import SqliteStore
from pipeline.store import Store
from tests.support import free_port

BEATS = 300
PLAYBACK = Playback(Recording("even", (1024,) * BEATS), "anna", "h10", 1_764_000_000_000_000_000, math.inf)


async def play(home: Path, store: Callable[[], Store]) -> int:
    """The number of beats that were published."""
    address = BusAddress(f"embedded://127.0.0.1:{free_port()}")
    async with asyncio.timeout(30):
        counts = await publish_and_process(PLAYBACK, address, {"points": store}, home, PLAYBACK.clock())
    return counts.beats_published


@pytest.fixture
def store(tmp_path: Path) -> Callable[[], SqliteStore]:
    return partial(SqliteStore, tmp_path / "points.db")


async def test_every_beat_is_stored_though_the_broker_is_far_behind_when_the_last_is_sent(
    tmp_path: Path, store: Callable[[], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_on = Broker._handle_message_delivery  # noqa: SLF001

    async def slowly(*arguments: object) -> object:
        await asyncio.sleep(0.005)
        return await pass_on(*arguments)

    monkeypatch.setattr(Broker, "_handle_message_delivery", slowly)
    assert await play(tmp_path, store) == BEATS
    with closing(store()) as opened:
        assert opened.count(BEAT) == BEATS


@pytest.mark.parametrize(("lost", "missing"), [(b'"sequence":7,', 1), (b"end of the recording", 0)])
async def test_what_the_broker_loses_is_an_error_that_says_what_to_do_and_no_wait_for_ever(
    tmp_path: Path, store: Callable[[], SqliteStore], monkeypatch: pytest.MonkeyPatch, lost: bytes, missing: int
) -> None:
    pass_on = Broker._broadcast_message  # noqa: SLF001

    async def lossily(broker: Broker, session: object, topic: str, data: bytes) -> None:
        if lost not in data:
            await pass_on(broker, session, topic, data)

    monkeypatch.setattr(Broker, "_broadcast_message", lossily)
    monkeypatch.setattr("pipeline.process._SILENCE_S", 1.0)
    with pytest.raises(ExceptionGroup) as failure:
        await play(tmp_path, store)
    assert failure.group_contains(BusError, match=f"h10 of anna sent: {missing} of {BEATS} batches are missing")
