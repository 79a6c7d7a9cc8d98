"""This machine's Bluetooth, through bleak: find straps, hold one link to one. The only module that imports bleak.

bleak's errors and those of the D-Bus library under it leave this module as `StrapError`s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Final, TypeVar

from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.args.bluez import BlueZNotifyArgs
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
)

from ingest.bluetooth_errors import dbus_reason, unavailable
from ingest.errors import StrapError, StrapLost, StrapNotFound
from ingest.model import Notification, StrapStatus
from ingest.wanted import HEART_RATE_SERVICE, FoundStrap, Timing, WantedStrap

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_HEART_RATE_MEASUREMENT: Final = "00002a37-0000-1000-8000-00805f9b34fb"
_BODY_SENSOR_LOCATION: Final = "00002a38-0000-1000-8000-00805f9b34fb"
_BATTERY_LEVEL: Final = "00002a19-0000-1000-8000-00805f9b34fb"
_MODEL_NUMBER: Final = "00002a24-0000-1000-8000-00805f9b34fb"

_LOCATIONS = ("other", "chest", "wrist", "finger", "hand", "ear lobe", "foot")

# BlueZ reports any change of a device it remembers; bleak gives those without a signal strength this one.
_NOT_HEARD_DBM = -127

MAX_WAITING = 10_000
"""Unread notifications of a link, nearly three hours of a strap: a burst fits many times over. A consumer that far
behind is stuck; the link is then closed with that reason, rather than notifications dropped in silence."""

_NOT_FOUND = "not found: out of range, asleep, or a phone or watch holds its only connection"
_NOT_FOUND_ADVICE = "Wear the strap with moist electrodes, and close other apps and watches that read it."
_LINK_LOST = "link lost: out of range, or the strap was taken off"

_BLEAK_REASONS = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: "no_bluetooth",
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: "no_ble_central_role",
    BleakBluetoothNotAvailableReason.POWERED_OFF: "powered_off",
    BleakBluetoothNotAvailableReason.DENIED_BY_USER: "denied",
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: "denied",
    BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN: "denied",
}


class Radio:
    """This machine's Bluetooth, shared by all straps of a process: one scan or connect at a time.

    BlueZ answers a second one with `org.bluez.Error.InProgress`.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._held: set[str] = set()  # addresses; a strap with two connections goes on advertising

    async def scan(self, seconds: float) -> list[FoundStrap]:
        """The heart-rate straps heard within some seconds, strongest first; connected ones seldom advertise.

        Raises:
            BluetoothUnavailable: the radio can't be used.
            StrapLost: BlueZ hangs.
        """
        async with self._turn:
            with _as_strap_errors("scan"):
                async with asyncio.timeout(seconds + Timing().answer_s):
                    heard = await BleakScanner.discover(seconds, return_adv=True, service_uuids=[HEART_RATE_SERVICE])
        found = [
            FoundStrap(device.address, advertisement.local_name or device.name, advertisement.rssi)
            for device, advertisement in heard.values()
            if advertisement.rssi != _NOT_HEARD_DBM
        ]
        return sorted(found, key=lambda strap: (-strap.rssi_dbm, strap.address))

    @asynccontextmanager
    async def link(self, wanted: WantedStrap, *, now_ns: Callable[[], int], timing: Timing) -> AsyncIterator[Link]:
        """A link to a freshly scanned strap, subscribed to; taken down on leaving, come what may.

        Args:
            wanted: what to look for.
            now_ns: the Unix clock that stamps notifications.
            timing: how long to wait.

        Raises:
            BluetoothUnavailable: the radio can't be used.
            StrapNotFound: no such strap was heard.
            StrapLost: the strap refused, or went away at once.
        """
        async with AsyncExitStack() as stack:
            async with self._turn:
                device, rssi_dbm = await self._find(wanted, timing)
                self._held.add(device.address)
                stack.callback(self._held.discard, device.address)
                link = Link(device, rssi_dbm, now_ns=now_ns, timing=timing)
                stack.push_async_callback(link.close)
                await link.open()
            await link.subscribe(wanted.use_start_notify)
            yield link

    async def _find(self, wanted: WantedStrap, timing: Timing) -> tuple[BLEDevice, int | None]:
        with _as_strap_errors("scan"):
            async with asyncio.timeout(timing.scan_s + timing.answer_s):
                found = await self._hear(wanted, timing.scan_s) or await self._left_connected(wanted)
        if found is None:
            raise StrapNotFound(_NOT_FOUND, advice=_NOT_FOUND_ADVICE)
        return found

    async def _hear(self, wanted: WantedStrap, scan_s: float) -> tuple[BLEDevice, int] | None:
        heard: asyncio.Future[tuple[BLEDevice, int]] = asyncio.get_running_loop().create_future()

        def on_advertisement(device: BLEDevice, advertisement: AdvertisementData) -> None:
            name = advertisement.local_name or device.name
            is_heard = advertisement.rssi != _NOT_HEARD_DBM and device.address not in self._held
            if is_heard and not heard.done() and wanted.fits(device.address, name, advertisement.service_uuids):
                heard.set_result((device, advertisement.rssi))

        # The scanner's own finders begin to listen after the scan has begun, and can miss what is sent only once.
        async with BleakScanner(on_advertisement):
            await asyncio.wait([heard], timeout=scan_s)
        return heard.result() if heard.done() else None

    async def _left_connected(self, wanted: WantedStrap) -> tuple[BLEDevice, None] | None:
        """A strap whose link outlived a killed collector or a hung BlueZ: it does not advertise, so no scan hears it.

        Only asked after a scan: when BlueZ has died, bleak goes on calling its straps connected until they are heard.
        """
        adapter = await BleakAdapter.get()
        for device in await adapter.get_connected_devices([HEART_RATE_SERVICE]):
            if device.address not in self._held and wanted.fits(device.address, device.name, [HEART_RATE_SERVICE]):
                return device, None
        return None


