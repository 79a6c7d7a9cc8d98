"""How far the week has come towards what a person wants of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.scores.profile import Goals
from pipeline.scores.readings import DayFacts


@dataclass(frozen=True, slots=True)
class GoalProgress:
    """One goal of a week."""

    name: str  # runs, minutes, load or easy_minutes
    target: float
    so_far: float

    @property
    def share_pct(self) -> float:
        """How much of the target is done, percent; above 100 where more was done."""
        return 100 * self.so_far / self.target

    @property
    def is_reached(self) -> bool:
        """Whether the target is done."""
        return self.so_far >= self.target


def progress_of(goals: Goals, facts: Sequence[DayFacts], day: date) -> tuple[GoalProgress, ...]:
    """Progress of the ISO week (Monday to Sunday, local) that `day` lies in, from its Monday up to and with `day`.

    Args:
        goals: in force on the day; None and 0 are no goal.
        facts: of the week's days, in any order; other days are not looked at, and a day without facts had no run.
        day: the local day that it is told for.

    Returns:
        One for each goal that is set, in the order of `Goals`; empty where none is.
    """
    runs = [
        run
        for fact in facts
        if fact.day <= day and fact.day.isocalendar()[:2] == day.isocalendar()[:2]
        for run in fact.runs
    ]
    known = (
        ("runs", goals.runs_per_week, float(len(runs))),
        ("minutes", goals.minutes_per_week, math.fsum(run.minutes for run in runs)),
        ("load", goals.load_per_week, math.fsum(run.load for run in runs)),
        ("easy_minutes", goals.easy_minutes_per_week, math.fsum(run.easy_minutes for run in runs)),
    )
    return tuple(GoalProgress(name, target, so_far) for name, target, so_far in known if target)
