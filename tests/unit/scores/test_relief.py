"""Stress around runs, days with and without one, and kinds of run: what counts, and how often a verdict is right."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.scores.readings import DayFacts, Relief, RunFacts
from pipeline.scores.relief import (
    LESS,
    MORE,
    NO_DIFFERENCE,
    RunDayEffect,
    relief_by_kind,
    relief_of_run,
    run_days_against_others,
    stress_of_day,
)
from pipeline.scores.trace import MINUTE_NS

LAST = date(2026, 6, 28)
RUN = (600, 640)  # minutes of the day


def minutes(*values: tuple[int, float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Minutes at rest, by the minute that they end with, and their stress."""
    return np.array([minute * MINUTE_NS for minute, _ in values], np.int64), np.array([each for _, each in values])


def relief(values: list[tuple[int, float]], *others: tuple[int, int]) -> Relief:
    spans = [(start * MINUTE_NS, end * MINUTE_NS) for start, end in others]
    return relief_of_run(RUN[0] * MINUTE_NS, RUN[1] * MINUTE_NS, *minutes(*values), spans)


def facts_of(stress: NDArray[np.float64], has_run: NDArray[np.bool_], flag: str = "") -> list[DayFacts]:
    """Facts of days on end, the last on LAST."""
    first = LAST - timedelta(days=stress.size - 1)
    return [
        DayFacts(first + timedelta(days=i), stress=float(value), flag=flag, runs=(run(),) if ran else ())
        for i, (value, ran) in enumerate(zip(stress, has_run, strict=True))
    ]


def run(
    before: float | None = 50, change: float = -5, hour: float = 7, place: str = "", *, hard: bool = False
) -> RunFacts:
    after = None if before is None else before + change
    return RunFacts(0, 0, hour, 40, 60, 40, is_hard=hard, place=place, stress_before=before, stress_after=after)


def noise(rng: np.random.Generator, days: int, sd: float, correlation: float = 0.3) -> NDArray[np.float64]:
    """Days of which each resembles the one before it."""
    fresh, days_stress = rng.normal(0, sd, days), np.empty(days)
    days_stress[0] = fresh[0]
    for i in range(1, days):
        days_stress[i] = correlation * days_stress[i - 1] + (1 - correlation**2) ** 0.5 * fresh[i]
    return days_stress


# --- around a run


def test_relief_is_stress_from_half_an_hour_after_a_run_less_that_of_the_hour_before() -> None:
    before = [(540, 99.0), (541, 40.0), (580, 50.0), (600, 60.0)]
    after = [(641, 99.0), (670, 99.0), (671, 20.0), (700, 30.0), (820, 40.0), (821, 99.0)]
    found = relief(before + after)
    assert (found.before, found.after, found.change, found.reason) == (50, 30, -20, "")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([(590, 1.0), (591, 1.0), (700, 1.0), (701, 1.0), (702, 1.0)], "fewer than 3 minutes at rest before the run"),
        ([(590, 1.0), (591, 1.0), (592, 1.0), (700, 1.0)], "fewer than 3 minutes at rest after the run"),
        ([], "fewer than 3 minutes at rest before and after the run"),
    ],
)
def test_too_few_minutes_at_rest_give_a_reason(values: list[tuple[int, float]], reason: str) -> None:
    found = relief(values)
    assert (found.change, found.reason) == (None, reason)


def test_other_runs_cut_both_windows() -> None:
    before = [(545, 99.0), (589, 99.0), (591, 40.0), (592, 40.0), (593, 40.0)]
    after = [(690, 30.0), (700, 30.0), (710, 30.0), (711, 99.0), (790, 99.0)]
    found = relief(before + after, (550, 560), RUN, (710, 730))
    assert (found.before, found.after) == (40, 30)


def test_the_stress_of_a_day_is_the_mean_of_ten_minutes_at_rest_or_more() -> None:
    assert stress_of_day(np.array([20.0] * 5 + [40.0] * 5)) == 30
    assert stress_of_day(np.full(9, 30.0)) is None


# --- run days against others


