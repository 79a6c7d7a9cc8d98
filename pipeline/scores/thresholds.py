"""What DFA alpha 1 says of a run: time in its zones, and the thresholds of a ramp-like run. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.indices import MAX_ARTIFACT_PCT, SMOOTHED_OVER_S
from pipeline.scores.readings import Session
from pipeline.scores.trace import MINUTE_NS, MOMENT_NS, SECOND_NS, Trace

FIRST_THRESHOLD, SECOND_THRESHOLD = 0.75, 0.50
"""Alpha 1 at the first and at the second threshold (Rogers 2021, twice). Between people the spread is large."""

UNSTRAINED = 1.0
"""Alpha 1 from which the fall towards the thresholds is read."""

ALPHA1_SECONDS = 120 + SMOOTHED_OVER_S - MOMENT_NS // SECOND_NS
"""So many seconds of beats a smoothed alpha 1 comes of: windows of 120 s that end in its last 30 s."""

MIN_COVERAGE = 0.8

MIN_RISE_BPM, MIN_RISE_NS, MIN_RISE_CORRELATION = 30.0, 6 * MINUTE_NS, 0.95
"""What makes a rise of heart rate a ramp: its height, its duration, and its correlation with time (own)."""

FOOT_SHARE = 0.1
"""A ramp begins where heart rate leaves the lowest tenth of its range (own), however long the warm-up before it."""

MIN_FALL_NS, MAX_FALL_CORRELATION = 5 * MINUTE_NS, -0.8
"""Of the fall of alpha 1 from 1.0 to 0.5: its duration (three windows that share no beat), its correlation with heart
rate (own)."""

MAX_BEYOND_BPM = 3.0
"""A threshold may lie so far outside of the heart rates that were seen."""


@dataclass(frozen=True, slots=True)
class Alpha1Time:
    """Minutes of a run by alpha 1."""

    known_minutes: float
    above_075_minutes: float
    below_050_minutes: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A heart rate at which alpha 1 takes a value."""

    heart_rate_bpm: float
    spread_bpm: float  # standard error


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The two thresholds of a run; None where it does not tell them."""

    first: Threshold | None = None  # alpha 1 of 0.75
    second: Threshold | None = None  # alpha 1 of 0.50
    reason: str = ""  # why one is missing; empty where both are there


def alpha1_time(trace: Trace, session: Session) -> Alpha1Time:
    """For how long alpha 1 was above 0.75 and below 0.50.

    Each moment of the session with a smoothed alpha 1 and at most 5 % artifacts stands for 5 s. Alpha 1 looks back on
    2 minutes and more, so what a run changes shows late.

    Returns:
        Minutes, 0 or more.
    """
    _, alpha1 = _known(trace.between(session.start_ns, session.end_ns))
    counts = alpha1.size, (alpha1 > FIRST_THRESHOLD).sum(), (alpha1 < SECOND_THRESHOLD).sum()
    return Alpha1Time(*(int(count) * MOMENT_NS / MINUTE_NS for count in counts))


def alpha1_thresholds(trace: Trace, session: Session) -> Thresholds:
    """Heart rates at the two thresholds, from a run in which effort rose as in a graded test.

    Each smoothed alpha 1 goes with the mean heart rate of the same beats. The ramp leads to the highest of these and
    begins where they leave the lowest tenth of their range: at least 30 bpm in at least 6 minutes, correlated with time
    by at least 0.95. In it, a line of alpha 1 over heart rate is fitted from the last moment at which alpha 1 is 1.0 or
    more to the first after it at which it is 0.5 or less (else the top): at least 5 minutes, correlation -0.8 or below.
    It is solved for 0.75 and for 0.5. Gates own.

    The spread is the standard error of the heart rate x at which the line crosses: s / |slope| · sqrt((1 + z²) / m),
    with s² = mean residual square · m / (m - 2) and z = (x - mean) / SD. Here m counts not the moments, neighbours of
    which have most beats in common, but the windows that share no beat. Differences between days, and between this and
    a threshold of lactate or gas exchange, come on top.

    Args:
        trace: reaches 3 minutes back from the session, and to its end.
        session: a run.

    Returns:
        bpm, within 3 bpm of heart rates that were seen on the line; a reason where one is missing.
    """
    if session.is_open:
        return Thresholds(reason="the run goes on")
    moment_ns, heart_rate_bpm, alpha1 = _pairs(trace, session)
    ramp = _ramp(moment_ns, heart_rate_bpm)
    if ramp is None:
        return Thresholds(reason="heart rate did not rise as in a graded test")
    return _thresholds(moment_ns[ramp], heart_rate_bpm[ramp], alpha1[ramp])


def _known(trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The moments with a smoothed alpha 1 that may be believed, and its values."""
    alpha1 = trace.moments["dfa_alpha1_smoothed"]
    known = ~np.isnan(alpha1) & (trace.moments["artifact_pct"] <= MAX_ARTIFACT_PCT)
    return trace.moment_ns[known], alpha1[known]


