"""Fixtures of the Bluetooth tests."""

from __future__ import annotations

from tests.fixtures.bluez import bluez, private_bus, start_collector

__all__ = ["bluez", "private_bus", "start_collector"]
