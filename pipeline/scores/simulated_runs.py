"""The runs of a simulated person: their heart-rate course, and what a summary says of it. Pure.

Shapes and figures are our own, chosen to look like a recreational runner's; only the formulas of load are published.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.model import MarkerKind
from pipeline.scores.readings import Origin, RunSummary, Session
from pipeline.scores.trace import SECOND_NS

Floats = NDArray[np.float64]

RESTING_BPM = 54.0
MAX_BPM = 188.0

RECOVERY_S = 150
"""How long the strap stays on after a run: heart rate recovery needs 120 s."""

PLACES = ("outdoors", "treadmill")

THRESHOLDS = (0.75, 0.5)
"""DFA alpha 1 at the first and at the second threshold (Rogers 2021)."""

_POINTS = 240
"""Moments at which a summary reads a course: every 10 s of a run of 40 min."""

_STANDING, _RECOVERED = 0.12, 0.25  # share of the reserve before the first step, and some minutes after the last
_COOL_DOWN_S, _FIRST_INTERVAL_S, _INTERVAL_S = 180, 600, 600  # from one interval's beginning to the next
_ZONES = (0.5, 0.6, 0.7, 0.8, 0.9)


class RunKind(IntEnum):
    """What a run is meant to be."""

    EASY = 0
    HARD = 1
    LONG = 2
    OVERLOAD = 3


class _Habit(NamedTuple):
    minutes: float
    level: float  # share of the heart-rate reserve that it settles at
    surge: float  # by which intervals swing about it


_HABITS = (_Habit(38, 0.6, 0.0), _Habit(45, 0.70, 0.13), _Habit(78, 0.63, 0.0), _Habit(60, 0.76, 0.12))


class Runs(NamedTuple):
    """Runs as columns of one length."""

    kind: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    seconds: NDArray[np.int64]
    level: Floats
    place: NDArray[np.int64]  # index into PLACES


def minutes_of(kind: NDArray[np.int64], overload_minutes: float) -> Floats:
    """How long runs of these kinds usually are."""
    return np.array([*(habit.minutes for habit in _HABITS[:3]), overload_minutes])[kind]


def level_of(kind: NDArray[np.int64]) -> Floats:
    """The share of the heart-rate reserve at which runs of these kinds usually settle."""
    return np.array([habit.level for habit in _HABITS])[kind]


def usual_load(kind: RunKind) -> float:
    """Banister's load of a usual run of this kind."""
    habit = _HABITS[kind]
    return habit.minutes * usual_load_per_min(kind)


def usual_load_per_min(kind: RunKind) -> float:
    """Banister's load of a minute of a usual run of this kind, warm-up and cool-down included."""
    habit = _HABITS[kind]
    seconds = 60 * habit.minutes
    share = reserve_share(np.linspace(0, seconds, _POINTS), np.array(seconds), np.array(habit.level), np.array(kind))
    return float(_load_per_min(share).mean())


def reserve_share(time_s: Floats, duration_s: Floats, level: Floats, kind: NDArray[np.int64]) -> Floats:
    """Share of the heart-rate reserve: warm-up, then steady with a drift or in intervals, cool-down, recovery.

    Args:
        time_s: since the run's start; beyond its duration the runner stands still.
        duration_s: of the runs.
        level: share of the reserve that they settle at.
        kind: a `RunKind` each; the four broadcast.
    """
    running_s = np.minimum(time_s, duration_s)
    rise = 1 - np.exp(-running_s / 45)
    warm_up = 1 - 0.15 * np.exp(-running_s / 300)
    drift = 1 + 0.06 * (running_s / duration_s - 0.5)
    swing = np.tanh(6 * np.sin(2 * np.pi * (running_s - _FIRST_INTERVAL_S) / _INTERVAL_S))
    in_intervals = (running_s > _FIRST_INTERVAL_S) & (running_s < duration_s - 2 * _COOL_DOWN_S)
    surge = np.array([habit.surge for habit in _HABITS])[kind] * np.where(in_intervals, swing, 0.0)
    cooling_s = np.maximum(0.0, running_s - (duration_s - _COOL_DOWN_S))
    cool_down = 1 - 0.2 * (1 - np.exp(-cooling_s / 60))
    share = _STANDING + ((level * warm_up * drift + surge) * cool_down - _STANDING) * rise
    left = np.exp(-np.maximum(0.0, time_s - duration_s) / 70)
    found: Floats = np.clip(_RECOVERED + (share - _RECOVERED) * np.where(time_s > duration_s, left, 1.0), 0.0, 1.0)
    return found


