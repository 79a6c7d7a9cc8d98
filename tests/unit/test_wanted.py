"""Choosing a strap: no radio needed."""

from __future__ import annotations

import pytest

from ingest.wanted import HEART_RATE_SERVICE, WantedStrap


def test_an_address_is_enough_whatever_is_advertised() -> None:
    wanted = WantedStrap(address="a0:9e:1a:00:00:01", name="Polar")

    assert wanted.fits("A0:9E:1A:00:00:01", None, [])
    assert not wanted.fits("A0:9E:1A:00:00:02", "Polar", [HEART_RATE_SERVICE])


@pytest.mark.parametrize(
    ("name", "fits"), [("Polar H10 8D2B7F21", True), ("POLAR h10", True), ("Polar H9", False), (None, False)]
)
def test_a_name_fits_whole_or_by_its_beginning(name: str | None, fits: bool) -> None:
    assert WantedStrap(name="Polar H10").fits("A0:9E:1A:00:00:01", name, []) is fits


def test_neither_name_nor_address_fits_any_heart_rate_strap() -> None:
    assert WantedStrap().fits("A0:9E:1A:00:00:01", None, ["0000180f-0000-1000-8000-00805f9b34fb", HEART_RATE_SERVICE])
    assert not WantedStrap().fits("A0:9E:1A:00:00:01", "Polar H10", [])
