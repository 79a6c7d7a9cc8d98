"""Traces made by hand, for whatever reads one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.scores.trace import COLUMNS, MOMENT_NS, SECOND_NS, Trace

START_NS = 1_764_000_000 * SECOND_NS
"""A full minute of Unix time."""

FLAWLESS = {"artifact_pct": 0.0, "coverage_pct": 100.0}


def constant(heart_rate_bpm: float, seconds: int) -> NDArray[np.float64]:
    """A heart rate that stays; nan for seconds without one."""
    return np.full(seconds, heart_rate_bpm, np.float64)


def ramp(from_bpm: float, to_bpm: float, seconds: int) -> NDArray[np.float64]:
    """A heart rate that moves evenly, up to but not including the last value, so that the next part goes on from it."""
    return np.linspace(from_bpm, to_bpm, seconds, endpoint=False)


def recovery(from_bpm: float, to_bpm: float, seconds: int, time_constant_s: float = 60.0) -> NDArray[np.float64]:
    """A heart rate that falls as after a run: fast at first, then ever more slowly."""
    return to_bpm + (from_bpm - to_bpm) * np.exp(-np.arange(seconds) / time_constant_s)


def moments_of(start_ns: int, seconds: int) -> NDArray[np.int64]:
    """The full 5 s of Unix time among so many seconds from a start."""
    first_ns, end_ns = -(-start_ns // MOMENT_NS) * MOMENT_NS, start_ns + seconds * SECOND_NS
    return np.array(range(first_ns, end_ns, MOMENT_NS), np.int64)


def trace_of(start_ns: int, heart_rate_bpm: ArrayLike, **columns: ArrayLike) -> Trace:
    """A trace with a heart rate for each second from a start.

    Args:
        start_ns: a full second of Unix time.
        heart_rate_bpm: one a second; no row where it is nan.
        columns: of moments, by the names of COLUMNS: one value for all, or one for each of `moments_of`. Those not
            given are nan, but for artifacts (none) and coverage (full).
    """
    bpm = np.atleast_1d(np.asarray(heart_rate_bpm, np.float64))
    second_ns = start_ns + SECOND_NS * np.arange(bpm.size, dtype=np.int64)
    moment_ns = moments_of(start_ns, bpm.size)
    unknown = columns.keys() - COLUMNS.keys()
    assert not unknown, f"no columns of a trace: {unknown}"
    given = FLAWLESS | columns
    known = ~np.isnan(bpm)
    return Trace(
        second_ns[known],
        bpm[known],
        moment_ns,
        {name: np.broadcast_to(given.get(name, np.nan), moment_ns.shape).astype(np.float64) for name in COLUMNS},
    )
