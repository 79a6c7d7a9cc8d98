"""A seeded simulated person: days of mornings, minutes at rest and runs, in which running has an effect of known size.

For trying the scores out against a truth: what they say of a simulated year can be held against what went into it. The
person rests lying down, so every minute at rest has the mean of the mornings, and no hour of the day is special. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from statistics import NormalDist
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipeline.scores.profile import Profile, Sex
from pipeline.scores.readings import DayReadings, MorningReading, RestMinutes, RunSummary
from pipeline.scores.simulated_runs import (
    MAX_BPM,
    RESTING_BPM,
    Floats,
    RunKind,
    Runs,
    level_of,
    minutes_of,
    summaries_of,
    usual_load,
    usual_load_per_min,
)
from pipeline.scores.trace import MINUTE_NS, SECOND_NS

Episode = tuple[date, int]
"""The first day of a stretch of days, and how many there are."""

MORNING_SD = np.array([2.0, 0.15])
"""SD of morning resting heart rate, bpm, and ln RMSSD from day to day: of this order in healthy people (Plews 2013)."""

_MEAN = np.array([RESTING_BPM, 3.9])  # heart rate, bpm, and ln RMSSD, as in all pairs below
_DAY_SD = np.array([1.2, 0.09])
_STRETCH_SD = np.array([1.4, 0.10])  # of one stretch at rest from the next within a day
_MINUTE_SD = np.array([1.2, 0.11])  # of one minute from the next: what 60 s of beats leave to chance
REST_SD = np.sqrt(_DAY_SD**2 + _STRETCH_SD**2 + _MINUTE_SD**2)
"""SD of the minutes at rest of days that nothing special happens on: the person's own reference."""

# A day's state is half a wave, half noise with a memory. The wave is no week long: locked to weekdays as the runs are,
# it would pass for an effect of theirs. Together with the stretches' own scatter: lag-1 correlation of mornings 0.2.
_WAVE_DAYS, _WAVE_SHARE, _MEMORY, _INNOVATIONS_CORRELATION = 10.0, 0.4, 0.38, -0.3
_DAY_CORRELATION = -_WAVE_SHARE + (1 - _WAVE_SHARE) * _INNOVATIONS_CORRELATION

_COMPOSITE_SD = float(np.sqrt(0.5 - 0.5 * _DAY_CORRELATION * np.prod(_DAY_SD / REST_SD)))
"""SD of 0.5 z_HR - 0.5 z_lnRMSSD over those minutes."""

ILLNESS_SD, OVERLOAD_SD = 2.5, 1.2
"""By how many SD of the mornings heart rate is up and ln RMSSD down."""

_OVERLOAD_LOADS = 2.5
"""Load of a day of overload, in mean daily loads."""


class Slot(NamedTuple):
    """A stretch at rest that a day may have."""

    minutes: int
    hour: float  # of its start; those around a run lie with the run


MORNING, MIDDAY, BEFORE, AFTER, EVENING = range(5)
SLOTS = (Slot(5, 6.75), Slot(10, 12.75), Slot(15, 0.0), Slot(15, 0.0), Slot(10, 22.0))
"""In order of time. A day with a run has all but the evening, a day without one morning, midday and some evenings."""

AFTER_RUN_MINUTES = 30
"""From the end of a run to the rest after it."""

_SLOT_OF_MINUTE = np.repeat(np.arange(len(SLOTS)), [slot.minutes for slot in SLOTS])
_MINUTE_OF_SLOT = np.concatenate([np.arange(slot.minutes) for slot in SLOTS])
_SETTLING_MINUTES, _MINUTES_BEFORE_SI = 1, 4

_OUTDOORS, _EVENINGS = 0.7, 0.5
"""Share of the runs, and of the days without one that have a rest in the evening."""

_MAX_RELIEF = 30.0
_MAX_DAYS = 36_525


