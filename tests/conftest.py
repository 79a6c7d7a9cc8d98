"""Fixtures of every test folder."""

from __future__ import annotations

from tests.fixtures.influxd import influx_database, influxd_port

__all__ = ["influx_database", "influxd_port"]
