"""Real straps' code and an unpatched bleak in a process of its own, against a fake BlueZ."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.ble.fake_bluez import FakeBluez, FakeStrap
from tests.fixtures.bluez import Collector, PrivateBus, StartCollector
from tests.support import eventually

pytestmark = pytest.mark.ble

H10 = "A0:9E:1A:00:00:01"
TICKR = "C0:FF:EE:00:00:02"
NOT_FOUND = "not found: out of range, asleep, or a phone or watch holds its only connection"

both_ways = pytest.mark.parametrize("how", [True, False], ids=["StartNotify", "AcquireNotify"])


def packet(number: int) -> bytes:
    """A heart rate packet unlike any other of a test."""
    return b"\x10\x3c" + number.to_bytes(2, "little")


def packets(first: int, count: int) -> list[bytes]:
    return [packet(number) for number in range(first, first + count)]


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


@both_ways
async def test_a_lost_link_is_reported_and_replaced_after_a_fresh_scan_without_doubled_notifications(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector, how: Any
) -> None:
    h10.offers_acquire = True
    collector = await start_collector({"address": H10, "use_start_notify": how})
    await collector.connected()
    await exchange(bluez, h10, collector, packets(0, 5))
    bluez.calls.clear()

    await bluez.lose(h10)

    assert (await collector.lost())["reason"] == "link lost: out of range, or the strap was taken off"
    await collector.connected(times=2)
    await exchange(bluez, h10, collector, packets(0, 5))
    await bluez.lose(h10)
    assert (await collector.lost(times=2))["reason"] == (await collector.lost(times=1))["reason"]
    await collector.connected(times=3)
    await exchange(bluez, h10, collector, packets(0, 5))
    radio_calls = [call.split()[0] for call in bluez.calls if "Disc" in call or "Connect" in call]
    assert [call for call in radio_calls if "Filter" not in call] == ["StartDiscovery", "StopDiscovery", "Connect"] * 2


async def test_notifications_sent_before_a_loss_stand_before_its_status(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    collector = await start_collector({"address": H10}, read_s=0.005)
    await collector.connected()

    await bluez.notify(h10, *packets(0, 50))
    await bluez.lose(h10)
    await collector.lost()

    kinds = [event["kind"] for event in collector.events]
    assert kinds == ["status", *["notification"] * 50, "status"]


async def test_refused_connects_are_reported_once_per_reason_and_tried_again(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    h10.refusals = ["Operation already in progress", "Operation already in progress", "br-connection-canceled"]

    collector = await start_collector({"address": H10})
    await collector.connected()
    await exchange(bluez, h10, collector, packets(0, 3))

    assert h10.connects == 4
    assert [status["reason"] for status in collector.statuses()] == [
        "connect failed: [org.bluez.Error.Failed] Operation already in progress",
        "connect failed: [org.bluez.Error.Failed] br-connection-canceled",
        None,
    ]


async def test_a_strap_out_of_range_is_reported_once_and_found_when_it_returns(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    h10.in_range = False

    collector = await start_collector({"address": H10}, timing={"scan_s": 0.05})
    await eventually(lambda: bluez.calls.count("StartDiscovery /org/bluez/hci0") >= 4, "four scans")
    h10.in_range = True
    await collector.connected()

    assert [status["reason"] for status in collector.statuses()] == [NOT_FOUND, None]


async def test_a_strap_that_bluez_remembers_but_does_not_hear_is_not_found(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    h10.in_range = False

    collector = await start_collector({"address": H10}, timing={"scan_s": 0.2})
    await eventually(lambda: "StartDiscovery /org/bluez/hci0" in bluez.calls, "a scan")
    await bluez.touch(h10)

    assert (await collector.lost())["reason"] == NOT_FOUND
    assert h10.connects == 0


async def test_a_silent_strap_is_disconnected_and_connected_again(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    collector = await start_collector({"address": H10}, timing={"silence_s": 0.8})
    async with beating(bluez, h10):
        await collector.connected()
        await collector.received(20)
        assert len(collector.statuses()) == 1
    bluez.calls.clear()

    assert (await collector.lost())["reason"] == "silent: no heart rate for 0.8 s"
    assert bluez.calls[0].split()[0] == "Disconnect"
    async with beating(bluez, h10):
        await collector.connected(times=2)


@both_ways
async def test_a_restart_of_bluez_is_survived(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector, how: Any
) -> None:
    h10.offers_acquire = True
    wanted = {"address": H10, "use_start_notify": how}
    collector = await start_collector(wanted, timing={"silence_s": 0.8})
    async with beating(bluez, h10):
        await collector.connected()
        await bluez.stop()
        await collector.lost(times=2)
        await bluez.start()
        await collector.connected(times=2)
        await collector.received(len(collector.payloads()) + 10)

    assert [status["reason"] for status in collector.statuses()] == [
        None,
        "silent: no heart rate for 0.8 s",
        "the Bluetooth service BlueZ does not run",
        None,
    ]
    assert len(set(collector.payloads())) == len(collector.payloads())


async def test_a_strap_gone_while_bluez_was_restarted_is_not_found(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    collector = await start_collector({"address": H10}, timing={"silence_s": 0.8, "scan_s": 0.1})
    await collector.connected()
    h10.in_range = False
    await bluez.stop()
    await bluez.start()

    assert (await collector.lost(times=2))["reason"] == NOT_FOUND
    h10.in_range = True
    await collector.connected(times=2)
    await exchange(bluez, h10, collector, packets(0, 3))


async def test_a_hung_bluez_is_survived_and_a_link_that_outlived_it_is_taken_over(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    timing = {"silence_s": 0.8, "scan_s": 0.1, "answer_s": 0.2}
    collector = await start_collector({"address": H10}, timing=timing)
    await collector.connected()

    bluez.hangs = True
    assert (await collector.lost(times=2))["reason"] == "scan failed: no answer in time"
    bluez.hangs = False

    await collector.connected(times=2)
    await exchange(bluez, h10, collector, packets(0, 3))
    assert h10.connects == 1


@both_ways
async def test_a_restart_of_the_message_bus_is_survived(
    bluez: FakeBluez, private_bus: PrivateBus, h10: FakeStrap, start_collector: StartCollector, how: Any
) -> None:
    h10.offers_acquire = True
    collector = await start_collector({"address": H10, "use_start_notify": how})
    await collector.connected()

    await bluez.stop()
    private_bus.kill()
    assert (await collector.lost(times=2))["reason"] == "no system D-Bus, so no way to BlueZ"
    private_bus.start()
    await bluez.start()

    await collector.connected(times=2)
    await exchange(bluez, h10, collector, packets(0, 3))


async def test_a_reader_that_is_stuck_is_told_of_the_overrun(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    collector = await start_collector({"address": H10}, read_s=0.01, max_waiting=30)
    await collector.connected()

    await bluez.notify(h10, *packets(0, 100))

    assert (await collector.lost())["reason"] == "overrun: 30 notifications wait unread"
    assert collector.payloads() == packets(0, len(collector.payloads()))
    assert 30 <= len(collector.payloads()) < 100
    await collector.connected(times=2)


async def test_an_adapter_switched_off_later_is_an_outage(
    bluez: FakeBluez, h10: FakeStrap, start_collector: StartCollector
) -> None:
    collector = await start_collector({"address": H10})
    await collector.connected()

    await bluez.power(on=False)
    assert (await collector.lost(times=2))["reason"] == "Bluetooth is switched off"
    await bluez.power(on=True)

    await collector.connected(times=2)
    await exchange(bluez, h10, collector, packets(0, 3))


async def test_an_adapter_switched_off_at_the_start_is_an_error_with_advice(
    bluez: FakeBluez, start_collector: StartCollector
) -> None:
    await bluez.power(on=False)

    collector = await start_collector({"address": H10})

    assert await collector.ended() == 4
    (event,) = collector.events
    assert (event["kind"], event["reason"]) == ("unavailable", "powered_off")
    assert "rfkill" in event["advice"]


@pytest.mark.parametrize("options", [{}, {"scan_s": 0.1}])
async def test_without_bluez_starting_is_an_error(
    bluez: FakeBluez, start_collector: StartCollector, options: dict[str, float]
) -> None:
    await bluez.stop()

    collector = await start_collector(**options)

    assert await collector.ended() == 4
    assert collector.of_kind("unavailable")[0]["reason"] == "no_bluez"


async def test_without_a_system_bus_starting_is_an_error(
    start_collector: StartCollector,
) -> None:
    collector = await start_collector(bus="unix:path=/nonexistent/bus")

    assert await collector.ended() == 4
    assert collector.of_kind("unavailable")[0]["reason"] == "no_dbus"


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
