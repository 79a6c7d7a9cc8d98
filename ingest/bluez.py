"""What BlueZ and the kernel say of this machine's Bluetooth adapters, asked over D-Bus. Linux only.

Bleak tells none of it before it scans, and then only that it can't. The only module that imports dbus-fast, which
comes with bleak.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

from ingest.bluetooth_errors import dbus_reason, unavailable

_ANSWER_S = 5.0
_ADAPTER = "org.bluez.Adapter1"
RFKILL = Path("/sys/class/rfkill")


@dataclass(frozen=True, slots=True)
class Adapter:
    """One Bluetooth adapter, as BlueZ knows it."""

    name: str  # hci0
    address: str
    powered: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A radio switch of the kernel that is off."""

    name: str  # hci0, or that of the switch
    hard: bool  # a switch or key of the machine; otherwise one that a command can turn


async def bluez_adapters() -> list[Adapter]:
    """The adapters that BlueZ has, by name; none where no driver has brought one.

    Raises:
        BluetoothUnavailable: no D-Bus, no BlueZ, no right to speak to it, or no answer.
    """
    bus = None
    try:
        async with asyncio.timeout(_ANSWER_S):
            bus = MessageBus(bus_type=BusType.SYSTEM)
            await bus.connect()
            answer = await bus.call(
                Message(
                    destination="org.bluez",
                    path="/",
                    interface="org.freedesktop.DBus.ObjectManager",
                    member="GetManagedObjects",
                )
            )
    except (AuthError, PermissionError) as error:
        raise unavailable("denied") from error
    except TimeoutError as error:  # before OSError, of which it is one
        raise unavailable("hangs") from error
    except (OSError, EOFError, InvalidAddressError) as error:
        raise unavailable("no_dbus") from error
    finally:
        if bus is not None:
            bus.disconnect()
    if answer.message_type is MessageType.ERROR:
        raise unavailable(dbus_reason(str(answer.error_name)) or "unknown")
    return _adapters(answer.body[0])


def _adapters(objects: dict[str, dict[str, dict[str, Any]]]) -> list[Adapter]:
    found = {path: interfaces[_ADAPTER] for path, interfaces in objects.items() if _ADAPTER in interfaces}
    return [
        Adapter(path.rpartition("/")[2], str(told["Address"].value), bool(told["Powered"].value))
        for path, told in sorted(found.items())
    ]


def bluetooth_blocks(folder: Path = RFKILL) -> list[Block]:
    """The Bluetooth switches that are off; none where the kernel has no switches."""
    switches = [switch for switch in sorted(folder.glob("rfkill*")) if _read(switch / "type") == "bluetooth"]
    return [Block(_read(switch / "name"), _read(switch / "hard") == "1") for switch in switches if _is_off(switch)]


def _is_off(switch: Path) -> bool:
    return "1" in {_read(switch / "soft"), _read(switch / "hard")}


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # a switch that has just been unplugged, or an attribute that this kernel does not have
        return ""
