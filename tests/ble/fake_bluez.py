"""A fake `org.bluez`: an adapter and straps as D-Bus objects, enough of BlueZ for a real, unpatched bleak.

It encodes our reading of BlueZ, its traps included: connected straps do not advertise, a second scan or connect is
refused, signal strengths are forgotten when a scan ends, and a dying bluetoothd says nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER = "/org/bluez/hci0"

_OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_ADAPTER = "org.bluez.Adapter1"
_DEVICE = "org.bluez.Device1"
_SERVICE = "org.bluez.GattService1"
_CHARACTERISTIC = "org.bluez.GattCharacteristic1"
_DESCRIPTOR = "org.bluez.GattDescriptor1"

_MEASUREMENT = "service000a/char000b"
_ADVERTISE_EVERY_S = 0.02

_FALSE, _TRUE = (Variant("b", flag) for flag in (False, True))

Properties = dict[str, Variant]
Objects = dict[str, dict[str, Properties]]


def uuid(short: str) -> str:
    return f"0000{short}-0000-1000-8000-00805f9b34fb"


@dataclass(eq=False)
class FakeStrap:
    """A strap and what happens to it; tests set its fields."""

    address: str
    name: str
    rssi_dbm: int = -60
    battery: bytes | None = b"\x5a"
    location: bytes | None = b"\x01"
    model: bytes | None = b"H10"
    services: tuple[str, ...] = ("180d", "180f")
    in_range: bool = True
    offers_acquire: bool = False
    takes_two: bool = False  # connections, so it goes on advertising after the first
    refusals: list[str] = field(default_factory=list)  # errors that the next connects are answered with
    connect_s: float = 0.01
    connected: bool = False
    notifying: bool = False
    connects: int = 0
    known: bool = False  # whether BlueZ has a device object
    heard: bool = False  # whether that object has a signal strength
    acquired: socket.socket | None = None

    @property
    def path(self) -> str:
        return f"{ADAPTER}/dev_{self.address.replace(':', '_')}"

    def values(self) -> dict[str, bytes | None]:
        """The readable characteristics by path."""
        return {
            f"{self.path}/service000a/char000e": self.location,
            f"{self.path}/service0010/char0011": self.battery,
            f"{self.path}/service0014/char0015": self.model,
        }

    def device(self) -> Properties:
        properties = {
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "random"),
            "Name": Variant("s", self.name),
            "Alias": Variant("s", self.name),
            "Adapter": Variant("o", ADAPTER),
            "UUIDs": Variant("as", [uuid(short) for short in self.services]),
            **{flag: Variant("b", self.connected) for flag in ("Connected", "ServicesResolved")},
            **dict.fromkeys(("Paired", "Bonded", "Trusted"), _FALSE),
        }
        return properties | ({"RSSI": Variant("n", self.rssi_dbm)} if self.heard else {})

    def gatt(self) -> Objects:
        """The objects that exist while connected, parents before children."""
        objects: Objects = {}
        for service, short in (("service000a", "180d"), ("service0010", "180f"), ("service0014", "180a")):
            objects[f"{self.path}/{service}"] = {_SERVICE: self._service(short)}
        shorts = {"char000b": "2a37", "char000e": "2a38", "char0011": "2a19", "char0015": "2a24"}
        readable = [path for path, payload in self.values().items() if payload is not None]
        for path in (f"{self.path}/{_MEASUREMENT}", *readable):
            objects[path] = {_CHARACTERISTIC: self._characteristic(path, shorts[path[-8:]])}
        measurement = f"{self.path}/{_MEASUREMENT}"
        descriptor = {"UUID": Variant("s", uuid("2902")), "Characteristic": Variant("o", measurement)}
        objects[f"{measurement}/desc000d"] = {_DESCRIPTOR: descriptor | {"Value": Variant("ay", b"")}}
        return objects

    def _service(self, short: str) -> Properties:
        return {
            "UUID": Variant("s", uuid(short)),
            "Primary": _TRUE,
            "Device": Variant("o", self.path),
            "Includes": Variant("ao", []),
        }

    def _characteristic(self, path: str, short: str) -> Properties:
        notifies = path.endswith(_MEASUREMENT)
        properties = {
            "UUID": Variant("s", uuid(short)),
            "Service": Variant("o", path.rpartition("/")[0]),
            "Value": Variant("ay", b""),
            "Flags": Variant("as", ["notify" if notifies else "read"]),
            "Notifying": Variant("b", self.notifying and notifies),
            "MTU": Variant("q", 23),
        }
        offers = notifies and self.offers_acquire
        return properties | ({"NotifyAcquired": _FALSE} if offers else {})


class Refused(Exception):
    """A method answered with a D-Bus error."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(name)
        self.name = name if "." in name else f"org.bluez.Error.{name}"
        self.text = text or name


