"""Links, straps, adapters, BlueZ and the message bus that go away: what is told, and how the strap is found again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ble.fake_bluez import FakeBluez, FakeStrap
from tests.ble.worn import H10, NOT_FOUND, beating, both_ways, exchange, packets
from tests.fixtures.bluez import PrivateBus, StartCollector
from tests.support import eventually

pytestmark = pytest.mark.ble


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