def alpha1_of(share: Floats) -> Floats:
    """DFA alpha 1 at shares of the heart-rate reserve: 1.2 at rest; the thresholds of Rogers 2021 at 0.62 and 0.82."""
    return np.interp(share, (0.0, 0.35, 0.62, 0.82, 1.0), (1.2, 1.05, *THRESHOLDS, 0.45))


def respiration_of(share: Floats) -> Floats:
    """Breaths a minute at shares of the heart-rate reserve."""
    return 15 + 30 * share


def bpm_of(share: Floats) -> Floats:
    """Heart rate at shares of the heart-rate reserve."""
    return RESTING_BPM + (MAX_BPM - RESTING_BPM) * share


def summaries_of(runs: Runs) -> list[RunSummary]:
    """A summary of each run, as the pipeline would make it of a complete recording."""
    duration_s = runs.seconds[:, None].astype(float)
    columns = (duration_s, runs.level[:, None], runs.kind[:, None])
    share = reserve_share((np.arange(_POINTS) + 0.5) / _POINTS * duration_s, *columns)
    end_bpm, *later_bpm = bpm_of(reserve_share(duration_s + np.array([0.0, 60.0, 120.0]), *columns)).T
    minutes = runs.seconds / 60
    bpm, alpha1 = bpm_of(share), alpha1_of(share)
    middle = _POINTS // 2
    drift_pct = 100 * (bpm[:, middle : -middle // 6].mean(axis=1) / bpm[:, middle // 3 : middle].mean(axis=1) - 1)
    figures = {
        "coverage_pct": np.full_like(minutes, 99.8),
        "mean_heart_rate_bpm": bpm.mean(axis=1),
        "max_heart_rate_bpm": bpm.max(axis=1),
        "load": _load_per_min(share).mean(axis=1) * minutes,
        "edwards_load": sum((bpm >= zone * MAX_BPM).mean(axis=1) for zone in _ZONES) * minutes,
        "heart_rate_recovery_60s_bpm": end_bpm - later_bpm[0],
        "heart_rate_recovery_120s_bpm": end_bpm - later_bpm[1],
        "alpha1_minutes": np.maximum(0.0, minutes - 2),
        "alpha1_above_075_minutes": (alpha1 > THRESHOLDS[0]).mean(axis=1) * minutes,
        "alpha1_below_050_minutes": (alpha1 < THRESHOLDS[1]).mean(axis=1) * minutes,
        "respiration_per_min": respiration_of(share.mean(axis=1)),
    }
    below = np.stack([(share < zone).mean(axis=1) * minutes for zone in (*_ZONES, 2.0)], axis=1)
    zone_minutes = np.diff(below, axis=1)
    columns_of_figures = [column.tolist() for column in figures.values()]
    steady = ((runs.kind == RunKind.EASY) | (runs.kind == RunKind.LONG)).tolist()
    return [
        RunSummary(
            session=_session(runs, i),
            minutes=minutes[i].item(),
            zone_minutes=tuple(zone_minutes[i].tolist()),
            drift_pct=drift_pct[i].item() if steady[i] else None,
            drift_reason="" if steady[i] else "not steady",
            threshold_reason="no ramp",
            **dict(zip(figures, row, strict=True)),
        )
        for i, row in enumerate(zip(*columns_of_figures, strict=True))
    ]


def _session(runs: Runs, i: int) -> Session:
    start_ns = int(runs.start_ns[i])
    end_ns = start_ns + int(runs.seconds[i]) * SECOND_NS
    return Session(MarkerKind.RUN, start_ns, end_ns, Origin.COMMAND, place=PLACES[runs.place[i]])


def _load_per_min(share: Floats) -> Floats:
    """Banister's training impulse of a minute, men's weights (Morton 1990)."""
    return share * 0.64 * np.exp(1.92 * share)