def test_the_difference_is_that_of_the_means_where_each_fortnight_has_the_same_share_of_runs() -> None:
    has_run = np.arange(28) % 2 == 0
    stress = np.where(has_run, 30.0, 40.0) + np.tile([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 4)
    found = run_days_against_others(facts_of(stress, has_run), 28)
    assert (found.n_run, found.n_other, found.verdict, found.reason) == (14, 14, LESS, "")
    assert found.difference == pytest.approx(stress[has_run].mean() - stress[~has_run].mean())
    assert found.low is not None
    assert found.high is not None
    assert found.low < -10 < found.high < 0
    assert run_days_against_others(facts_of(-stress, has_run), 28).verdict == MORE


@pytest.mark.parametrize(("days", "least"), [(28, 6), (90, 10)])
def test_too_few_days_of_either_kind_give_no_verdict(days: int, least: int) -> None:
    has_run = np.arange(days) % (days // least) == 0
    stress = 40 - 20.0 * has_run
    assert run_days_against_others(facts_of(stress, has_run), days).verdict == LESS
    has_run[np.flatnonzero(has_run)[least - 1 :]] = False
    for kind in (has_run, ~has_run):
        found = run_days_against_others(facts_of(stress, kind), days)
        assert (found.difference, found.low, found.verdict) == (None, None, "")
        assert found.reason == f"fewer than {least} days with a run and {least} without"


def test_flagged_days_days_without_stress_and_older_days_are_left_out() -> None:
    has_run = np.arange(28) % 2 == 0
    facts = facts_of(40 - 10.0 * has_run, has_run)
    plain = run_days_against_others(facts, 28)
    ill = [DayFacts(day.day, stress=100.0, flag="illness", runs=day.runs) for day in facts[:3]]
    silent = [DayFacts(day.day, runs=day.runs) for day in facts[3:5]]
    older = facts_of(np.full(60, 90.0), np.arange(60) % 2 == 0)[:32]
    found = run_days_against_others([*facts[5:], *older, *silent, *ill], 28)
    assert (found.n_run, found.n_other) == (plain.n_run - 3, plain.n_other - 2)
    assert found.difference == pytest.approx(-10)


def test_days_of_the_same_stress_show_no_difference() -> None:
    has_run = np.arange(90) % 3 == 0
    found = run_days_against_others(facts_of(np.full(90, 33.3), has_run), 90)
    assert (found.difference, found.verdict) == (0, NO_DIFFERENCE)
    assert run_days_against_others([], 28) == RunDayEffect(
        28, 0, 0, reason="fewer than 6 days with a run and 6 without"
    )


def test_the_order_of_the_facts_changes_no_bit() -> None:
    has_run = np.random.default_rng(3).random(90) < 0.4
    facts = facts_of(40 + noise(np.random.default_rng(4), 90, 9), has_run)
    assert run_days_against_others(facts[::-1], 90) == run_days_against_others(facts, 90)


@pytest.mark.parametrize("days", [28, 90])
def test_no_effect_is_found_where_there_is_none(days: int) -> None:
    rng = np.random.default_rng(days)
    found = [
        run_days_against_others(facts_of(40 + noise(rng, days, 9), rng.random(days) < 0.43), days) for _ in range(300)
    ]
    assert sum(effect.verdict in {"", NO_DIFFERENCE} for effect in found) >= 0.93 * 300


@pytest.mark.parametrize(("sd", "least"), [(8, 0.95), (10, 0.9)])
def test_eight_points_are_found_in_ninety_days(sd: float, least: float) -> None:
    rng = np.random.default_rng(round(sd))
    runs = [rng.random(90) < 0.43 for _ in range(200)]
    found = [
        run_days_against_others(facts_of(45 + noise(rng, 90, sd) - 8 * has_run, has_run), 90).verdict == LESS
        for has_run in runs
    ]
    assert np.mean(found) >= least


def test_a_season_of_less_stress_in_which_running_begins_is_not_put_down_to_running() -> None:
    rng = np.random.default_rng(1)
    season = np.linspace(6, -6, 90)
    found = []
    for _ in range(200):
        has_run = (np.arange(90) > 45) & (rng.random(90) < 0.6)
        found.append(run_days_against_others(facts_of(45 + season + noise(rng, 90, 9), has_run), 90).verdict)
    assert np.mean([verdict == LESS for verdict in found]) <= 0.07  # 0.53 when all days are compared with all


# --- kinds of run


def test_the_best_part_of_the_day_is_told_against_the_next_best() -> None:
    runs = [run(change=change, hour=7) for change in (-9, -10, -11, -10, -10)]
    runs += [run(change=change, hour=12) for change in (-4, -5, -6, -5, -5)]
    runs += [
        run(change=change, hour=hour) for change, hour in zip((0, 1, -1, 0, 0), (16, 19, 23.9, 0, 3.9), strict=True)
    ]
    found = relief_by_kind(runs).hour
    assert (found.kinds, found.runs) == (("in the morning", "at midday"), (5, 5))
    assert found.difference == pytest.approx(-5)
    assert found.verdict == "more relief in the morning than at midday"


def test_a_part_of_the_day_with_few_runs_is_never_the_best() -> None:
    runs = [run(change=-5, hour=7)] * 5 + [run(change=-4, hour=18)] * 5 + [run(change=-40, hour=12)] * 4
    assert relief_by_kind(runs).hour.verdict == "more relief in the morning than in the evening"
    found = relief_by_kind(runs[5:]).hour
    assert (found.verdict, found.difference) == ("", None)
    assert found.reason == "fewer than 5 runs with a relief of each kind"


def test_effort_and_place_are_compared_in_the_same_way() -> None:
    scatter = (-3, -1, 0, 1, 3)
    runs = [run(change=-2 + off, place="treadmill", hard=off > 0) for off in scatter]
    runs += [run(change=-12 + off, place="outdoors", hard=off > 0) for off in scatter]
    runs += [run(change=30, place="track", hard=True), run(before=None, place="outdoors")]
    found = relief_by_kind(runs)
    assert found.place.runs == (5, 5)
    assert found.place.verdict == "more relief outdoors than on the treadmill"
    assert found.effort.runs == (6, 5)
    assert found.effort.verdict == NO_DIFFERENCE


def test_choosing_the_best_of_three_parts_of_the_day_finds_nothing_in_noise() -> None:
    rng = np.random.default_rng(9)
    found = [
        relief_by_kind([run(change=float(rng.normal(-5, 9)), hour=hour) for hour in (7, 12, 18) * 8]).hour.verdict
        for _ in range(200)
    ]
    assert found.count(NO_DIFFERENCE) >= 0.93 * 200