@dataclass(frozen=True, slots=True)
class Plan:
    """What a life is made of.

    Raises:
        ValueError: a figure out of its range, or an illness or overload outside the days.
    """

    first_day: date
    days: int
    seed: int
    relief: float = 8.0  # points of stress less on run days, and after a run than before it; 0: running does nothing
    runs_per_week: float = 4.0
    illness: tuple[Episode, ...] = ()
    overload: tuple[Episode, ...] = ()
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        _check_range("days", self.days, 1, _MAX_DAYS)
        _check_range("seed", self.seed, 0, 2**63 - 1)
        _check_range("relief", self.relief, -_MAX_RELIEF, _MAX_RELIEF)
        _check_range("runs_per_week", self.runs_per_week, 0, 7)
        for name, episodes in (("illness", self.illness), ("overload", self.overload)):
            for first, days in episodes:
                if days < 1 or first < self.first_day or first + timedelta(days - 1) > self.last_day:
                    message = f"{name} {first}:{days} is not within {self.first_day} to {self.last_day}"
                    raise ValueError(message)

    @property
    def last_day(self) -> date:
        """The last of the days."""
        return self.first_day + timedelta(self.days - 1)

    @property
    def true_effect(self) -> float:
        """The expected stress of a run day less that of another day; also that after a run less that before it.

        Stress is 100 Phi(0.5 z_HR - 0.5 z_lnRMSSD) against `REST_SD` and the mean of days without run, illness and
        overload; a day's is the mean of all its minutes at rest. Nothing is said of days of illness and overload.
        Against a reference that holds run days as well, the effect looks the same to within 3 %.
        """
        return -self.relief

    @property
    def profile(self) -> Profile:
        """Who the person is."""
        return Profile(
            birth_year=self.first_day.year - 34, sex=Sex.MALE, max_heart_rate_bpm=MAX_BPM, time_zone=self.time_zone
        )


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """What a plan and its seed come to, as columns over days; slots are numbered as in `SLOTS`."""

    plan: Plan
    midnight_ns: NDArray[np.int64]  # (days + 1,), local
    runs: Runs
    run_of_day: NDArray[np.int64]  # (days,), index into the runs; -1: none
    worn: NDArray[np.bool_]  # (days, slots)
    slot_ns: NDArray[np.int64]  # (days, slots), start, a full minute of Unix time
    slot_levels: Floats  # (days, slots, 2), heart rate and ln RMSSD
    minute_levels: Floats  # (days, minutes of all slots, 2)

    def day(self, index: int) -> date:
        """The date of a day."""
        return self.plan.first_day + timedelta(index)


def live(plan: Plan) -> Life:
    """The life of a plan: the same plan gives the same bits, and a longer one begins with the same days."""
    normal, uniform = map(np.random.default_rng, np.random.SeedSequence(plan.seed).spawn(2))
    phase, weekdays = uniform.random(), uniform.permutation(7)
    chance = uniform.random((plan.days, 3))
    draws = normal.standard_normal((plan.days, 10 + 2 * len(SLOTS) + 2 * len(_SLOT_OF_MINUTE)))
    of_day, of_slots, of_minutes = np.split(draws, [10, 10 + 2 * len(SLOTS)], axis=1)
    ill, overloaded = _days_of(plan, plan.illness), _days_of(plan, plan.overload)
    midnight_ns = _midnights_ns(plan)

    days, runs = _runs(plan, midnight_ns[:-1], weekdays, ~ill, overloaded, chance, of_day[:, 2:5])
    run_of_day = np.full(plan.days, -1)
    run_of_day[days] = np.arange(len(days))
    has_run = run_of_day >= 0
    worn = np.zeros((plan.days, len(SLOTS)), np.bool_)
    worn[:, [MORNING, MIDDAY]] = True
    worn[:, [BEFORE, AFTER]] = has_run[:, None]
    worn[:, EVENING] = ~has_run & (chance[:, 2] < _EVENINGS)

    # Illness and overload show from the morning on; overload takes its first day to show.
    strain = ILLNESS_SD * ill + OVERLOAD_SD * (overloaded & ~_first_days_of(plan, plan.overload))
    state = _MEAN + _day_states(of_day[:, :2], phase) * _DAY_SD + strain[:, None] * MORNING_SD * (1, -1)
    shift = has_run[:, None] * _shifts(plan.relief)
    slot_levels = (
        state[:, None] + of_slots.reshape(plan.days, -1, 2) * _STRETCH_SD + shift[:, :, None] * REST_SD * (1, -1)
    )
    minute_levels = slot_levels[:, _SLOT_OF_MINUTE] + of_minutes.reshape(plan.days, -1, 2) * _MINUTE_SD
    slot_ns = _slots_ns(midnight_ns[:-1], of_day[:, 5:8], days, runs)
    return Life(plan, midnight_ns, runs, run_of_day, worn, slot_ns, slot_levels, minute_levels)


