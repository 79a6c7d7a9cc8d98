"""How regular running is: how often, at what hour, and for how many weeks on end. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.scores.readings import DayFacts

DAYS = 28
"""The days that runs a week and the usual hour are told of (own): four whole weeks, whatever the weekday."""

MIN_RUNS = 4
"""Fewest runs for a usual hour (own): one a week."""

_SCATTERED = 1e-9  # a resultant that is nothing but rounding points nowhere
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Routine:
    """A person's habit of running; None where there is no usual hour, and why."""

    runs_per_week: float
    streak_weeks: int
    usual_hour: float | None = None  # 0 to 24, local
    hour_regularity: float | None = None  # 0 (any hour) to 1 (always the same)
    hour_sd: float | None = None  # hours
    reason: str = ""


def routine_of(facts: Sequence[DayFacts], day: date, runs_per_week_goal: float | None = None) -> Routine:
    """The routine as seen at the end of a day.

    Runs a week: runs of the last 28 days / 4, also for one who began to be measured later. Hour: each start at h
    o'clock local time is an angle of 2 pi h / 24; with C and S the means of their cosines and sines, R = sqrt(C² + S²)
    is the mean resultant length, atan2(S, C) the mean direction and sqrt(-2 ln R) the circular SD in radians (Mardia
    & Jupp 2000), both given in hours. Few runs at random hours look regular: 4 have an R of about 0.4, 12 of 0.25.

    Streak: whole ISO weeks (Monday to Sunday, local) on end with at least one run, or with the goal's runs where there
    is one. The week of `day` counts as soon as it has reached that, and breaks nothing before it has ended.

    Args:
        facts: of days up to `day`, in any order; a day without facts had no run. A streak is no longer than they reach.
        day: the local day; later facts are not looked at.
        runs_per_week_goal: the goal in force, applied to all weeks; None: none.
    """
    hours = [run.local_hour for fact in facts if 0 <= (day - fact.day).days < DAYS for run in fact.runs]
    runs_per_week = len(hours) / (DAYS / 7)
    streak_weeks = _streak_weeks(facts, day, max(runs_per_week_goal or 1.0, 1.0))
    if len(hours) < MIN_RUNS:
        return Routine(runs_per_week, streak_weeks, reason=f"fewer than {MIN_RUNS} runs in {DAYS} days")
    east = math.fsum(math.cos(math.tau * hour / 24) for hour in hours) / len(hours)
    north = math.fsum(math.sin(math.tau * hour / 24) for hour in hours) / len(hours)
    regularity = min(math.hypot(east, north), 1.0)
    if regularity < _SCATTERED:
        return Routine(runs_per_week, streak_weeks, hour_regularity=0.0, reason="runs at all hours")
    # Twice, since the first makes 24 of what lies just below 0.
    usual_hour = math.atan2(north, east) / math.tau * 24 % 24 % 24
    return Routine(
        runs_per_week,
        streak_weeks,
        usual_hour=usual_hour,
        hour_regularity=regularity,
        hour_sd=math.sqrt(2 * math.log(1 / regularity)) / math.tau * 24,
    )


def _streak_weeks(facts: Sequence[DayFacts], day: date, wanted: float) -> int:
    runs: dict[date, int] = {}  # by the week's Monday
    for fact in facts:
        if fact.day <= day:
            monday = fact.day - timedelta(days=fact.day.weekday())
            runs[monday] = runs.get(monday, 0) + len(fact.runs)
    this_monday = day - timedelta(days=day.weekday())
    reached = int(runs.get(this_monday, 0) >= wanted)
    streak, monday = 0, this_monday - _WEEK
    while runs.get(monday, 0) >= wanted:
        streak, monday = streak + 1, monday - _WEEK
    return streak + reached
