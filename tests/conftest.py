"""Fixtures of every test folder, and the rule that nothing is skipped in CI."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.fixtures.influxd import influx_database, influxd_port
from tests.fixtures.mosquitto import mosquitto, stopped_mosquitto

__all__ = ["influx_database", "influxd_port", "mosquitto", "stopped_mosquitto"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure: what a test needs is to be installed there."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
    return report
