"""A run's summary: what is joined in it, and how it counts gaps."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest.model import MarkerKind
from pipeline.scores.profile import Limits, Profile, Sex, ZoneMethod
from pipeline.scores.readings import Origin, RunSummary, Session
from pipeline.scores.run import summarize_run
from pipeline.scores.trace import SECOND_NS, Trace
from tests.unit.scores.traces import START_NS, constant, ramp, recovery, trace_of

LIMITS = Limits(50, 190, resting_is_assumed=False, max_is_estimated=False)
PROFILE = Profile(sex=Sex.MALE, weight_kg=70)
BEFORE_S, RUN_S = 300, 45 * 60
SESSION = Session(
    MarkerKind.RUN, START_NS + BEFORE_S * SECOND_NS, START_NS + (BEFORE_S + RUN_S) * SECOND_NS, Origin.COMMAND
)


def day_with(run_bpm: NDArray[np.float64], **columns: float) -> Trace:
    """Five minutes before, the run, and ten minutes after."""
    parts = constant(60, BEFORE_S), run_bpm, recovery(float(np.nan_to_num(run_bpm[-1])), 80, 600)
    return trace_of(START_NS, np.concatenate(parts), **columns)


def summary_of(run_bpm: NDArray[np.float64], profile: Profile = PROFILE, **columns: float) -> RunSummary:
    return summarize_run(day_with(run_bpm, **columns), SESSION, LIMITS, profile, age=40)


def test_a_steady_run_has_every_figure_and_says_why_it_has_no_thresholds() -> None:
    found = summary_of(constant(150, RUN_S), dfa_alpha1_smoothed=0.8, respiration_per_min=32.0)
    assert (found.minutes, found.coverage_pct, found.mean_heart_rate_bpm, found.max_heart_rate_bpm) == (
        45,
        100,
        150,
        150,
    )
    assert found.zone_minutes == pytest.approx((0, 0, 45, 0, 0)), "150 bpm is 71 % of the reserve"
    reserve = 100 / 140
    assert found.load == pytest.approx(45 * reserve * 0.64 * math.exp(1.92 * reserve))
    assert found.edwards_load == 45 * 3, "150 bpm is 79 % of the maximum"
    assert found.heart_rate_recovery_60s_bpm == pytest.approx(70 * (1 - math.exp(-1)), abs=3)
    assert found.heart_rate_recovery_120s_bpm == pytest.approx(70 * (1 - math.exp(-2)), abs=3)
    assert found.drift_pct == pytest.approx(0)
    assert (found.alpha1_minutes, found.alpha1_above_075_minutes, found.alpha1_below_050_minutes) == (45, 45, 0)
    assert (found.threshold_075_bpm, found.threshold_050_spread_bpm) == (None, None)
    assert found.threshold_reason == "heart rate did not rise as in a graded test"
    assert found.respiration_per_min == 32
    assert found.energy_kj == pytest.approx(45 * 61.5221)
    assert (found.easy_minutes, found.is_hard) == (0, False)


def test_the_time_before_and_after_counts_for_nothing_but_recovery() -> None:
    run_bpm = ramp(120, 160, RUN_S)
    found = summary_of(run_bpm)
    assert found.mean_heart_rate_bpm == pytest.approx(run_bpm.mean())
    alone = summarize_run(trace_of(SESSION.start_ns, run_bpm), SESSION, LIMITS, PROFILE, age=40)
    reason = "no heart rate 60 s and 120 s after the stop"
    assert alone == replace(
        found,
        heart_rate_recovery_60s_bpm=None,
        heart_rate_recovery_120s_bpm=None,
        heart_rate_recovery_reason=reason,
    )


def test_a_gap_lowers_coverage_and_load_but_not_the_mean() -> None:
    run_bpm = constant(150, RUN_S)
    whole = summary_of(run_bpm)
    run_bpm[600 : 600 + RUN_S // 10] = math.nan
    found = summary_of(run_bpm)
    assert found.coverage_pct == pytest.approx(90)
    assert found.load == pytest.approx(0.9 * whole.load)
    assert found.mean_heart_rate_bpm == 150


def test_one_false_beat_does_not_make_a_maximum() -> None:
    run_bpm = constant(150, RUN_S)
    run_bpm[1000:1005] = 180
    assert summary_of(run_bpm).max_heart_rate_bpm == 150
    run_bpm[1000:1010] = 180
    assert summary_of(run_bpm).max_heart_rate_bpm == 180


def test_zones_are_those_that_the_profile_chose() -> None:
    found = summary_of(constant(150, RUN_S), replace(PROFILE, zones=ZoneMethod.MAXIMUM))
    assert found.zone_minutes == pytest.approx((0, 0, 45, 0, 0))
    assert summary_of(constant(130, RUN_S)).zone_minutes == pytest.approx((45, 0, 0, 0, 0))
    by_maximum = summary_of(constant(130, RUN_S), replace(PROFILE, zones=ZoneMethod.MAXIMUM))
    assert by_maximum.zone_minutes == pytest.approx((0, 45, 0, 0, 0)), (
        "130 bpm is 57 % of the reserve and 68 % of the maximum"
    )


def test_a_run_without_any_data_has_reasons_and_no_figure() -> None:
    found = summarize_run(trace_of(START_NS, []), SESSION, LIMITS, Profile(), age=None)
    assert (found.coverage_pct, found.mean_heart_rate_bpm, found.max_heart_rate_bpm) == (0, None, None)
    assert (found.load, found.alpha1_minutes, found.respiration_per_min, found.energy_kj) == (0, 0, None, None)
    assert found.heart_rate_recovery_reason
    assert found.drift_reason
    assert found.threshold_reason
    at_its_start = replace(SESSION, end_ns=SESSION.start_ns, is_open=True)
    assert summarize_run(trace_of(START_NS, []), at_its_start, LIMITS, Profile(), age=None).coverage_pct == 0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(30, 220), st.integers(1, 400), st.booleans()), min_size=1, max_size=12),
    st.integers(0, 3000),
    st.integers(0, 3000),
)
def test_any_run_gives_either_a_figure_or_a_reason_and_the_same_each_time(
    stretches: list[tuple[int, int, bool]], start_s: int, seconds: int
) -> None:
    bpm = np.concatenate([constant(math.nan if lost else level, length) for level, length, lost in stretches])
    session = replace(
        SESSION, start_ns=START_NS + start_s * SECOND_NS + 1, end_ns=START_NS + (start_s + seconds) * SECOND_NS + 1
    )
    trace = trace_of(START_NS, bpm, dfa_alpha1_smoothed=0.9)
    found = summarize_run(trace, session, LIMITS, PROFILE, age=40)
    assert found == summarize_run(trace, session, LIMITS, PROFILE, age=40)
    assert (found.heart_rate_recovery_120s_bpm is None) <= bool(found.heart_rate_recovery_reason)
    assert (found.drift_pct is None) == bool(found.drift_reason)
    assert (found.threshold_050_bpm is None) <= bool(found.threshold_reason)
    assert 0 <= found.coverage_pct <= 100
    assert -1e-9 <= found.easy_minutes <= found.minutes + 1e-9
