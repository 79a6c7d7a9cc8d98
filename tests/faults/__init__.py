"""The fault suite: everything that a home does to a runner's data, done to real parts, and audited beat by beat."""

from __future__ import annotations

from tests.faults import kills as _kills
from tests.faults.scenario import SCENARIOS, Outcome, Scenario, Unavailable

__all__ = ["SCENARIOS", "Outcome", "Scenario", "Unavailable"]

del _kills
