"""Several straps in one collector, and what stays behind when it stops."""

from __future__ import annotations

import asyncio
import re
import signal
from typing import Any

import pytest

from tests.ble.fake_bluez import FakeBluez, FakeStrap
from tests.ble.worn import H10, NOT_FOUND, beating, both_ways, exchange, packet, packets, subscribed
from tests.fixtures.bluez import StartCollector
from tests.support import eventually

pytestmark = pytest.mark.ble


async def test_two_straps_are_read_at_once_and_scanned_and_connected_in_turn(
    bluez: FakeBluez, h10: FakeStrap, tickr: FakeStrap, start_collector: StartCollector
) -> None:
    h10.connect_s = tickr.connect_s = 0.15

    collector = await start_collector({"address": H10}, {"name": "TICKR"})
    for times in range(1, 6):
        await asyncio.gather(collector.connected(times), collector.connected(times, strap=1))
        await bluez.notify(h10, packet(times))
        await bluez.notify(tickr, packet(100 + times))
        await asyncio.gather(collector.received(times), collector.received(times, strap=1))
        await asyncio.gather(bluez.lose(h10), bluez.lose(tickr))

    assert collector.payloads() == packets(1, 5)
    assert collector.payloads(strap=1) == packets(101, 5)
    assert bluez.overlaps == []


async def test_two_collected_straps_of_any_name_are_two_straps(
    h10: FakeStrap, tickr: FakeStrap, start_collector: StartCollector
) -> None:
    collector = await start_collector({}, {})
    await asyncio.gather(collector.connected(), collector.connected(strap=1))

    assert (h10.connects, tickr.connects) == (1, 1)


async def test_two_collected_straps_never_share_one(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    h10.takes_two = True

    collector = await start_collector({}, {}, timing={"scan_s": 0.1})
    await asyncio.gather(collector.connected(), collector.lost(strap=1))

    assert h10.connects == 1
    assert [call.split()[0] for call in bluez.calls].count("StartNotify") == 1
    assert collector.statuses(strap=1)[0]["reason"] == NOT_FOUND


async def test_waits_start_anew_once_a_strap_has_notified(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    h10.refusals = ["le-connection-canceled"]

    collector = await start_collector({"address": H10}, backoff={"first_s": 0.02, "factor": 20.0, "max_s": 60.0})
    for times in range(1, 5):  # without the reset, the waits would be 0.02, 0.4, 8 and 60 s
        await collector.connected(times)
        await exchange(bluez, h10, collector, [packet(times)])
        await bluez.lose(h10)


@both_ways
async def test_lost_links_and_refusals_leak_no_descriptors(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector, how: Any
) -> None:
    h10.offers_acquire = True
    collector = await start_collector({"address": H10, "use_start_notify": how})
    await collector.connected()
    await subscribed(h10)
    before = collector.descriptors()

    for times in range(2, 37):
        if times % 5 == 0:
            h10.refusals = ["le-connection-canceled"]
        await bluez.lose(h10)
        await collector.connected(times)
        await exchange(bluez, h10, collector, [packet(times)])

    assert h10.connects == 43
    assert collector.descriptors() == before


async def test_a_changed_battery_is_reported(bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector) -> None:
    async with beating(bluez, h10, every_s=0.02):
        collector = await start_collector({"address": H10}, timing={"battery_s": 0.1})
        await collector.connected()
        await asyncio.sleep(0.3)
        h10.battery = b"\x59"
        second = await collector.connected(times=2)

    assert [status["battery_pct"] for status in collector.statuses()] == [90, 89]
    assert (second["model"], second["location"], second["rssi_dbm"]) == ("H10", "chest", h10.rssi_dbm)


@both_ways
async def test_a_clean_stop_disconnects_and_leaves_nothing_behind(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector, how: Any
) -> None:
    h10.offers_acquire = True
    collector = await start_collector({"address": H10, "use_start_notify": how})
    async with beating(bluez, h10, every_s=0.01):
        await collector.received(10)
        assert await collector.stop() == 0

    assert not h10.connected
    assert not h10.notifying
    assert h10.acquired is None
    assert only_bleaks_watcher(collector.of_kind("end")[0]["tasks"])


@pytest.mark.parametrize("moment", ["scan", "connect"])
async def test_a_stop_during_scan_or_connect_leaves_nothing_behind(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector, moment: str
) -> None:
    h10.in_range = moment == "connect"
    h10.connect_s = 60.0
    call = {"scan": "StartDiscovery", "connect": "Connect"}[moment]

    collector = await start_collector({"address": H10}, timing={"scan_s": 60.0, "connect_s": 60.0})
    await eventually(lambda: any(made.startswith(f"{call} ") for made in bluez.calls), call)

    assert await collector.stop() == 0
    assert not h10.connected
    assert bluez.calls[-1].split()[0] in {"Disconnect", "SetDiscoveryFilter"}
    assert only_bleaks_watcher(collector.of_kind("end")[0]["tasks"])


async def test_a_link_that_a_killed_collector_left_behind_is_taken_over(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    killed = await start_collector({"name": "Polar H10"})
    await killed.connected()
    await killed.stop(signal.SIGKILL)
    assert h10.connected

    collector = await start_collector({"name": "Polar H10"}, timing={"scan_s": 0.1})
    await collector.connected()
    await exchange(bluez, h10, collector, packets(0, 5))

    assert h10.connects == 1
    assert await collector.stop() == 0
    assert not h10.connected


def only_bleaks_watcher(tasks: list[str]) -> bool:
    """Whether nothing runs but bleak's one watcher of its bus, which lives as long as the loop."""
    return len(tasks) == 1 and re.search("_monitor_bus_disconnect", tasks[0]) is not None