class Link:
    """One connection to one strap, from connect to disconnect; never used twice."""

    def __init__(self, device: BLEDevice, rssi_dbm: int | None, *, now_ns: Callable[[], int], timing: Timing) -> None:
        self._now_ns = now_ns
        self._timing = timing
        self._arrivals: asyncio.Queue[Notification | StrapLost] = asyncio.Queue()
        self._client = BleakClient(device, disconnected_callback=self._on_lost, timeout=timing.connect_s)
        self._status = StrapStatus(connected=True, rssi_dbm=rssi_dbm)
        self._battery_due_s = 0.0

    async def open(self) -> None:
        """Connect, and discover the strap's services."""
        with _as_strap_errors("connect"):
            async with asyncio.timeout(self._timing.connect_s + self._timing.answer_s):
                await self._client.connect()
        self._status = replace(self._status, time_ns=self._now_ns())

    async def subscribe(self, use_start_notify: bool | None) -> None:
        """Have the strap notify; what arrives from now on waits for `next`."""
        options: BlueZNotifyArgs = {} if use_start_notify is None else {"use_start_notify": use_start_notify}
        with _as_strap_errors("subscribe"):
            async with asyncio.timeout(self._timing.connect_s):
                await self._client.start_notify(_HEART_RATE_MEASUREMENT, self._on_notification, bluez=options)

    async def status(self) -> StrapStatus:
        """What the strap says of itself; what it does not offer is None."""
        self._status = replace(
            self._status,
            battery_pct=await self._read_battery_pct(),
            location=_parse_location(await self._read(_BODY_SENSOR_LOCATION)),
            model=_parse_text(await self._read(_MODEL_NUMBER)),
        )
        return self._status

    async def next(self) -> Notification | StrapStatus:
        """The next notification, or the status once more when the battery has changed.

        Raises:
            StrapLost: the link went away, or nothing came for `timing.silence_s`.
        """
        if self._loop_s() >= self._battery_due_s and (changed := await self._changed_status()):
            return changed
        silence_s = self._timing.silence_s
        try:
            async with asyncio.timeout(silence_s):
                arrival = await self._arrivals.get()
        except TimeoutError:
            raise StrapLost(f"silent: no heart rate for {silence_s:g} s") from None
        if isinstance(arrival, StrapLost):
            raise arrival
        return arrival

    async def close(self) -> None:
        """Disconnect. Needed after a lost link too, or each connection leaks its D-Bus socket."""
        await _tolerate("disconnect", self._client.disconnect(), self._timing.answer_s)

    def _on_notification(self, _characteristic: object, payload: bytearray) -> None:
        if self._arrivals.qsize() < MAX_WAITING:
            self._arrivals.put_nowait(Notification(self._now_ns(), bytes(payload)))
        elif self._arrivals.qsize() == MAX_WAITING:
            self._arrivals.put_nowait(StrapLost(f"overrun: {MAX_WAITING} notifications wait unread"))

    def _on_lost(self, _client: BleakClient) -> None:
        self._arrivals.put_nowait(StrapLost(_LINK_LOST))

    async def _changed_status(self) -> StrapStatus | None:
        battery_pct = await self._read_battery_pct()
        if battery_pct in {None, self._status.battery_pct}:
            return None
        self._status = replace(self._status, battery_pct=battery_pct, time_ns=self._now_ns())
        return self._status

    async def _read_battery_pct(self) -> int | None:
        self._battery_due_s = self._loop_s() + self._timing.battery_s
        return _parse_percent(await self._read(_BATTERY_LEVEL))

    async def _read(self, characteristic: str) -> bytearray | None:
        call = self._client.read_gatt_char(characteristic)
        return await _tolerate(f"read {characteristic[4:8]}", call, self._timing.answer_s)

    @staticmethod
    def _loop_s() -> float:
        return asyncio.get_running_loop().time()


