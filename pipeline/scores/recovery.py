"""How far heart rate falls in the first two minutes after a run. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.scores.profile import Limits
from pipeline.scores.readings import Session
from pipeline.scores.trace import SECOND_NS, Trace

HARD_SHARE = 0.70
"""Share of maximum heart rate from which effort is hard enough for a recovery to be told (own, after users' wishes)."""

HARD_SECONDS, HARD_WITHIN_SECONDS = 180, 300
"""So long, of so long before the stop, must have been hard (own)."""

SEARCH_BEFORE_SECONDS, SEARCH_AFTER_SECONDS = 300, 30
"""The stop is looked for so long before the session's end and after it (own).

A session that was found by itself ends when heart rate has fallen; at one that was ended by hand it may still rise.
"""

LEVEL_SECONDS = 10
"""Heart rate at a moment is the mean of so long before it; in literature 5 to 10 s."""

PEAK_BEFORE_SECONDS, PEAK_AFTER_SECONDS = 30, 60
PEAK_TOLERANCE_BPM = 3.0
STEP_SECONDS = 20
"""Of the rule for the stop (own): of 700 made runs with a scatter of 1 bpm in each 5 s, 695 gave a recovery, on average
1.5 bpm too small, with an SD of 1.4 bpm."""
AFTER_SECONDS = (60, 120)

_FIRST = HARD_WITHIN_SECONDS
_LAST = _FIRST + SEARCH_BEFORE_SECONDS + SEARCH_AFTER_SECONDS
_SECONDS = _LAST + PEAK_AFTER_SECONDS + max(AFTER_SECONDS) + 1


@dataclass(frozen=True, slots=True)
class HeartRateRecovery:
    """By how many bpm heart rate fell; None where it is not known."""

    after_60s_bpm: float | None = None
    after_120s_bpm: float | None = None
    reason: str = ""  # why a figure is missing; empty where both are there


def heart_rate_recovery(trace: Trace, session: Session, limits: Limits) -> HeartRateRecovery:
    """Heart rate where effort ended less that 60 and 120 s later (Cole 1999), from RR intervals.

    Where effort ended, a session's end does not say. From 5 min before it until 30 s after it, the last hard peak is
    looked for (at least 70 % of maximum) of the 10-s mean heart rate that is the highest from 30 s before until 60 s
    after; effort ended at the last second of that minute within 3 bpm of the peak, if heart rate falls steadily from
    there (each 20 s of a minute, as far as it is known, lower than the last). Rule own. Whether the person then stood,
    walked or ran on slowly, heart rate alone does not tell.

    Args:
        trace: reaches 210 s beyond the session.
        session: a run.
        limits: for the maximum.

    Returns:
        Differences of the 10-s means, above 0. A reason instead: a run that goes on, no such peak, less than 3 of the
        5 minutes before the stop hard, or fewer than 5 s of heart rate in one of the means.
    """
    if session.is_open:
        return HeartRateRecovery(reason="the run goes on")
    hard_bpm = HARD_SHARE * limits.max_heart_rate_bpm
    bpm = _seconds(trace, session)
    level_bpm = _levels(bpm)
    stop = _stop(level_bpm, hard_bpm)
    if stop is None:
        return HeartRateRecovery(reason="no hard effort after which heart rate fell")
    if np.count_nonzero(bpm[stop - HARD_WITHIN_SECONDS + 1 : stop + 1] >= hard_bpm) < HARD_SECONDS:
        return HeartRateRecovery(reason="less than 3 of the last 5 minutes at 70 % of maximum heart rate")
    falls = [float(level_bpm[stop] - level_bpm[stop + after]) for after in AFTER_SECONDS]
    after_60s_bpm, after_120s_bpm = (None if math.isnan(fall) else fall for fall in falls)
    missing = [f"{after} s" for after, fall in zip(AFTER_SECONDS, falls, strict=True) if math.isnan(fall)]
    reason = f"no heart rate {' and '.join(missing)} after the stop" if missing else ""
    return HeartRateRecovery(after_60s_bpm, after_120s_bpm, reason)


def _seconds(trace: Trace, session: Session) -> NDArray[np.float64]:
    """Heart rate of the seconds in which the stop is looked for, and around; nan where there is none."""
    first_s = session.end_ns // SECOND_NS - SEARCH_BEFORE_SECONDS - _FIRST
    part = trace.between(max(session.start_ns, first_s * SECOND_NS), (first_s + _SECONDS) * SECOND_NS)
    bpm = np.full(_SECONDS, np.nan)
    bpm[part.second_ns // SECOND_NS - first_s] = part.heart_rate_bpm
    return bpm


def _levels(bpm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the 10 s up to each second; nan where fewer than half of them have a heart rate."""
    padded = np.concatenate((np.full(LEVEL_SECONDS - 1, np.nan), bpm))
    windows = sliding_window_view(padded, LEVEL_SECONDS)
    known = np.count_nonzero(~np.isnan(windows), axis=1)
    sums = np.nansum(windows, axis=1)
    return np.where(known >= LEVEL_SECONDS // 2, sums / np.maximum(known, 1), np.nan)


def _stop(level_bpm: NDArray[np.float64], hard_bpm: float) -> int | None:
    """The second at which effort ended, as an index; see `heart_rate_recovery`."""
    for peak in range(_LAST, _FIRST - 1, -1):
        peak_bpm = level_bpm[peak]
        around_bpm = level_bpm[peak - PEAK_BEFORE_SECONDS : peak + PEAK_AFTER_SECONDS + 1]
        if peak_bpm >= hard_bpm and peak_bpm >= np.nanmax(around_bpm):
            near = np.flatnonzero(around_bpm >= peak_bpm - PEAK_TOLERANCE_BPM)
            stop = peak - PEAK_BEFORE_SECONDS + int(near[-1])
            if _falls_steadily(level_bpm[stop : stop + AFTER_SECONDS[0] + 1]):
                return stop
    return None


def _falls_steadily(level_bpm: NDArray[np.float64]) -> bool:
    steps_bpm = level_bpm[::STEP_SECONDS]
    return bool((np.diff(steps_bpm[~np.isnan(steps_bpm)]) < 0).all())
