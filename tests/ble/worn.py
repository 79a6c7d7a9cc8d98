"""Straps that a test wears, what they send, and what is to be received of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.ble.fake_bluez import FakeBluez, FakeStrap
from tests.fixtures.bluez import Collector
from tests.support import eventually

H10 = "A0:9E:1A:00:00:01"
TICKR = "C0:FF:EE:00:00:02"
NOT_FOUND = "not found: out of range, asleep, or a phone or watch holds its only connection"

both_ways = pytest.mark.parametrize("how", [True, False], ids=["StartNotify", "AcquireNotify"])


def packet(number: int) -> bytes:
    """A heart rate packet unlike any other of a test."""
    return b"\x10\x3c" + number.to_bytes(2, "little")


def packets(first: int, count: int) -> list[bytes]:
    return [packet(number) for number in range(first, first + count)]


@asynccontextmanager
async def beating(bluez: FakeBluez, strap: FakeStrap, every_s: float = 0.05) -> AsyncIterator[None]:
    """The strap sends different packets all the time, as long as anybody has subscribed."""

    async def beat() -> None:
        for number in range(1000, 60000):
            await bluez.notify(strap, packet(number))
            await asyncio.sleep(every_s)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def subscribed(strap: FakeStrap) -> None:
    await eventually(lambda: strap.notifying or strap.acquired, f"{strap.name} is subscribed to")


async def exchange(bluez: FakeBluez, strap: FakeStrap, collector: Collector, sent: list[bytes]) -> None:
    """Send packets, and expect exactly these after those received so far."""
    before = collector.payloads()
    await bluez.notify(strap, *sent)
    assert await collector.received(len(before) + len(sent)) == before + sent


@pytest.fixture
def h10(bluez: FakeBluez) -> FakeStrap:
    strap = FakeStrap(H10, "Polar H10 8D2B7F21", rssi_dbm=-58)
    bluez.add(strap)
    return strap


@pytest.fixture
def tickr(bluez: FakeBluez) -> FakeStrap:
    strap = FakeStrap(TICKR, "TICKR 12AB", rssi_dbm=-71, model=None)
    bluez.add(strap)
    return strap
