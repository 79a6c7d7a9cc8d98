"""The fault suite: everything that a home does to a runner's data, done to real parts, and audited beat by beat."""

from __future__ import annotations

from importlib import import_module

from tests.faults.scenario import SCENARIOS, Outcome, Scenario, Unavailable

__all__ = ["SCENARIOS", "Outcome", "Scenario", "Unavailable"]

for _module in ("kills", "radio", "network", "disks", "clocks", "outages"):
    import_module(f"tests.faults.{_module}")  # puts its scenarios on the list
