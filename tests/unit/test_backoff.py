"""Waiting longer each time."""

from __future__ import annotations

from itertools import islice

import pytest

from ingest.backoff import Backoff


def waits(backoff: Backoff, uniform: float, count: int) -> list[float]:
    return list(islice(backoff.delays_s(lambda: uniform), count))


def test_waits_grow_by_the_factor_up_to_the_limit() -> None:
    assert waits(Backoff(first_s=1, factor=3, max_s=10), 0.5, 5) == [1, 3, 9, 10, 10]


def test_waits_stay_at_the_limit_through_a_day_out_of_range() -> None:
    assert waits(Backoff(max_s=30), 0.5, 10_000)[-1] == 30


@pytest.mark.parametrize(("uniform", "wait_s"), [(0.0, 7.5), (0.5, 10.0), (0.999_999, 12.5)])
def test_waits_vary_by_the_jitter_up_and_down(uniform: float, wait_s: float) -> None:
    assert waits(Backoff(first_s=10, jitter=0.25), uniform, 1) == [pytest.approx(wait_s, abs=1e-4)]