def _pairs(trace: Trace, session: Session) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Moments of a session, mean heart rate of the beats behind each, and its alpha 1."""
    moment_ns, alpha1 = _known(trace.between(session.start_ns, session.end_ns))
    spans_ns = moment_ns - ALPHA1_SECONDS * SECOND_NS, moment_ns
    first, last = (trace.second_ns.searchsorted(edge_ns, side="right") for edge_ns in spans_ns)
    sums_bpm = np.concatenate(([0.0], trace.heart_rate_bpm.cumsum()))
    heart_rate_bpm = (sums_bpm[last] - sums_bpm[first]) / np.maximum(last - first, 1)
    covered = last - first >= MIN_COVERAGE * ALPHA1_SECONDS
    return moment_ns[covered], heart_rate_bpm[covered], alpha1[covered]


def _ramp(moment_ns: NDArray[np.int64], heart_rate_bpm: NDArray[np.float64]) -> slice | None:
    """The moments of the ramp; None where there is none."""
    if not moment_ns.size:
        return None
    top = int(heart_rate_bpm.argmax())
    lowest_bpm = float(heart_rate_bpm[: top + 1].min())
    foot_bpm = lowest_bpm + FOOT_SHARE * (float(heart_rate_bpm[top]) - lowest_bpm)
    foot = int(np.flatnonzero(heart_rate_bpm[: top + 1] <= foot_bpm)[-1])
    ramp = slice(foot, top + 1)
    rises = heart_rate_bpm[top] - lowest_bpm >= MIN_RISE_BPM and moment_ns[top] - moment_ns[foot] >= MIN_RISE_NS
    even = rises and _correlation(moment_ns[ramp] - moment_ns[foot], heart_rate_bpm[ramp]) >= MIN_RISE_CORRELATION
    return ramp if even else None


def _thresholds(
    moment_ns: NDArray[np.int64], heart_rate_bpm: NDArray[np.float64], alpha1: NDArray[np.float64]
) -> Thresholds:
    """The thresholds, from the columns of a ramp."""
    unstrained = np.flatnonzero(alpha1 >= UNSTRAINED)
    if not unstrained.size:
        return Thresholds(reason="alpha 1 was below 1 before the rise")
    start = int(unstrained[-1])
    strained = np.flatnonzero(alpha1[start:] <= SECOND_THRESHOLD)
    fall = slice(start, start + int(strained[0]) + 1 if strained.size else alpha1.size)
    if moment_ns[fall][-1] - moment_ns[fall][0] < MIN_FALL_NS:
        return Thresholds(reason="alpha 1 was below 1 for less than 5 minutes of the rise")
    if _correlation(heart_rate_bpm[fall], alpha1[fall]) > MAX_FALL_CORRELATION:
        return Thresholds(reason="alpha 1 did not fall with rising heart rate")
    independent = 1 + (moment_ns[fall][-1] - moment_ns[fall][0]) / SECOND_NS / ALPHA1_SECONDS
    first, second = (
        _crossing(heart_rate_bpm[fall], alpha1[fall], threshold, independent)
        for threshold in (FIRST_THRESHOLD, SECOND_THRESHOLD)
    )
    missing = [name for name, found in (("0.75", first), ("0.50", second)) if found is None]
    return Thresholds(first, second, f"alpha 1 did not reach {' and '.join(missing)}" if missing else "")


def _crossing(
    heart_rate_bpm: NDArray[np.float64], alpha1: NDArray[np.float64], threshold: float, independent: float
) -> Threshold | None:
    """Where the line of alpha 1 over heart rate takes a value; None where that is out of sight."""
    mean_bpm, mean_alpha1 = float(heart_rate_bpm.mean()), float(alpha1.mean())
    x, y = heart_rate_bpm - mean_bpm, alpha1 - mean_alpha1
    squares = float(np.dot(x, x))
    slope = float(np.dot(x, y)) / squares
    at = (threshold - mean_alpha1) / slope
    if not x.min() - MAX_BEYOND_BPM <= at <= x.max() + MAX_BEYOND_BPM:
        return None
    residuals = y - slope * x
    square_of_spread = (
        float(np.dot(residuals, residuals)) / x.size / (independent - 2) * (1 + at * at * x.size / squares)
    )
    return Threshold(mean_bpm + at, math.sqrt(square_of_spread) / abs(slope))


def _correlation(x: NDArray[np.generic], y: NDArray[np.float64]) -> float:
    """Pearson's; 0 where one of them does not vary."""
    x, y = x - x.mean(), y - y.mean()
    squares = float(np.dot(x, x)) * float(np.dot(y, y))
    return float(np.dot(x, y)) / math.sqrt(squares) if squares > 0 else 0.0
