"""A breathing session in figures, and the pace at which the heart swings widest. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.scores.readings import BreathingSummary, Session
from pipeline.scores.trace import MOMENT_NS, SECOND_NS, Trace

PACE_STEP, SLOWEST_PACE, FASTEST_PACE = 0.5, 4.0, 7.5
"""Breaths per minute: each pace stands for those within a quarter breath of it (sweep of Shaffer & Meehan 2020)."""

DROPPED_S = 30
"""After a change of pace the heart takes so long to settle (Shaffer & Meehan 2020)."""

MIN_SECONDS_OF_PACE = 60

_COHERENCE_NS = 60 * SECOND_NS
_RESPIRATION_NS = 120 * SECOND_NS
_HEART_RATE_S = 5.0
_NO_PACE = -1


def summarize_breathing(trace: Trace, session: Session) -> BreathingSummary:
    """Mean coherence, median respiration, and the resonance pace.

    Resonance: the pace of 4 to 7.5 breaths/min, in steps of 0.5, with the widest swing of heart rate, which is the mean
    of highest minus lowest over its breaths (Lehrer 2000; Shaffer & Meehan 2020). A respiration rate is that of 120 s
    and holds for their middle, so it is put 60 s earlier. A heart rate is the mean of 5 s, which flattens a wave of
    frequency f to sin(5 pi f) / 5 pi f of its height, and fast paces more than slow ones: swings are divided by that.

    Args:
        trace: of the session, and a minute beyond its end where there is one: else its last minute tells no pace.
        session: a breathing session; of an open one, what there is so far.

    Returns:
        Coherence and respiration from the windows that lie within the session, None without any; the resonance pace
        from at least 60 s of whole breaths at each of at least two paces, not counting the 30 s after a change; else
        None with a reason.
    """
    coherence = _within(trace, "coherence", session, _COHERENCE_NS)
    respiration = _within(trace, "respiration_per_min", session, _RESPIRATION_NS)
    swings = _swings(trace, session)
    best = max(swings, key=lambda pace: swings[pace], default=None)
    told = best is not None and len(swings) > 1
    return BreathingSummary(
        session,
        coherence=float(coherence.mean()) if coherence.size else None,
        respiration_per_min=float(np.median(respiration)) if respiration.size else None,
        resonance_per_min=best if told else None,
        resonance_swing_bpm=swings[best] if best is not None and told else None,
        reason="" if told else f"fewer than two paces held for {MIN_SECONDS_OF_PACE + DROPPED_S} s",
    )


def _within(trace: Trace, name: str, session: Session, window_ns: int) -> NDArray[np.float64]:
    """The known values of the moments whose window lies within the session."""
    inside = (trace.moment_ns >= session.start_ns + window_ns) & (trace.moment_ns <= session.end_ns)
    values = trace.moments[name][inside]
    return values[np.isfinite(values)]


def _swings(trace: Trace, session: Session) -> dict[float, float]:
    """The mean swing of heart rate, bpm, by pace, slowest first; only paces that were held long enough."""
    of_pace: dict[float, list[float]] = {}
    for pace, start_ns, end_ns in _stretches(trace, session):
        of_pace.setdefault(pace, []).extend(_swings_of_breaths(trace, pace, start_ns, end_ns))
    return {
        pace: math.fsum(swings) / len(swings) / _gain(pace)
        for pace, swings in sorted(of_pace.items())
        if len(swings) * 60 / pace >= MIN_SECONDS_OF_PACE
    }


def _gain(pace: float) -> float:
    """What the mean of 5 s leaves of the height of a wave."""
    return float(np.sinc(_HEART_RATE_S * pace / 60))


def _stretches(trace: Trace, session: Session) -> Iterator[tuple[float, int, int]]:
    """The stretches of one pace, without their first 30 s: pace, start and end."""
    middle_ns = trace.moment_ns - _RESPIRATION_NS // 2
    inside = (middle_ns > session.start_ns) & (middle_ns <= session.end_ns)
    middle_ns = middle_ns[inside]
    steps = np.nan_to_num(trace.moments["respiration_per_min"][inside] / PACE_STEP, nan=_NO_PACE).round()
    changes = (np.diff(steps) != 0) | (np.diff(middle_ns) != MOMENT_NS)
    bounds = np.concatenate(([0], np.flatnonzero(changes) + 1, [steps.size]))
    for first, after in pairwise(bounds.tolist() if steps.size else ()):
        pace = float(steps[first]) * PACE_STEP
        if SLOWEST_PACE <= pace <= FASTEST_PACE:
            yield pace, int(middle_ns[first]) - MOMENT_NS + DROPPED_S * SECOND_NS, int(middle_ns[after - 1])


def _swings_of_breaths(trace: Trace, pace: float, start_ns: int, end_ns: int) -> Iterator[float]:
    """Highest minus lowest heart rate of each whole breath of which every second is known."""
    breath_ns = 60 * SECOND_NS / pace
    for breath in range(int((end_ns - start_ns) / breath_ns)):
        bounds_ns = (start_ns + int(breath * breath_ns), start_ns + int((breath + 1) * breath_ns))
        first, after = np.searchsorted(trace.second_ns, bounds_ns)
        whole = -(-bounds_ns[1] // SECOND_NS) - -(-bounds_ns[0] // SECOND_NS)
        if after - first == whole:
            yield float(np.ptp(trace.heart_rate_bpm[first:after]))
