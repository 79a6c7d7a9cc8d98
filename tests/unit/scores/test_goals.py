"""Progress of the week."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pipeline.scores.goals import GoalProgress, progress_of
from pipeline.scores.profile import Goals
from pipeline.scores.readings import DayFacts, RunFacts

MONDAY = date(2026, 6, 1)


def day_with_run(offset: int, minutes: float = 40.0, load: float = 60.0, easy_minutes: float = 25.0) -> DayFacts:
    run = RunFacts(
        0, 0, 7.0, minutes, load, easy_minutes, is_hard=False, place="", stress_before=None, stress_after=None
    )
    return DayFacts(MONDAY + timedelta(days=offset), runs=(run,))


def test_each_goal_is_told_with_what_is_done_of_it() -> None:
    goals = Goals(runs_per_week=3, minutes_per_week=160, load_per_week=100, easy_minutes_per_week=200)
    facts = [day_with_run(0), day_with_run(3)]
    assert progress_of(goals, facts, MONDAY + timedelta(days=4)) == (
        GoalProgress("runs", 3, 2),
        GoalProgress("minutes", 160, 80),
        GoalProgress("load", 100, 120),
        GoalProgress("easy_minutes", 200, 50),
    )


def test_a_share_is_in_percent_and_goes_beyond_a_hundred() -> None:
    (half,) = progress_of(Goals(minutes_per_week=80), [day_with_run(0)], MONDAY)
    assert (half.share_pct, half.is_reached) == (50, False)
    (more,) = progress_of(Goals(load_per_week=40), [day_with_run(0)], MONDAY)
    assert (more.share_pct, more.is_reached) == (150, True)
    assert GoalProgress("runs", 2, 2).is_reached


@pytest.mark.parametrize(("offset", "counts"), [(-1, False), (0, True), (6, True), (7, False)])
def test_the_week_is_from_monday_to_sunday(offset: int, counts: bool) -> None:
    (runs,) = progress_of(Goals(runs_per_week=1), [day_with_run(offset)], MONDAY + timedelta(days=6))
    assert runs.is_reached is counts


def test_a_day_is_told_without_the_days_after_it() -> None:
    (runs,) = progress_of(Goals(runs_per_week=2), [day_with_run(0), day_with_run(2)], MONDAY + timedelta(days=1))
    assert runs.so_far == 1


def test_a_week_that_lies_in_two_years_is_one() -> None:
    thursday = date(2026, 1, 1)
    (runs,) = progress_of(Goals(runs_per_week=1), [DayFacts(date(2025, 12, 29), runs=day_with_run(0).runs)], thursday)
    assert runs.is_reached


def test_no_goal_gives_no_progress_and_no_run_gives_none_done() -> None:
    assert progress_of(Goals(), [day_with_run(0)], MONDAY) == ()
    assert progress_of(Goals(runs_per_week=0), [day_with_run(0)], MONDAY) == ()
    assert progress_of(Goals(runs_per_week=2), [], MONDAY) == (GoalProgress("runs", 2, 0),)
