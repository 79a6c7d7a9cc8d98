"""Bootstrap intervals: what they are around, how often they hold the truth, and that they never change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scores.bootstrap import Interval, interval_of_difference, interval_of_mean

stress = st.lists(st.floats(0, 100), min_size=2, max_size=30)


def test_the_interval_lies_around_the_difference_of_the_means() -> None:
    found = interval_of_difference([30, 34, 38, 31, 37, 40, 28, 34], [44, 40, 48, 50, 41, 43, 47, 47])
    assert found.difference == pytest.approx(34 - 45)
    # Welch's t, by hand: variances 17.14 and 11.43 make a standard error of 1.89; t of 13.4 degrees is 2.154.
    assert found.low == pytest.approx(-11 - 2.154 * 1.89, abs=0.4)
    assert found.high == pytest.approx(-11 + 2.154 * 1.89, abs=0.4)
    assert found.excludes_zero


def test_a_mean_has_an_interval_as_student_gives_it() -> None:
    found = interval_of_mean([-2, 4, 1, 3, -1, 5, 0, 2, 4, 4])
    assert found.difference == pytest.approx(2)
    assert found.high - found.low == pytest.approx(2 * 2.262 * 0.760, rel=0.1)  # t of 9 degrees, SD 2.404 / sqrt(10)
    assert found.excludes_zero


@settings(max_examples=30, deadline=None)
@given(stress, stress, st.randoms(use_true_random=False))
def test_neither_the_call_nor_the_order_of_days_changes_a_bit(a: list[float], b: list[float], random: object) -> None:
    first = interval_of_difference(a, b)
    random.shuffle(a)  # type: ignore[attr-defined]
    assert interval_of_difference(a, b) == first


@settings(max_examples=30, deadline=None)
@given(stress, stress, st.floats(0.5, 2), st.integers(-50, 50))
def test_it_moves_and_stretches_with_the_values(a: list[float], b: list[float], scale: float, offset: int) -> None:
    plain = interval_of_difference(a, b)
    moved = interval_of_difference([scale * value + offset for value in a], [scale * value for value in b])
    assert moved == pytest.approx([scale * end + offset for end in plain], abs=1e-6)


def test_values_without_spread_give_an_interval_without_width() -> None:
    assert interval_of_difference([33.3] * 7, [33.3] * 9) == Interval(0, 0, 0)
    assert not interval_of_difference([0.1] * 7, [0.1] * 9).excludes_zero
    assert interval_of_mean([-4.0, -4.0]) == Interval(-4, -4, -4)


@pytest.mark.parametrize("n", [5, 8, 30])
def test_ninety_three_of_a_hundred_intervals_hold_the_true_difference(n: int) -> None:
    samples = 40 + 9 * np.random.default_rng(n).gamma(2.0, 2**-0.5, (600, 2, n))  # skewed, as days of stress are
    held = [not interval_of_difference(a, b).excludes_zero for a, b in samples]
    assert 0.93 <= np.mean(held) <= 0.98


def test_one_value_is_misuse() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        interval_of_difference([1.0], [2.0, 3.0])
    with pytest.raises(ValueError, match="at least 2"):
        interval_of_mean([])
