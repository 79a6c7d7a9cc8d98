"""A run in figures. Pure."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.scores.drift import heart_rate_drift
from pipeline.scores.load import banister_load, edwards_load, energy_kj
from pipeline.scores.profile import Limits, Profile
from pipeline.scores.readings import RunSummary, Session
from pipeline.scores.recovery import heart_rate_recovery
from pipeline.scores.thresholds import Threshold, alpha1_thresholds, alpha1_time
from pipeline.scores.trace import Trace
from pipeline.scores.zones import zone_minutes

MAX_OVER_SECONDS = 11
"""A false beat disturbs heart rate for 5 s, so the maximum is that of medians over twice as long and one."""


def summarize_run(trace: Trace, session: Session, limits: Limits, profile: Profile, age: int | None) -> RunSummary:
    """All that is told of a run.

    Args:
        trace: reaches beyond the session: 3 minutes back for the thresholds, 4 on for heart-rate recovery.
        session: the run; of one that goes on, only what has a meaning so far is told.
        limits: of the day.
        profile: tells the zones, and sex and weight where they are known.
        age: in years, for energy; None where it is not known.

    Returns:
        The summary. Sums (minutes in zones, loads, energy) are of the seconds with a heart rate, which `coverage_pct`
        counts; heart rate from RR intervals; respiration the median of the moments that have one; maximum heart rate
        the highest median of 11 s, None below that.
    """
    inside = trace.between(session.start_ns, session.end_ns)
    bpm = inside.heart_rate_bpm
    recovery = heart_rate_recovery(trace, session, limits)
    drift = heart_rate_drift(trace, session)
    alpha1 = alpha1_time(trace, session)
    thresholds = alpha1_thresholds(trace, session)
    threshold_075_bpm, threshold_075_spread_bpm = _figures(thresholds.first)
    threshold_050_bpm, threshold_050_spread_bpm = _figures(thresholds.second)
    return RunSummary(
        session=session,
        minutes=session.minutes,
        coverage_pct=min(100.0, 100 * bpm.size / (60 * session.minutes)) if session.minutes > 0 else 0.0,
        artifact_pct=_mean(inside.moments["artifact_pct"]),
        mean_heart_rate_bpm=float(bpm.mean()) if bpm.size else None,
        max_heart_rate_bpm=_max_bpm(bpm),
        zone_minutes=zone_minutes(bpm, limits, profile.zones),
        load=banister_load(bpm, limits, profile.sex),
        edwards_load=edwards_load(bpm, limits),
        heart_rate_recovery_60s_bpm=recovery.after_60s_bpm,
        heart_rate_recovery_120s_bpm=recovery.after_120s_bpm,
        heart_rate_recovery_reason=recovery.reason,
        drift_pct=drift.pct,
        drift_reason=drift.reason,
        alpha1_minutes=alpha1.known_minutes,
        alpha1_above_075_minutes=alpha1.above_075_minutes,
        alpha1_below_050_minutes=alpha1.below_050_minutes,
        threshold_075_bpm=threshold_075_bpm,
        threshold_075_spread_bpm=threshold_075_spread_bpm,
        threshold_050_bpm=threshold_050_bpm,
        threshold_050_spread_bpm=threshold_050_spread_bpm,
        threshold_reason=thresholds.reason,
        respiration_per_min=_median(inside.moments["respiration_per_min"]),
        energy_kj=energy_kj(bpm, profile.sex, profile.weight_kg, age),
    )


def _figures(threshold: Threshold | None) -> tuple[float, float] | tuple[None, None]:
    return (None, None) if threshold is None else (threshold.heart_rate_bpm, threshold.spread_bpm)


def _max_bpm(heart_rate_bpm: NDArray[np.float64]) -> float | None:
    if heart_rate_bpm.size < MAX_OVER_SECONDS:
        return None
    return float(np.median(sliding_window_view(heart_rate_bpm, MAX_OVER_SECONDS), axis=1).max())


def _mean(column: NDArray[np.float64]) -> float | None:
    known = column[~np.isnan(column)]
    return float(known.mean()) if known.size else None


def _median(column: NDArray[np.float64]) -> float | None:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if known.size else None