def readings_of(plan: Plan) -> Iterator[DayReadings]:
    """Each day's readings, in order, as if the strap had been worn at rest a few times a day and on every run."""
    life = live(plan)
    summaries = summaries_of(life.runs)
    rest = _rest(life)
    bounds_ns = life.midnight_ns
    firsts = np.searchsorted(rest.time_ns, bounds_ns[:-1] - 60 * MINUTE_NS, side="right").tolist()
    lasts = np.searchsorted(rest.time_ns, bounds_ns[1:] + 180 * MINUTE_NS, side="right").tolist()
    settled = (_SLOT_OF_MINUTE == MORNING) & (_MINUTE_OF_SLOT >= _SETTLING_MINUTES)
    mornings = life.minute_levels[:, settled].mean(axis=1).tolist()
    starts_ns = life.slot_ns[:, MORNING].tolist()
    for i, run in enumerate(life.run_of_day.tolist()):
        part = slice(firsts[i], lasts[i])
        runs: tuple[RunSummary, ...] = () if run < 0 else (summaries[run],)
        heart_rate_bpm, ln_rmssd = mornings[i]
        yield DayReadings(
            day=life.day(i),
            start_ns=int(bounds_ns[i]),
            end_ns=int(bounds_ns[i + 1]),
            rest=RestMinutes(rest.time_ns[part], rest.heart_rate_bpm[part], rest.ln_rmssd[part], rest.sqrt_si[part]),
            morning=MorningReading(
                start_ns=starts_ns[i],
                end_ns=starts_ns[i] + (_SETTLING_MINUTES + int(settled.sum())) * MINUTE_NS,
                ln_rmssd=ln_rmssd,
                heart_rate_bpm=heart_rate_bpm,
                seconds=60.0 * int(settled.sum()),
                artifact_pct=0.2,
            ),
            morning_reason="",
            runs=runs,
        )


def _rest(life: Life) -> RestMinutes:
    """All minutes at rest of a life, in order of time."""
    is_worn = life.worn[:, _SLOT_OF_MINUTE]
    time_ns = life.slot_ns[:, _SLOT_OF_MINUTE] + (_MINUTE_OF_SLOT + 1) * MINUTE_NS
    heart_rate_bpm, ln_rmssd = life.minute_levels[is_worn].T
    # The index needs 300 s, which the fifth minute of a stretch is the first to have; it rises as RMSSD falls.
    sqrt_si = np.where(
        np.broadcast_to(_MINUTE_OF_SLOT, is_worn.shape)[is_worn] >= _MINUTES_BEFORE_SI,
        9 * np.exp(3.9 - ln_rmssd),
        np.nan,
    )
    return RestMinutes(time_ns[is_worn], heart_rate_bpm.copy(), ln_rmssd.copy(), sqrt_si)


def _shifts(relief: float) -> Floats:
    """By how much the composite of each slot of a run day is shifted.

    The morning is left as it is. The minutes before the run are shifted less than the others, by just so much that the
    two statements of `Plan.true_effect` hold: after less before is the relief, and so is the mean of all minutes.
    """
    minutes = np.array([slot.minutes for slot in SLOTS[:EVENING]])
    share_unshifted = (minutes[MORNING] + minutes[BEFORE]) / (minutes.sum() - minutes[MORNING])
    points = -relief * (1 + share_unshifted) * np.ones(len(SLOTS))
    points[BEFORE] += relief
    points[MORNING] = 0.0
    spread = float(np.hypot(1, _COMPOSITE_SD))  # E Phi(X) = Phi(mean / sqrt(1 + SD²)) for a normal X
    return np.array([spread * NormalDist().inv_cdf(0.5 + value / 100) for value in points.tolist()])


def _day_states(draws: Floats, phase: float) -> Floats:
    """Standard normal states of heart rate and ln RMSSD, (days, 2), opposed to each other."""
    innovations = draws.copy()
    innovations[:, 1] = _INNOVATIONS_CORRELATION * draws[:, 0] + np.sqrt(1 - _INNOVATIONS_CORRELATION**2) * draws[:, 1]
    innovations[1:] *= np.sqrt(1 - _MEMORY**2)
    noise = [list(accumulate(column, lambda before, new: _MEMORY * before + new)) for column in innovations.T.tolist()]
    wave = np.sqrt(2) * np.sin(2 * np.pi * (np.arange(len(draws)) / _WAVE_DAYS + phase))
    states: Floats = np.sqrt(_WAVE_SHARE) * wave[:, None] * (1, -1) + np.sqrt(1 - _WAVE_SHARE) * np.array(noise).T
    return states


