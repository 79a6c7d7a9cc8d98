"""Fixtures of the Bluetooth tests."""

from __future__ import annotations

from tests.ble.worn import h10, tickr
from tests.fixtures.bluez import bluez, private_bus, start_collector

__all__ = ["bluez", "h10", "private_bus", "start_collector", "tickr"]
