"""Stress is against one's own minutes at rest, and says when it can't be."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scores.profile import Limits
from pipeline.scores.readings import DayFacts, RestLevel
from pipeline.scores.score import Confidence
from pipeline.scores.stress import StressReference, band_minutes, band_of, is_at_rest, stress_of, stress_reference

OWN = StressReference(60.0, 5.0, 3.6, 0.4, 20, Confidence.TRUSTED)


def days_of(*levels: RestLevel | None) -> list[DayFacts]:
    return [DayFacts(date(2026, 3, 1) + timedelta(day), rest=level) for day, level in enumerate(levels)]


def a_month(seed: int, count: int = 20) -> list[RestLevel]:
    random = np.random.default_rng(seed)
    return [
        RestLevel(
            200,
            60 + 3 * random.normal(),
            4 + random.random(),
            3.7 + 0.15 * random.normal(),
            0.3 + 0.1 * random.random(),
        )
        for _ in range(count)
    ]


def moved(one: StressReference, other: StressReference) -> float:
    """By how many SD two references differ in their means."""
    heart_rate_bpm = abs(one.heart_rate_mean_bpm - other.heart_rate_mean_bpm) / one.heart_rate_sd_bpm
    return max(heart_rate_bpm, abs(one.ln_rmssd_mean - other.ln_rmssd_mean) / one.ln_rmssd_sd)


def test_the_stress_of_a_minute_is_that_worked_by_hand() -> None:
    # z of 65 bpm is 1, of ln RMSSD 3.2 is -1: the sum is 1, and Phi(1) = 0.8413.
    assert stress_of(65.0, 3.2, OWN) == pytest.approx(84.134, abs=0.001)
    # The example of docs/scores.md.
    assert stress_of(68.0, 3.10, stress_reference([])) == pytest.approx(84.2, abs=0.05)


def test_a_minute_as_usual_is_fifty_and_arrays_give_what_floats_give() -> None:
    heart_rate_bpm, ln_rmssd = np.array([60.0, 65.0, np.nan]), np.array([3.6, 3.2, 3.6])
    stress = stress_of(heart_rate_bpm, ln_rmssd, OWN)
    assert stress[0] == 50
    assert stress[1] == stress_of(65.0, 3.2, OWN)
    assert np.isnan(stress[2])


@given(st.floats(30, 200), st.floats(0, 6), st.floats(0, 50), st.floats(0, 3))
def test_stress_is_0_to_100_and_rises_with_heart_rate_and_falls_with_ln_rmssd(
    heart_rate_bpm: float, ln_rmssd: float, faster_bpm: float, higher: float
) -> None:
    stress = stress_of(heart_rate_bpm, ln_rmssd, OWN)
    assert 0 <= stress <= 100
    assert stress_of(heart_rate_bpm + faster_bpm, ln_rmssd, OWN) >= stress
    assert stress_of(heart_rate_bpm, ln_rmssd + higher, OWN) <= stress


def test_before_fourteen_days_with_rest_population_values_stand_in_and_are_never_trusted() -> None:
    reference = stress_reference(days_of(*a_month(1, 13), RestLevel(9, 90.0, 5.0, 2.0, 0.3), None))
    assert reference.days == 13
    assert reference.confidence is Confidence.PROVISIONAL
    assert reference.heart_rate_mean_bpm == pytest.approx(64.79, abs=0.01)
    assert reference.heart_rate_sd_bpm == pytest.approx(6.30, abs=0.01)
    assert (reference.ln_rmssd_mean, reference.ln_rmssd_sd) == (3.49, 0.26)
    assert stress_reference([]).confidence is Confidence.CALIBRATING


def test_the_own_reference_pools_the_days_as_worked_by_hand() -> None:
    # Seven days of 58 ± 4 bpm and seven of 62 ± 4: variance within 16, between 4 · 14 / 13, together 20.308.
    levels = [RestLevel(100, bpm, 4.0, 3.6, 0.4) for bpm in (58.0, 62.0)] * 7
    reference = stress_reference(days_of(*levels))
    assert reference.confidence is Confidence.TRUSTED
    assert reference.heart_rate_mean_bpm == 60
    assert reference.heart_rate_sd_bpm == pytest.approx(4.506, abs=0.001)
    assert reference.ln_rmssd_sd == pytest.approx(0.4)


def test_only_the_last_28_days_count() -> None:
    month = a_month(2, 28)
    assert stress_reference(days_of(*a_month(3, 10), *month)) == stress_reference(days_of(*month))


@pytest.mark.parametrize("seed", range(20))
def test_no_single_day_swings_the_reference(seed: int) -> None:
    month = a_month(seed)
    reference = stress_reference(days_of(*month))
    for day in range(len(month)):
        assert moved(reference, stress_reference(days_of(*month[:day], *month[day + 1 :]))) <= 0.25
    absurd = stress_reference(days_of(*month, RestLevel(900, 150.0, 60.0, 0.0, 3.0)))
    assert moved(reference, absurd) <= 0.25
    assert absurd.heart_rate_sd_bpm <= 1.25 * reference.heart_rate_sd_bpm
    assert absurd.ln_rmssd_sd <= 1.25 * reference.ln_rmssd_sd


def test_a_heart_is_at_rest_below_two_fifths_of_its_reserve() -> None:
    limits = Limits(50.0, 200.0, resting_is_assumed=False, max_is_estimated=False)
    assert is_at_rest(np.array([49.0, 109.9, 110.0, np.nan]), limits).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("stress", "band"), [(0, "rest"), (25.4, "rest"), (25.5, "low"), (50.4, "low"), (75.4, "medium"), (75.5, "high")]
)
def test_the_word_is_that_of_the_whole_number_shown(stress: float, band: str) -> None:
    assert band_of(stress) == band


def test_the_minutes_of_each_band_are_counted_and_unknown_ones_are_not() -> None:
    assert band_minutes(np.array([10.0, 30.0, 60.0, 60.0, 90.0, np.nan])) == (1, 1, 2, 1)
    assert band_minutes(np.array([])) == (0, 0, 0, 0)
    assert band_of(np.nan) == ""
