"""Heart-rate drift: how far heart rate rises in a run of assumed constant effort. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.scores.readings import Session
from pipeline.scores.trace import MINUTE_NS, Trace

WARM_UP_MINUTES, COOL_DOWN_MINUTES = 10, 2
"""Cut off (own): a run that was found by itself may have ended a little before its session did."""

MIN_MINUTES = 30
"""Fewest minutes between warm-up and cool-down; studies with a speed ask for an hour."""

MIN_COVERAGE = 0.8

MAX_SCATTER_PCT, MAX_DRIFT_PCT = 5.0, 15.0
"""Beyond these, effort was not constant (own; drifts of 0 to 10 % are usual)."""


@dataclass(frozen=True, slots=True)
class Drift:
    """By how many percent heart rate rose; None where it is not told."""

    pct: float | None = None
    reason: str = ""  # why there is none; empty where there is one


def heart_rate_drift(trace: Trace, session: Session) -> Drift:
    """Heart-rate drift at assumed constant effort: (HR2 - HR1) / HR1 in %.

    HR1 and HR2 are the mean heart rates of the two halves of what is left of a run without its first 10 and last 2
    minutes. Without speed or power nobody knows that effort was constant, so heart rate must at least have been
    steady: the means of its minutes scatter about a line by an SD of at most 5 % of their mean, and the drift itself is
    within 15 %. Gates own.

    Args:
        trace: covers the session.
        session: a run.

    Returns:
        %, above 0 where heart rate rose. A reason instead: a run that goes on, fewer than 30 minutes left, a heart rate
        for less than 80 % of a half, or no steady run.
    """
    if session.is_open:
        return Drift(reason="the run goes on")
    start_ns = session.start_ns + WARM_UP_MINUTES * MINUTE_NS
    end_ns = session.end_ns - COOL_DOWN_MINUTES * MINUTE_NS
    if end_ns - start_ns < MIN_MINUTES * MINUTE_NS:
        return Drift(reason=f"fewer than {MIN_MINUTES} minutes between warm-up and end")
    middle_ns = (start_ns + end_ns) // 2
    halves = trace.between(start_ns, middle_ns), trace.between(middle_ns, end_ns)
    half_seconds = (end_ns - start_ns) / 2e9
    if any(half.heart_rate_bpm.size < MIN_COVERAGE * half_seconds for half in halves):
        return Drift(reason="heart rate is missing for too long")
    first_bpm, second_bpm = (float(half.heart_rate_bpm.mean()) for half in halves)
    pct = 100 * (second_bpm - first_bpm) / first_bpm
    is_steady = _scatter_pct(trace.between(start_ns, end_ns)) <= MAX_SCATTER_PCT and abs(pct) <= MAX_DRIFT_PCT
    return Drift(pct) if is_steady else Drift(reason="no steady run")


def _scatter_pct(trace: Trace) -> float:
    """SD of the means of minutes about a line through them, in % of their mean."""
    minute, place = np.unique(trace.second_ns // MINUTE_NS, return_inverse=True)
    mean_bpm = np.bincount(place, trace.heart_rate_bpm) / np.bincount(place)
    time = minute - minute.mean()
    off_mean_bpm = mean_bpm - mean_bpm.mean()
    off_line_bpm = off_mean_bpm - time * (np.dot(time, off_mean_bpm) / np.dot(time, time))
    return float(100 * off_line_bpm.std() / mean_bpm.mean())
