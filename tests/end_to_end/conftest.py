"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from tests.fixtures.bluez import bluez, private_bus

__all__ = ["bluez", "private_bus"]
