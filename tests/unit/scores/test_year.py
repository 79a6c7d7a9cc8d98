"""Lives of which the truth is known: what is flagged in them, and what running is found to do to stress."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache

import pytest

from pipeline.scores.day import HISTORY_DAYS, facts_of_day
from pipeline.scores.profile import DatedProfile
from pipeline.scores.readings import DayFacts
from pipeline.scores.relief import LESS, NO_DIFFERENCE, RunDayEffect, run_days_against_others
from pipeline.scores.score import TRUSTED_FROM
from pipeline.scores.simulated_person import Plan, readings_of

ILLNESS, OVERLOAD = (date(2026, 2, 10), 5), (date(2026, 4, 1), 21)
SETTLED = 8
"""Days after an illness or overload until a week counts as sound again."""


@cache
def lived(plan: Plan) -> tuple[DayFacts, ...]:
    """The facts of every day of a life, each judged by those before."""
    profiles = (DatedProfile(date.min, plan.profile),)
    known: list[DayFacts] = []
    for readings in readings_of(plan):
        known.append(facts_of_day(readings, profiles, known[-HISTORY_DAYS:]))
    return tuple(known)


def a_year(seed: int, days: int = 365) -> Plan:
    return Plan(date(2026, 1, 1), days, seed, illness=(ILLNESS,), overload=(OVERLOAD,))


def flags(facts: Iterable[DayFacts], first: date, days: int) -> set[str]:
    return {each.flag for each in facts if first <= each.day < first + timedelta(days)} - {""}


def sound_weeks(facts: tuple[DayFacts, ...]) -> list[tuple[DayFacts, ...]]:
    """The trusted weeks without illness, overload or their end."""
    weeks = [facts[day : day + 7] for day in range(2 * TRUSTED_FROM, len(facts) - 6, 7)]
    spells = [(first, first + timedelta(days + SETTLED)) for first, days in (ILLNESS, OVERLOAD)]
    return [week for week in weeks if not any(week[0].day < end and first <= week[-1].day for first, end in spells)]


def test_in_the_year_of_the_docs_illness_and_overload_are_flagged_within_two_days() -> None:
    facts = lived(a_year(7))
    assert "illness" in flags(facts, ILLNESS[0], 2)
    # Its first day leaves its mark on the morning after.
    assert "overload" in flags(facts, OVERLOAD[0] + timedelta(1), 2)


def test_sound_weeks_are_rarely_flagged() -> None:
    weeks = [week for seed in range(10) for week in sound_weeks(lived(a_year(seed, 220)))]
    flagged = sum(any(day.flag for day in week) for week in weeks)
    assert len(weeks) > 150
    assert flagged / len(weeks) < 0.1


def test_most_illnesses_are_flagged_within_two_days() -> None:
    assert sum("illness" in flags(lived(a_year(seed, 220)), ILLNESS[0], 2) for seed in range(10)) >= 9


def test_the_known_effect_of_running_lies_within_the_interval_and_is_found() -> None:
    effect = run_days_against_others(lived(a_year(7)), 90)
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low <= a_year(7).true_effect <= effect.high
    later = [run_days_against_others(lived(a_year(seed, 220)), 90) for seed in range(10)]
    assert sum(holds(each, -8.0) for each in later) >= 8
    assert sum(each.verdict == LESS for each in later) >= 4


def holds(effect: RunDayEffect, truth: float) -> bool:
    return effect.low is not None and effect.high is not None and effect.low <= truth <= effect.high


@pytest.mark.parametrize("days", [28, 90])
def test_where_running_does_nothing_nothing_is_found_in_nine_of_ten_lives(days: int) -> None:
    plans = [Plan(date(2026, 1, 1), 120, seed, relief=0.0) for seed in range(100)]
    verdicts = [run_days_against_others(lived(plan), days).verdict for plan in plans]
    assert sum(verdict in {"", NO_DIFFERENCE} for verdict in verdicts) >= 90


def test_a_few_days_give_no_verdict() -> None:
    effect = run_days_against_others(lived(Plan(date(2026, 1, 1), 12, 7)), 28)
    assert effect.verdict == ""
    assert effect.reason
