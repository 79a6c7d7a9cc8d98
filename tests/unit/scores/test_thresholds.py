"""Alpha 1 of runs whose thresholds are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from ingest.gatt import parse_heart_rate_measurement
from ingest.model import BeatBatch, MarkerKind
from ingest.packing import pack
from ingest.timeline import BeatClock
from pipeline.engine import Engine
from pipeline.schema import HEART, HRV, Point
from pipeline.scores.readings import Origin, Session
from pipeline.scores.thresholds import Alpha1Time, Thresholds, alpha1_thresholds, alpha1_time
from pipeline.scores.trace import COLUMNS, MOMENT_NS, SECOND_NS, Trace
from tests.support import DATA
from tests.unit.scores.traces import START_NS, constant, moments_of, ramp, trace_of

STEADY = constant(100, 600)
GRADED = np.concatenate((STEADY, ramp(100, 190, 900)))
NO_RAMP = "heart rate did not rise as in a graded test"


def run_of(seconds: float, *, is_open: bool = False) -> Session:
    return Session(MarkerKind.RUN, START_NS, START_NS + round(seconds * SECOND_NS), Origin.COMMAND, is_open=is_open)


def alpha1_of(heart_rate_bpm: NDArray[np.float64], first_bpm: float, second_bpm: float) -> NDArray[np.float64]:
    """Alpha 1 of the moments, on a line through 0.75 and 0.50 over the mean heart rate of the 145 s before each."""
    seconds = np.concatenate((np.full(144, heart_rate_bpm[0]), heart_rate_bpm))
    mean_bpm = np.convolve(seconds, np.full(145, 1 / 145), "valid")[::5]
    return 0.75 + 0.25 * (mean_bpm - first_bpm) / (first_bpm - second_bpm)


def found_in(heart_rate_bpm: NDArray[np.float64], alpha1: ArrayLike, artifact_pct: ArrayLike = 0.0) -> Thresholds:
    trace = trace_of(START_NS, heart_rate_bpm, dfa_alpha1_smoothed=alpha1, artifact_pct=artifact_pct)
    return alpha1_thresholds(trace, run_of(heart_rate_bpm.size))


def test_a_graded_test_gives_the_heart_rates_of_both_thresholds() -> None:
    found = found_in(GRADED, alpha1_of(GRADED, 150, 172))
    assert found.first is not None
    assert found.second is not None
    assert (found.first.heart_rate_bpm, found.second.heart_rate_bpm) == pytest.approx((150, 172), abs=0.1)
    assert (found.first.spread_bpm, found.second.spread_bpm) == pytest.approx((0, 0), abs=0.1)
    assert found.reason == ""


def test_the_spread_tells_how_far_noise_moves_the_thresholds() -> None:
    errors, random = [], np.random.default_rng(11)
    for _ in range(200):
        # As noisy as windows are that share their beats: 29 moments are one.
        noise = np.convolve(random.standard_normal(GRADED.size // 5 + 28), np.full(29, 0.05 / math.sqrt(29)), "valid")
        first = found_in(GRADED, alpha1_of(GRADED, 150, 172) + noise).first
        if first is not None:
            errors.append((first.heart_rate_bpm - 150, first.spread_bpm))
    error_bpm, spread_bpm = np.transpose(errors)
    assert len(errors) > 150
    assert error_bpm.mean() == pytest.approx(0, abs=1.5)
    assert 0.5 < np.median(spread_bpm) / error_bpm.std() < 2


def test_what_comes_after_the_ramp_changes_little() -> None:
    cooled, alpha1 = np.concatenate((GRADED, ramp(185, 100, 600))), alpha1_of(GRADED, 150, 172)
    # Windows fill with the beats after the ramp one by one.
    after = np.concatenate((ramp(alpha1[-1], 1.4, 29), constant(1.4, 91)))
    first = found_in(cooled, np.concatenate((alpha1, after))).first
    assert first is not None
    assert first.heart_rate_bpm == pytest.approx(150, abs=0.5)


def test_a_test_that_ended_before_the_second_threshold_tells_only_the_first() -> None:
    found = found_in(GRADED, alpha1_of(GRADED, 168, 195))
    assert found.first is not None
    assert found.first.heart_rate_bpm == pytest.approx(168, abs=0.1)
    assert (found.second, found.reason) == (None, "alpha 1 did not reach 0.50")


def test_an_even_run_is_no_ramp_and_neither_are_intervals_or_a_quick_rise() -> None:
    even, quick = constant(150, 1500), np.concatenate((STEADY, ramp(100, 190, 200)))
    intervals = np.concatenate((STEADY, *(constant(bpm, 120) for bpm in (170, 110, 175, 110, 180, 120, 185))))
    for bpm in (even, quick, intervals):
        assert found_in(bpm, alpha1_of(bpm, 150, 172)) == Thresholds(reason=NO_RAMP)


def test_an_alpha1_that_does_not_follow_heart_rate_gives_no_threshold() -> None:
    too_easy = found_in(GRADED, np.full(GRADED.size // 5, 1.2))
    assert too_easy.reason == "alpha 1 was below 1 for less than 5 minutes of the rise"
    flat = np.where(np.arange(GRADED.size // 5) < 180, 1.2, np.tile([0.7, 0.8], GRADED.size // 10))
    assert found_in(GRADED, flat).reason == "alpha 1 did not fall with rising heart rate"
    assert found_in(GRADED, np.full(GRADED.size // 5, 0.7)).reason == "alpha 1 was below 1 before the rise"


def test_moments_with_more_than_5_percent_artifacts_are_not_believed() -> None:
    assert found_in(GRADED, alpha1_of(GRADED, 150, 172), artifact_pct=5.1) == Thresholds(reason=NO_RAMP)
    trace = trace_of(START_NS, STEADY, dfa_alpha1_smoothed=0.4, artifact_pct=5.1)
    assert alpha1_time(trace, run_of(600)) == Alpha1Time(0, 0, 0)


def test_a_run_that_goes_on_has_no_thresholds_yet() -> None:
    trace = trace_of(START_NS, GRADED, dfa_alpha1_smoothed=alpha1_of(GRADED, 150, 172))
    assert alpha1_thresholds(trace, run_of(GRADED.size, is_open=True)).reason == "the run goes on"


def test_each_moment_of_the_session_counts_5_s_in_its_zone() -> None:
    alpha1 = np.repeat([math.nan, 1.0, 0.75, 0.6, 0.5, 0.49], 12)
    trace = trace_of(START_NS, constant(140, 360), dfa_alpha1_smoothed=alpha1)
    assert moments_of(START_NS, 360).size == alpha1.size
    assert alpha1_time(trace, run_of(360)) == Alpha1Time(5, 1, 1)
    assert alpha1_time(trace, run_of(90)) == Alpha1Time(0.5, 0.5, 0)


def trace_of_recording(rr_ms: NDArray[np.float64]) -> Trace:
    """What the engine makes of a recording."""
    clock, engine = BeatClock(), Engine()
    beats = [
        beat
        for notification in pack((int(ticks) for ticks in np.round(rr_ms * 1.024)), START_NS)
        for beat in clock.step(notification.arrival_ns, parse_heart_rate_measurement(notification.payload))
    ]
    points = engine.step(BeatBatch("anna", "h10", "s", 0, START_NS, tuple(beats)))
    heart = {point.time_ns: float(point.fields["heart_rate_bpm"]) for point in points if point.measurement is HEART}
    windows = {(point.time_ns, point.tags[2]): point for point in points if point.measurement is HRV}
    moments_ns = range(min(heart) // MOMENT_NS * MOMENT_NS, max(heart), MOMENT_NS)

    def value(time_ns: int, window: str, name: str) -> float:
        found: Point | None = windows.get((time_ns, window))
        return float(found.fields.get(name, math.nan)) if found else math.nan

    return Trace(
        np.array([*heart], np.int64),
        np.array([*heart.values()]),
        np.array(moments_ns, np.int64),
        {column: np.array([value(time_ns, *source) for time_ns in moments_ns]) for column, source in COLUMNS.items()},
    )


def test_half_an_hour_of_easy_exercise_is_all_below_the_first_threshold_and_no_graded_test() -> None:
    trace = trace_of_recording(np.loadtxt(DATA / "exercise_polar_2008" / "rr.csv", skiprows=1))
    exercise = Session(MarkerKind.RUN, START_NS + 360 * SECOND_NS, START_NS + 2190 * SECOND_NS, Origin.COMMAND)
    time = alpha1_time(trace, exercise)
    assert time.known_minutes == pytest.approx(30.5, abs=0.5)
    assert (time.above_075_minutes, time.below_050_minutes) == (time.known_minutes, 0)
    assert alpha1_thresholds(trace, exercise).reason == NO_RAMP
