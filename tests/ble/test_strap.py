"""An unpatched bleak in a process of its own, against a fake BlueZ: a strap is found, connected to and read."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.ble.fake_bluez import FakeBluez, FakeStrap
from tests.ble.worn import H10, TICKR, beating, exchange, packets
from tests.fixtures.bluez import StartCollector

pytestmark = pytest.mark.ble


async def test_a_scan_lists_heart_rate_straps_strongest_first(
    bluez: FakeBluez, h10: FakeStrap, tickr: FakeStrap, start_collector: StartCollector
) -> None:
    bluez.add(FakeStrap("11:22:33:44:55:66", "Kitchen scale", rssi_dbm=-30, services=("181d",)))
    h10.rssi_dbm, tickr.rssi_dbm = -80, -50

    collector = await start_collector(scan_s=0.3)

    assert await collector.ended() == 0
    assert collector.of_kind("found")[0]["straps"] == [
        {"address": TICKR, "name": "TICKR 12AB", "rssi_dbm": -50},
        {"address": H10, "name": "Polar H10 8D2B7F21", "rssi_dbm": -80},
    ]


async def test_connecting_reads_battery_model_and_location(h10: FakeStrap, start_collector: StartCollector) -> None:
    before_ns = time.time_ns()

    collector = await start_collector({"address": H10.lower()})
    status = await collector.connected()

    assert before_ns < status.pop("time_ns") < time.time_ns()
    assert status == {
        "kind": "status",
        "strap": 0,
        "connected": True,
        "battery_pct": 90,
        "rssi_dbm": h10.rssi_dbm,
        "model": "H10",
        "location": "chest",
        "reason": None,
    }


async def test_what_a_strap_does_not_offer_is_unknown(h10: FakeStrap, start_collector: StartCollector) -> None:
    h10.battery = h10.model = h10.location = None

    status = await (await start_collector({"address": H10})).connected()

    assert (status["battery_pct"], status["model"], status["location"]) == (None, None, None)


@pytest.mark.parametrize(
    ("payload", "field"), [(b"\xff", "battery_pct"), (b"", "battery_pct"), (b"\x09", "location"), (b"\0", "model")]
)
async def test_nonsense_from_a_strap_is_unknown(
    h10: FakeStrap, start_collector: StartCollector, payload: bytes, field: str
) -> None:
    setattr(h10, field.removesuffix("_pct"), payload)

    status = await (await start_collector({"address": H10})).connected()

    assert status[field] is None


@pytest.mark.parametrize("wanted", [{"name": "TICKR 12AB"}, {"name": "tickr"}, {"address": TICKR}])
async def test_the_strap_is_chosen_by_name_or_address(
    h10: FakeStrap, tickr: FakeStrap, start_collector: StartCollector, wanted: dict[str, str]
) -> None:
    await (await start_collector(wanted)).connected()

    assert (tickr.connects, h10.connects) == (1, 0)


async def test_without_name_or_address_any_heart_rate_strap_will_do(
    bluez: FakeBluez, start_collector: StartCollector
) -> None:
    scale = FakeStrap("11:22:33:44:55:66", "Kitchen scale", services=("181d",))
    tickr = FakeStrap(TICKR, "TICKR")
    bluez.add(scale, tickr)

    await (await start_collector({})).connected()

    assert (tickr.connects, scale.connects) == (1, 0)


@pytest.mark.parametrize(("how", "method"), [(None, "StartNotify"), (True, "StartNotify"), (False, "AcquireNotify")])
async def test_notifications_arrive_in_order_and_unchanged(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector, how: Any, method: str
) -> None:
    h10.offers_acquire = True

    collector = await start_collector({"address": H10, "use_start_notify": how})
    await collector.connected()
    before_ns = time.time_ns()
    await exchange(bluez, h10, collector, [b"\x00", b"\x16\x40\x00\x04\x01\x04", bytes(range(20)), *packets(0, 40)])

    assert [call.split()[0] for call in bluez.calls if "Notify" in call] == [method]
    arrivals_ns = [event["arrival_ns"] for event in collector.of_kind("notification")]
    assert arrivals_ns == sorted(arrivals_ns)
    assert before_ns < arrivals_ns[0] < arrivals_ns[-1] < time.time_ns()


async def test_a_burst_before_a_slow_reader_loses_nothing_and_keeps_its_arrival_times(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    collector = await start_collector({"address": H10}, read_s=0.002)
    await collector.connected()

    await bluez.notify(h10, *packets(0, 500))
    sent_ns = time.time_ns()

    assert await collector.received(500) == packets(0, 500)
    read_for_ns = time.time_ns() - sent_ns
    late_ns = collector.of_kind("notification")[-1]["arrival_ns"] - sent_ns
    assert late_ns < read_for_ns / 4


async def test_notifications_during_the_first_reads_come_after_the_connected_status(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    async with beating(bluez, h10, every_s=0.001):
        collector = await start_collector({"address": H10})
        await collector.received(20)

    status, *notifications = collector.events
    assert status["kind"] == "status"
    assert {event["kind"] for event in notifications} == {"notification"}
    assert status["time_ns"] < notifications[0]["arrival_ns"]
    assert collector.payloads() == packets(int.from_bytes(collector.payloads()[0][2:], "little"), len(notifications))
