"""Runs a week, the usual hour on a clock that has no beginning, and the streak of weeks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scores.readings import DayFacts, RunFacts
from pipeline.scores.routine import routine_of

SUNDAY = date(2026, 6, 28)
MONDAY = SUNDAY + timedelta(days=1)


def day_of(day: date, *hours: float) -> DayFacts:
    return DayFacts(day, runs=tuple(run_at(hour) for hour in hours))


def run_at(hour: float) -> RunFacts:
    return RunFacts(0, 0, hour, 40.0, 60.0, 40.0, is_hard=False, place="", stress_before=None, stress_after=None)


def at_hours(hours: Iterable[float]) -> list[DayFacts]:
    return [day_of(SUNDAY - timedelta(days=i), hour) for i, hour in enumerate(hours)]


def weeks_with(*runs: int) -> list[DayFacts]:
    """The newest week, which ends on Sunday, first."""
    return [day_of(SUNDAY - timedelta(days=7 * week), *[7.0] * count) for week, count in enumerate(runs)]


def test_runs_a_week_are_those_of_the_last_four_weeks() -> None:
    facts = [day_of(SUNDAY - timedelta(days=offset), 7.0) for offset in (0, 3, 14, 27, 28, 40)]
    assert routine_of(facts, SUNDAY).runs_per_week == 1


def test_the_usual_hour_lies_across_midnight_where_the_runs_do() -> None:
    found = routine_of(at_hours([23.0, 1.0, 23.5, 0.5]), SUNDAY)
    assert found.usual_hour is not None
    assert math.cos(math.tau * found.usual_hour / 24) == pytest.approx(1)
    # All lie half an hour or an hour off: R is the mean of the two cosines.
    regularity = (math.cos(math.radians(15)) + math.cos(math.radians(7.5))) / 2
    assert found.hour_regularity == pytest.approx(regularity)
    assert found.hour_sd == pytest.approx(math.sqrt(-2 * math.log(regularity)) * 12 / math.pi)
    assert found.hour_sd == pytest.approx(math.sqrt((1 + 0.25) / 2), rel=0.01), "for small angles it is the plain SD"


def test_a_runner_who_is_always_on_time_has_a_regularity_of_one() -> None:
    found = routine_of(at_hours([18.25] * 12), SUNDAY)
    assert found.usual_hour == pytest.approx(18.25)
    assert found.hour_regularity == pytest.approx(1)
    assert found.hour_sd == pytest.approx(0, abs=1e-6)


def test_runs_spread_evenly_over_the_clock_have_no_usual_hour() -> None:
    found = routine_of(at_hours([1.0, 7.0, 13.0, 19.0]), SUNDAY)
    assert (found.usual_hour, found.hour_regularity, found.hour_sd) == (None, 0, None)
    assert found.reason == "runs at all hours"


def test_three_runs_are_too_few_for_a_usual_hour() -> None:
    found = routine_of(at_hours([7.0, 7.0, 7.0]), SUNDAY)
    assert (found.usual_hour, found.hour_regularity) == (None, None)
    assert found.reason == "fewer than 4 runs in 28 days"
    assert routine_of([], SUNDAY).runs_per_week == 0


def test_just_before_midnight_is_no_24_o_clock() -> None:
    assert routine_of(at_hours([0.0, 0.0, 0.0, 23.999999999999996]), SUNDAY).usual_hour == 0


@settings(deadline=None)
@given(st.lists(st.floats(0, 24, exclude_max=True), min_size=4, max_size=20), st.floats(0, 24))
def test_turning_the_clock_turns_the_hour_and_keeps_the_regularity(hours: list[float], turn: float) -> None:
    plain = routine_of(at_hours(hours), SUNDAY)
    turned = routine_of(at_hours([(hour + turn) % 24 for hour in hours]), SUNDAY)
    assert turned.hour_regularity == pytest.approx(plain.hour_regularity, abs=1e-8)
    if plain.hour_regularity is not None and plain.hour_regularity > 0.01:
        assert plain.usual_hour is not None
        assert turned.usual_hour is not None
        assert 0 <= turned.usual_hour < 24
        away = math.tau * (turned.usual_hour - plain.usual_hour - turn) / 24
        assert math.cos(away) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("runs", "goal", "streak"),
    [
        ((1, 2, 1, 0, 3), None, 3),
        ((0, 2, 1, 0, 3), None, 2),
        ((0, 0, 5), None, 0),
        ((3, 4, 2, 3), 3, 2),
        ((2, 4, 3, 1), 3, 2),
        ((3, 2, 3), 2.5, 1),
        ((1, 1), 0.5, 2),
    ],
)
def test_a_streak_is_of_weeks_that_reached_what_was_wanted(
    runs: tuple[int, ...], goal: float | None, streak: int
) -> None:
    assert routine_of(weeks_with(*runs), SUNDAY, goal).streak_weeks == streak


def test_a_week_that_has_begun_breaks_no_streak_and_counts_when_it_is_reached() -> None:
    assert routine_of(weeks_with(1, 1), MONDAY).streak_weeks == 2
    assert routine_of([*weeks_with(1, 1), day_of(MONDAY, 7.0)], MONDAY).streak_weeks == 3
    assert routine_of(weeks_with(1, 1), MONDAY + timedelta(days=7)).streak_weeks == 0


def test_what_comes_after_the_day_is_not_known_on_it() -> None:
    later = [day_of(MONDAY, 7.0, 8.0, 9.0, 10.0)]
    assert routine_of(later, SUNDAY) == routine_of([], SUNDAY)