def _parse_percent(payload: bytearray | None) -> int | None:
    return payload[0] if payload and payload[0] <= 100 else None  # noqa: PLR2004 - per cent


def _parse_location(payload: bytearray | None) -> str | None:
    return _LOCATIONS[payload[0]] if payload and payload[0] < len(_LOCATIONS) else None


def _parse_text(payload: bytearray | None) -> str | None:
    return (payload or b"").decode(errors="replace").strip("\0 ") or None


async def _tolerate(doing: str, call: Awaitable[_T], timeout_s: float) -> _T | None:
    """What the call returns; None, with a line in the log, when it fails or takes too long."""
    try:
        async with asyncio.timeout(timeout_s):
            return await call
    except Exception as error:  # noqa: BLE001 - optional or last steps: a dead BlueZ must not stop the next attempt
        _log.info("step=%r error=%r", doing, error)
        return None


@contextmanager
def _as_strap_errors(doing: str) -> Iterator[None]:
    """Turn any error into a StrapError: bleak also lets through its D-Bus library's, the socket's, assertions."""
    try:
        yield
    except Exception as error:
        _log.debug("step=%s error=%r", doing, error)
        raise _strap_error(doing, error) from error


def _strap_error(doing: str, error: Exception) -> StrapError:
    reason = _unavailable_reason(error)
    if reason is not None:
        return unavailable(reason)
    is_forgotten = isinstance(error, BleakDBusError) and error.dbus_error == "org.freedesktop.DBus.Error.UnknownObject"
    if is_forgotten or isinstance(error, BleakDeviceNotFoundError):
        return StrapNotFound(_NOT_FOUND, advice=_NOT_FOUND_ADVICE)
    return StrapLost(f"{doing} failed: {str(error) or 'no answer in time'}")


def _unavailable_reason(error: Exception) -> str | None:
    """A reason for `unavailable` for errors that concern the radio; None for those that concern one strap."""
    if isinstance(error, BleakBluetoothNotAvailableError):
        return _BLEAK_REASONS.get(error.reason, "unknown")
    if isinstance(error, BleakDBusError):
        return dbus_reason(error.dbus_error)
    if isinstance(error, PermissionError):
        return "denied"
    if isinstance(error, (FileNotFoundError, ConnectionError)):
        return "no_dbus"
    return None
