"""Load and energy against published check values and hand-worked weeks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.scores.load import TrainingLoad, banister_load, edwards_load, energy_kj, training_load
from pipeline.scores.profile import Limits, Sex
from tests.unit.scores.traces import constant

LIMITS = Limits(50, 200, resting_is_assumed=False, max_is_estimated=False)
AT_70_PCT = 155.0

days = st.lists(st.integers(0, 500).map(float), min_size=28, max_size=100)


@pytest.mark.parametrize(("sex", "load", "most_per_minute"), [(Sex.MALE, 103.1, 4.37), (Sex.FEMALE, 116.3, 4.57)])
def test_banister_load_has_the_check_values_of_its_publication(sex: Sex, load: float, most_per_minute: float) -> None:
    assert banister_load(constant(AT_70_PCT, 3600), LIMITS, sex) == pytest.approx(load, abs=0.05)
    assert banister_load(constant(200, 60), LIMITS, sex) == pytest.approx(most_per_minute, abs=0.005)
    assert banister_load(constant(230, 60), LIMITS, sex) == banister_load(constant(200, 60), LIMITS, sex)


def test_banister_load_without_a_sex_is_the_mean_of_both() -> None:
    assert banister_load(constant(AT_70_PCT, 3600), LIMITS, None) == pytest.approx((103.07 + 116.27) / 2, abs=0.05)


def test_below_the_resting_heart_rate_there_is_no_load_and_never_a_negative_one() -> None:
    assert banister_load(constant(45, 600), LIMITS, Sex.MALE) == 0
    assert banister_load(np.empty(0), LIMITS, None) == 0


def test_edwards_load_weighs_minutes_by_tenths_of_the_maximum_whatever_the_resting_heart_rate() -> None:
    heart_rate_bpm = np.repeat([99.0, 100.0, 130.0, 185.0], 60)
    assert edwards_load(heart_rate_bpm, LIMITS) == pytest.approx(0 + 1 + 2 + 5)


def test_energy_of_an_hour_is_that_worked_by_hand() -> None:
    # -55.0969 + 0.6309 · 150 + 0.1988 · 70 + 0.2017 · 40 = 61.5221 kJ/min
    assert energy_kj(constant(150, 3600), Sex.MALE, 70, 40) == pytest.approx(60 * 61.5221)
    # -20.4022 + 0.4472 · 150 - 0.1263 · 60 + 0.074 · 30 = 41.3198 kJ/min
    assert energy_kj(constant(150, 3600), Sex.FEMALE, 60, 30) == pytest.approx(60 * 41.3198)


def test_a_low_heart_rate_takes_no_energy_back() -> None:
    walked_after = np.concatenate((constant(150, 600), constant(40, 600)))
    assert energy_kj(walked_after, Sex.MALE, 70, 40) == energy_kj(constant(150, 600), Sex.MALE, 70, 40)


@pytest.mark.parametrize(("sex", "weight_kg", "age"), [(None, 70, 40), (Sex.MALE, None, 40), (Sex.MALE, 70, None)])
def test_energy_needs_sex_weight_and_age(sex: Sex | None, weight_kg: float | None, age: int | None) -> None:
    assert energy_kj(constant(150, 600), sex, weight_kg, age) is None


def test_a_single_run_after_a_long_rest_moves_acute_load_by_its_share_of_the_time_constant() -> None:
    found = training_load([0.0] * 1000 + [100.0])
    assert found.acute == pytest.approx(13.312, abs=0.001)
    assert found.chronic == pytest.approx(2.353, abs=0.001)
    assert found.balance == 0, "the run of the day itself is not in the balance that the day began with"
    assert found.acute_chronic_ratio == pytest.approx(4)
    assert found.acute_chronic_ratio_ewma == pytest.approx(0.25 / (2 / 29))


def test_acute_load_follows_the_recursion_once_there_is_a_past() -> None:
    loads = [50.0, 0.0, 80.0, 30.0] * 100
    before, after = training_load(loads), training_load([*loads, 120.0])
    assert before.acute is not None
    assert before.chronic is not None
    assert after.acute == pytest.approx(before.acute + (120 - before.acute) * (1 - math.exp(-1 / 7)))
    assert after.balance == pytest.approx(before.chronic - before.acute)


def test_a_new_record_is_not_taken_for_a_rest_before_it() -> None:
    found = training_load([40.0] * 7)
    assert (found.acute, found.chronic, found.balance) == pytest.approx((40, 40, 0))


def test_monotony_and_strain_of_a_week_are_those_worked_by_hand() -> None:
    # Mean 40; deviations -40, 20, -40, 40, -40, 60, 0: squares 10 400, over 6 gives an SD of 41.633.
    found = training_load([999.0, 0.0, 60.0, 0.0, 80.0, 0.0, 100.0, 40.0])
    assert found.monotony == pytest.approx(40 / 41.633, abs=1e-4)
    assert found.strain == pytest.approx(280 * 40 / 41.633, abs=0.03)


def test_a_week_of_equal_days_has_no_monotony() -> None:
    found = training_load([0.1] * 7)
    assert (found.monotony, found.strain) == (None, None)


def test_too_few_days_give_nothing_and_below_28_no_ratio() -> None:
    assert training_load([50.0] * 6) == TrainingLoad()
    assert training_load([50.0] * 27).acute_chronic_ratio is None
    assert training_load([50.0] * 27).acute_chronic_ratio_ewma is None
    assert training_load([50.0] * 28).acute_chronic_ratio == pytest.approx(1)
    assert training_load([0.0] * 28).acute_chronic_ratio is None


@given(days, st.floats(0.5, 2))
def test_ratios_and_monotony_know_no_scale_but_loads_do(loads: list[float], factor: float) -> None:
    found, scaled = training_load(loads), training_load([factor * load for load in loads])
    assert scaled.acute_chronic_ratio == pytest.approx(found.acute_chronic_ratio)
    assert scaled.monotony == pytest.approx(found.monotony)
    assert found.acute is not None
    assert scaled.acute == pytest.approx(factor * found.acute)
