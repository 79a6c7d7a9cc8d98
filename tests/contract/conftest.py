"""Fixtures of the contract tests: one target for each store adapter."""

from __future__ import annotations

from tests.contract.targets import influx_target, target
from tests.fixtures.influxd import guarded_database, guarded_influxd_port

__all__ = ["guarded_database", "guarded_influxd_port", "influx_target", "target"]
