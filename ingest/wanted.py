"""What to look for on the radio, what a scan finds, how long to wait for it. Pure; settings may import it cheaply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEART_RATE_SERVICE: Final = "0000180d-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, slots=True)
class FoundStrap:
    """A heart-rate strap that a scan heard."""

    address: str  # MAC; on macOS a UUID
    name: str | None
    rssi_dbm: int


@dataclass(frozen=True, slots=True)
class WantedStrap:
    """What to look for: an address, else a name, else any device that advertises the Heart Rate Service."""

    address: str | None = None
    name: str | None = None  # as advertised, whole or its beginning: "Polar H10" fits "Polar H10 8D2B7F21"
    use_start_notify: bool | None = None  # BlueZ: some straps only work with StartNotify, some without; None: bleak's

    def fits(self, address: str, name: str | None, services: list[str]) -> bool:
        """Whether a device of this address, name and advertised services is the one."""
        if self.address is not None:
            return address.casefold() == self.address.casefold()
        if self.name is not None:
            return (name or "").casefold().startswith(self.name.casefold())
        return HEART_RATE_SERVICE in services


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait for what, in seconds."""

    scan_s: float = 10.0
    connect_s: float = 30.0
    answer_s: float = 10.0  # a hung BlueZ answers nothing, and D-Bus calls have no time-out of their own
    silence_s: float = 15.0  # straps notify about once a second: a link silent this long is dead, whatever BlueZ says
    battery_s: float = 600.0  # between readings of the battery
