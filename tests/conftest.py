"""Fixtures of every test folder."""

from __future__ import annotations

from tests.fixtures.influxd import influx_database, influxd_port
from tests.fixtures.mosquitto import mosquitto, stopped_mosquitto

__all__ = ["influx_database", "influxd_port", "mosquitto", "stopped_mosquitto"]
