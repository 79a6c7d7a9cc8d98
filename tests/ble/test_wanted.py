"""Choosing a strap, and waiting longer each time: no radio needed."""

from __future__ import annotations

from itertools import islice

import pytest

from ingest.wanted import HEART_RATE_SERVICE, Backoff, WantedStrap


def waits(backoff: Backoff, uniform: float, count: int) -> list[float]:
    return list(islice(backoff.delays_s(lambda: uniform), count))


def test_waits_grow_by_the_factor_up_to_the_limit() -> None:
    assert waits(Backoff(first_s=1, factor=3, max_s=10), 0.5, 5) == [1, 3, 9, 10, 10]


def test_waits_stay_at_the_limit_through_a_day_out_of_range() -> None:
    assert waits(Backoff(max_s=30), 0.5, 10_000)[-1] == 30


@pytest.mark.parametrize(("uniform", "wait_s"), [(0.0, 7.5), (0.5, 10.0), (0.999_999, 12.5)])
def test_waits_vary_by_the_jitter_up_and_down(uniform: float, wait_s: float) -> None:
    assert waits(Backoff(first_s=10, jitter=0.25), uniform, 1) == [pytest.approx(wait_s, abs=1e-4)]


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