class FakeBluez:
    """One bluetoothd with one adapter; `calls` holds the methods called, `overlaps` those that BlueZ had to refuse."""

    def __init__(self, bus_address: str) -> None:
        self.calls: list[str] = []
        self.overlaps: list[str] = []
        self.hangs = False  # takes calls and answers none
        self._bus_address = bus_address
        self._bus: MessageBus | None = None
        self._straps: list[FakeStrap] = []
        self._powered = True
        self._advertising: asyncio.Task[None] | None = None
        self._connecting: dict[str, asyncio.Task[None]] = {}
        self._pending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Come up, as after boot: only the adapter is known."""
        self._bus = await MessageBus(bus_address=self._bus_address, negotiate_unix_fd=True).connect()
        self._bus.add_message_handler(self._on_message)
        await self._bus.request_name("org.bluez")
        await self._added({ADAPTER: {_ADAPTER: self._adapter()}})

    async def stop(self) -> None:
        """Die as bluetoothd does when killed: links drop, and nobody is told."""
        for task in (*self._connecting.values(), *([self._advertising] if self._advertising else [])):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._connecting.clear()
        self._advertising = None
        for strap in self._straps:
            self._drop(strap)
            strap.known = strap.heard = False
        if self._bus is not None:
            self._bus.disconnect()
            with contextlib.suppress(EOFError):
                await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
            self._bus = None

    def add(self, *straps: FakeStrap) -> None:
        self._straps += straps

    async def power(self, *, on: bool) -> None:
        self._powered = on
        for strap in self._straps:
            if not on and strap.connected:
                await self.lose(strap)
        await self._changed(ADAPTER, _ADAPTER, {"Powered": Variant("b", on)})

    async def lose(self, strap: FakeStrap) -> None:
        """The link goes away: supervision time-out, or a disconnect that either side asked for."""
        gatt = strap.gatt()
        self._drop(strap)
        down = dict.fromkeys(("ServicesResolved", "Connected"), _FALSE)
        await self._changed(strap.path, _DEVICE, down)
        for path, interfaces in reversed(gatt.items()):
            await self._signal("/", _OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, list(interfaces)])

    def client_left(self) -> None:
        """The one client's connection to the bus ended: its scan and its subscriptions end, its links stay."""
        for task in (*self._connecting.values(), *([self._advertising] if self._advertising else [])):
            task.cancel()
        self._connecting.clear()
        self._advertising = None
        for strap in self._straps:
            strap.notifying = False

    async def notify(self, strap: FakeStrap, *payloads: bytes) -> None:
        """The strap sends; who has subscribed gets it."""
        for number, payload in enumerate(payloads):
            if strap.acquired is not None:
                strap.acquired.send(payload)
            elif strap.notifying:
                changed = {"Value": Variant("ay", payload)}
                await self._changed(f"{strap.path}/{_MEASUREMENT}", _CHARACTERISTIC, changed)
            if number % 20 == 19:
                await asyncio.sleep(0.002)  # dbus-fast gives up a connection whose socket is full

    async def touch(self, strap: FakeStrap) -> None:
        """BlueZ changes what it remembers of a strap that it does not hear."""
        strap.known = True
        await self._added({strap.path: {_DEVICE: strap.device()}})

    @staticmethod
    def _drop(strap: FakeStrap) -> None:
        strap.connected = strap.notifying = False
        if strap.acquired is not None:
            strap.acquired.close()
            strap.acquired = None

    def _adapter(self) -> Properties:
        return {
            **{name: Variant("s", "fake") for name in ("Name", "Alias")},
            "Address": Variant("s", "00:00:5E:00:53:00"),
            "Powered": Variant("b", self._powered),
            "Discovering": Variant("b", self._advertising is not None),
            "UUIDs": Variant("as", []),
            "Roles": Variant("as", ["central", "peripheral"]),
        }

    def _objects(self) -> Objects:
        objects: Objects = {ADAPTER: {_ADAPTER: self._adapter()}}
        for strap in self._straps:
            if strap.known:
                objects[strap.path] = {_DEVICE: strap.device()}
            if strap.connected:
                objects |= strap.gatt()
        return objects

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        handler = self._handlers().get((message.interface or "", message.member or ""))
        if handler is None:
            return None
        if message.interface != _OBJECT_MANAGER:
            self.calls.append(f"{message.member} {(message.path or '')[-22:]}")
        if self.hangs:
            return True
        try:
            return handler(message)
        except Refused as refused:
            return Message.new_error(message, refused.name, refused.text)

    def _handlers(self) -> dict[tuple[str, str], Callable[[Message], Message | bool]]:
        return {
            (_OBJECT_MANAGER, "GetManagedObjects"): self._on_get_objects,
            (_ADAPTER, "SetDiscoveryFilter"): Message.new_method_return,
            (_ADAPTER, "StartDiscovery"): self._on_start_discovery,
            (_ADAPTER, "StopDiscovery"): self._on_stop_discovery,
            (_DEVICE, "Connect"): self._on_connect,
            (_DEVICE, "Disconnect"): self._on_disconnect,
            (_CHARACTERISTIC, "ReadValue"): self._on_read,
            (_CHARACTERISTIC, "StartNotify"): self._on_start_notify,
            (_CHARACTERISTIC, "AcquireNotify"): self._on_acquire_notify,
        }

    def _on_get_objects(self, message: Message) -> Message:
        return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects()])

    def _on_start_discovery(self, message: Message) -> Message:
        self._claim_radio("StartDiscovery")
        self._advertising = asyncio.create_task(self._advertise())
        return Message.new_method_return(message)

    def _on_stop_discovery(self, message: Message) -> bool:
        if self._advertising is None:
            raise Refused("Failed", "No discovery started")
        self._advertising.cancel()
        self._advertising = None
        self._later(self._end_discovery(message))
        return True

    def _on_connect(self, message: Message) -> bool:
        strap = self._strap(message)
        self._claim_radio("Connect")
        self._connecting[strap.path] = asyncio.create_task(self._connect(strap, message))
        return True

    def _on_disconnect(self, message: Message) -> bool:
        strap = self._strap(message)
        if pending := self._connecting.pop(strap.path, None):
            pending.cancel()
            return self._later(self._send(Message.new_method_return(message)))
        if not strap.connected:
            raise Refused("NotConnected")
        return self._later(self._disconnect(strap, message))

    def _on_read(self, message: Message) -> Message:
        payload = self._connected_strap(message).values().get(message.path or "")
        if payload is None:
            raise Refused("org.freedesktop.DBus.Error.UnknownObject")
        return Message.new_method_return(message, "ay", [payload])

    def _on_start_notify(self, message: Message) -> Message:
        self._connected_strap(message).notifying = True
        return Message.new_method_return(message)

    def _on_acquire_notify(self, message: Message) -> bool:
        strap = self._connected_strap(message)
        strap.acquired, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        strap.acquired.settimeout(0)
        descriptor = theirs.detach()
        reply = Message.new_method_return(message, "hq", [0, 23], unix_fds=[descriptor])
        return self._later(self._send(reply, closing=descriptor))

    def _claim_radio(self, wanted: str) -> None:
        if not self._powered:
            raise Refused("NotReady")
        if self._advertising is not None or self._connecting:
            self.overlaps.append(wanted)
            raise Refused("InProgress")

    def _strap(self, message: Message) -> FakeStrap:
        for strap in self._straps:
            if strap.known and (message.path or "").startswith(strap.path):
                return strap
        raise Refused("org.freedesktop.DBus.Error.UnknownObject")

    def _connected_strap(self, message: Message) -> FakeStrap:
        strap = self._strap(message)
        if not strap.connected:
            raise Refused("org.freedesktop.DBus.Error.UnknownObject")
        return strap

    async def _advertise(self) -> None:
        while True:
            for strap in self._audible():
                if not strap.known:
                    strap.known = strap.heard = True
                    await self._added({strap.path: {_DEVICE: strap.device()}})
                elif not strap.heard:
                    strap.heard = True
                    await self._changed(strap.path, _DEVICE, {"RSSI": Variant("n", strap.rssi_dbm)})
            await asyncio.sleep(_ADVERTISE_EVERY_S)

    def _audible(self) -> Iterator[FakeStrap]:
        return (strap for strap in self._straps if strap.in_range and (strap.takes_two or not strap.connected))

    async def _end_discovery(self, message: Message) -> None:
        for strap in self._straps:
            if strap.heard:
                strap.heard = False
                await self._signal(strap.path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", [_DEVICE, {}, ["RSSI"]])
        await self._send(Message.new_method_return(message))

    async def _connect(self, strap: FakeStrap, message: Message) -> None:
        await asyncio.sleep(strap.connect_s)
        del self._connecting[strap.path]
        strap.connects += 1
        error = strap.refusals.pop(0) if strap.refusals else "" if strap.in_range else "le-connection-abort-by-local"
        if error:
            await self._send(Message.new_error(message, "org.bluez.Error.Failed", error))
            return
        strap.connected = True
        await self._changed(strap.path, _DEVICE, {"Connected": _TRUE})
        await self._added(strap.gatt())
        await self._changed(strap.path, _DEVICE, {"ServicesResolved": _TRUE})
        await self._send(Message.new_method_return(message))

    async def _disconnect(self, strap: FakeStrap, message: Message) -> None:
        await self.lose(strap)
        await self._send(Message.new_method_return(message))

    def _later(self, work: Coroutine[Any, Any, None]) -> bool:
        task = asyncio.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return True

    async def _added(self, objects: Objects) -> None:
        for path, interfaces in objects.items():
            await self._signal("/", _OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    async def _changed(self, path: str, interface: str, properties: Properties) -> None:
        await self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, properties, []])

    async def _signal(self, path: str, interface: str, member: str, signature: str, body: list[object]) -> None:
        await self._send(Message.new_signal(path, interface, member, signature, body))

    async def _send(self, message: Message, closing: int | None = None) -> None:
        if self._bus is not None:
            await self._bus.send(message)
        if closing is not None:
            os.close(closing)