def _runs(
    plan: Plan,
    midnight_ns: NDArray[np.int64],
    weekdays: NDArray[np.int64],
    is_able: NDArray[np.bool_],
    overloaded: NDArray[np.bool_],
    chance: Floats,
    draws: Floats,
) -> tuple[NDArray[np.int64], Runs]:
    """The days with a run, and the runs. The weekdays come in order of habit: long run, hard run, easy runs."""
    rank = np.argsort(weekdays)[(plan.first_day.weekday() + np.arange(plan.days)) % 7]
    usual = np.array([RunKind.LONG, RunKind.HARD, *[RunKind.EASY] * 5])
    odds = _odds(plan.runs_per_week)
    days = np.flatnonzero(is_able & (overloaded | (chance[:, 0] < odds[rank])))
    kind = np.where(overloaded, RunKind.OVERLOAD, usual[rank])[days]
    spread = np.clip(draws[days], -2, 2)
    weekly_load = sum(odd * usual_load(RunKind(each)) for odd, each in zip(odds.tolist(), usual.tolist(), strict=True))
    overload_minutes = _OVERLOAD_LOADS * weekly_load / 7 / usual_load_per_min(RunKind.OVERLOAD)
    minutes = minutes_of(kind, min(90.0, max(30.0, overload_minutes)))
    start_s = np.rint(3600 * (18 + 0.5 * spread[:, 0])).astype(np.int64)
    runs = Runs(
        kind=kind,
        start_ns=midnight_ns[days] + start_s * SECOND_NS,
        seconds=np.rint(60 * minutes * np.exp(0.1 * spread[:, 1])).astype(np.int64),
        level=level_of(kind) + 0.02 * spread[:, 2],
        place=(chance[days, 1] > _OUTDOORS).astype(np.int64),
    )
    return days, runs


def _odds(runs_per_week: float) -> Floats:
    """How likely a run is on each weekday, by its rank in the person's habits."""
    habits = int(np.ceil(runs_per_week))
    if habits in {0, 7}:
        return np.full(7, runs_per_week / 7)
    kept = 0.85 * runs_per_week / habits
    return np.where(np.arange(7) < habits, kept, (runs_per_week - kept * habits) / (7 - habits))


def _slots_ns(midnight_ns: NDArray[np.int64], draws: Floats, days: NDArray[np.int64], runs: Runs) -> NDArray[np.int64]:
    hours = np.array([slot.hour for slot in SLOTS])
    scatter_min = np.zeros((len(midnight_ns), len(SLOTS)), np.int64)
    scatter_min[:, [MORNING, MIDDAY, EVENING]] = np.rint(np.clip(draws, -2, 2) * (12, 20, 4))
    slots_ns = midnight_ns[:, None] + ((60 * hours).astype(np.int64) + scatter_min) * MINUTE_NS
    end_ns = runs.start_ns + runs.seconds * SECOND_NS
    slots_ns[days, BEFORE] = (runs.start_ns // MINUTE_NS - SLOTS[BEFORE].minutes) * MINUTE_NS
    slots_ns[days, AFTER] = (-(-end_ns // MINUTE_NS) + AFTER_RUN_MINUTES) * MINUTE_NS
    return slots_ns


def _midnights_ns(plan: Plan) -> NDArray[np.int64]:
    zone = ZoneInfo(plan.time_zone)
    days = (plan.first_day + timedelta(i) for i in range(plan.days + 1))
    starts = [datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() for day in days]
    return np.array(starts).astype(np.int64) * SECOND_NS


def _days_of(plan: Plan, episodes: tuple[Episode, ...]) -> NDArray[np.bool_]:
    found = np.zeros(plan.days, np.bool_)
    for first, days in episodes:
        index = (first - plan.first_day).days
        found[index : index + days] = True
    return found


def _first_days_of(plan: Plan, episodes: tuple[Episode, ...]) -> NDArray[np.bool_]:
    return _days_of(plan, tuple((first, 1) for first, _ in episodes))


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        message = f"{name} is {value}, and has to be from {low:g} to {high:g}"
        raise ValueError(message)
