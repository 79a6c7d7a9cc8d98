"""Heart-rate recovery from traces whose stop is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from ingest.model import MarkerKind
from pipeline.scores.profile import Limits
from pipeline.scores.readings import Origin, Session
from pipeline.scores.recovery import HeartRateRecovery, heart_rate_recovery
from pipeline.scores.trace import SECOND_NS
from tests.unit.scores.traces import START_NS, constant, ramp, recovery, trace_of

LIMITS = Limits(50, 190, resting_is_assumed=False, max_is_estimated=False)  # hard from 133 bpm


def found_in(*parts: ArrayLike, end_s: int, is_open: bool = False) -> HeartRateRecovery:
    session = Session(MarkerKind.RUN, START_NS, START_NS + end_s * SECOND_NS, Origin.COMMAND, is_open=is_open)
    return heart_rate_recovery(trace_of(START_NS, np.concatenate(parts)), session, LIMITS)


def noise(seconds: int, seed: int = 1, sd_bpm: float = 1.0) -> NDArray[np.float64]:
    """What a heart rate of 5 s scatters by, smoothed as the mean of 5 s is."""
    white = np.random.default_rng(seed).standard_normal(seconds + 4)
    return sd_bpm * math.sqrt(5) * np.convolve(white, np.full(5, 0.2), "valid")


def test_an_even_fall_of_a_third_of_a_beat_a_second_gives_20_and_40() -> None:
    found = found_in(constant(170, 900), ramp(170, 110, 180), end_s=900)
    assert found.reason == ""
    assert (found.after_60s_bpm, found.after_120s_bpm) == pytest.approx((20, 40), abs=0.5)


@pytest.mark.parametrize("late_s", [-30, 0, 30, 120, 280])
def test_the_stop_is_found_wherever_near_it_the_session_ends(late_s: int) -> None:
    found = found_in(constant(170, 900), recovery(170, 90, 600), end_s=900 + late_s)
    exact = [80 * (1 - math.exp(-1)), 80 * (1 - math.exp(-2))]
    assert (found.after_60s_bpm, found.after_120s_bpm) == pytest.approx(exact, abs=3)


def test_noise_and_a_rising_or_falling_end_cost_few_beats() -> None:
    random, errors_bpm = np.random.default_rng(3), []
    for seed in range(100):
        top_bpm, late_s = random.uniform(160, 175), int(random.integers(0, 200))
        beats = np.concatenate((ramp(165, top_bpm, 900), recovery(top_bpm, 95, 600))) + noise(1500, seed)
        after_60s_bpm = found_in(beats, end_s=900 + late_s).after_60s_bpm
        if after_60s_bpm is not None:
            errors_bpm.append(after_60s_bpm - (top_bpm - 95) * (1 - math.exp(-1)))
    assert len(errors_bpm) >= 97
    assert np.mean(errors_bpm) == pytest.approx(0, abs=2)
    assert np.quantile(np.abs(errors_bpm), 0.95) < 6


def test_a_slower_end_of_the_run_is_not_taken_for_its_recovery() -> None:
    sprint, slower = ramp(150, 185, 120), recovery(185, 138, 60, time_constant_s=20)
    jog = ramp(138, 140, 120) + noise(120, sd_bpm=0.5)
    found = found_in(constant(150, 900), sprint, slower, jog, ramp(140, 100, 240), end_s=1200)
    assert found.after_60s_bpm == pytest.approx(10, abs=1), "from the jog's 140 bpm, 10 bpm a minute"


def test_a_walk_after_the_run_is_not_where_effort_ended() -> None:
    walk = constant(110, 100) + noise(100)
    found = found_in(
        constant(170, 900), recovery(170, 110, 180, time_constant_s=25), walk, constant(80, 200), end_s=1180
    )
    assert found.after_60s_bpm == pytest.approx(60 * (1 - math.exp(-60 / 25)), abs=3)


def test_an_easy_run_has_no_recovery_to_tell() -> None:
    found = found_in(constant(125, 900), recovery(125, 80, 300), end_s=900)
    assert found == HeartRateRecovery(reason="no hard effort after which heart rate fell")


def test_a_short_sprint_at_the_end_is_not_enough() -> None:
    found = found_in(constant(120, 900), ramp(120, 160, 100), recovery(160, 90, 300), end_s=1000)
    assert found == HeartRateRecovery(reason="less than 3 of the last 5 minutes at 70 % of maximum heart rate")


def test_effort_that_goes_on_after_the_session_has_no_recovery() -> None:
    assert found_in(constant(170, 1500), end_s=900).reason == "no hard effort after which heart rate fell"
    assert found_in(constant(170, 900), is_open=True, end_s=900).reason == "the run goes on"


def test_a_strap_taken_off_leaves_what_was_seen_and_says_what_was_not() -> None:
    at_once = found_in(constant(170, 900), end_s=900)
    assert at_once == HeartRateRecovery(reason="no heart rate 60 s and 120 s after the stop")
    later = found_in(constant(170, 900), ramp(170, 140, 90), end_s=900)
    assert later.after_60s_bpm == pytest.approx(20, abs=0.5)
    assert (later.after_120s_bpm, later.reason) == (None, "no heart rate 120 s after the stop")


def test_a_run_without_any_heart_rate_gives_a_reason() -> None:
    assert found_in(constant(math.nan, 900), end_s=900).reason == "no hard effort after which heart rate fell"
