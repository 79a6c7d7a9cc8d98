"""The simulated person against the plan that it was made of, and its beats against its readings."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.engine import Engine
from pipeline.importing import batches_of_stretches
from pipeline.nonlinear import dfa_alpha1
from pipeline.schema import HRV
from pipeline.scores.readings import DayReadings
from pipeline.scores.simulated_beats import Worn, markers_of_day, rr_ticks_of_day
from pipeline.scores.simulated_person import AFTER, BEFORE, MORNING, MORNING_SD, SLOTS, Plan, live, readings_of
from pipeline.scores.trace import MINUTE_NS

DAY = date(2026, 1, 1)
LIVES = 25


def stress_of(minutes: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stress of rows of heart rate and ln RMSSD against other such rows."""
    z = (minutes - reference.mean(axis=0)) / reference.std(axis=0)
    return np.asarray(100 * ndtr(0.5 * z[:, 0] - 0.5 * z[:, 1]))


def rest_of(day: DayReadings) -> NDArray[np.float64]:
    return np.column_stack([day.rest_of_day.heart_rate_bpm, day.rest_of_day.ln_rmssd])


def effects(plan: Plan, *, of_all_days: bool = False) -> tuple[float, float]:
    """Mean stress of run days less that of the others, and after a run less before it, of one life."""
    days = list(readings_of(plan))
    reference = np.concatenate([rest_of(day) for day in days if of_all_days or not day.runs])
    stress = [stress_of(rest_of(day), reference) for day in days]
    of_runs = [each for each, day in zip(stress, days, strict=True) if day.runs]
    others = [each.mean() for each, day in zip(stress, days, strict=True) if not day.runs]
    after, before = SLOTS[AFTER].minutes, SLOTS[BEFORE].minutes
    changes = [each[-after:].mean() - each[-after - before : -after].mean() for each in of_runs]
    return float(np.mean([each.mean() for each in of_runs]) - np.mean(others)), float(np.mean(changes))


def level(days: list[DayReadings]) -> NDArray[np.float64]:
    """Mean heart rate and ln RMSSD of mornings."""
    mornings = [day.morning for day in days if day.morning is not None]
    return np.asarray(np.mean([(one.heart_rate_bpm, one.ln_rmssd) for one in mornings], axis=0))


@pytest.mark.parametrize("relief", [8.0, 0.0, -15.0])
def test_run_days_and_the_time_after_a_run_differ_by_the_true_effect(relief: float) -> None:
    plans = [Plan(DAY, 365, seed, relief) for seed in range(LIVES)]
    found = np.array([effects(plan) for plan in plans])
    standard_error = found.std(axis=0, ddof=1) / np.sqrt(LIVES)
    assert (np.abs(found.mean(axis=0) - plans[0].true_effect) < 3 * standard_error).all()
    assert (standard_error < 0.4).all()


def test_a_reference_of_all_days_sees_nearly_the_whole_effect() -> None:
    untouched, pooled = (
        np.mean([effects(Plan(DAY, 365, seed), of_all_days=all_days)[0] for seed in range(8)])
        for all_days in (False, True)
    )
    assert pooled / untouched == pytest.approx(1, abs=0.03)


def test_the_same_seed_gives_the_same_bits_and_a_longer_life_begins_alike() -> None:
    once, longer = list(readings_of(Plan(DAY, 60, 3))), list(readings_of(Plan(DAY, 90, 3)))
    for day, same in zip(once, longer[:60], strict=True):
        assert (day.morning, day.runs) == (same.morning, same.runs)
        assert day.rest_of_day.heart_rate_bpm.tobytes() == same.rest_of_day.heart_rate_bpm.tobytes()
        assert day.rest_of_day.time_ns.tobytes() == same.rest_of_day.time_ns.tobytes()
    beats = [rr_ticks_of_day(live(Plan(DAY, 60, 3)), 5) for _ in range(2)]
    assert [part.rr_ticks.tobytes() for part in beats[0]] == [part.rr_ticks.tobytes() for part in beats[1]]
    assert next(readings_of(Plan(DAY, 60, 4))).morning != once[0].morning


def test_mornings_scatter_and_remember_as_they_should() -> None:
    lives = [
        [(day.morning.heart_rate_bpm, day.morning.ln_rmssd) for day in readings_of(Plan(DAY, 365, seed)) if day.morning]
        for seed in range(20)
    ]
    mornings = np.array(lives)
    assert mornings.mean(axis=(0, 1)) == pytest.approx([54, 3.9], rel=0.003)
    assert mornings.std(axis=1).mean(axis=0) == pytest.approx(MORNING_SD, rel=0.05)
    z = (mornings - mornings.mean(axis=1, keepdims=True)) / mornings.std(axis=1, keepdims=True)
    assert (z[:, 1:] * z[:, :-1]).mean(axis=(0, 1)) == pytest.approx([0.2, 0.2], abs=0.04)


def test_runs_come_as_often_as_planned() -> None:
    for runs_per_week in (0.0, 2.5, 4.0, 6.5, 7.0):
        runs = sum(len(day.runs) for seed in range(10) for day in readings_of(Plan(DAY, 364, seed, 8, runs_per_week)))
        assert runs / 520 == pytest.approx(runs_per_week, abs=0.2)


def test_illness_raises_heart_rate_and_lowers_variability_and_stops_the_runs() -> None:
    start = DAY + timedelta(40)
    ill, well = [], []
    for seed in range(20):
        days = list(readings_of(Plan(DAY, 60, seed, illness=((start, 6),))))
        ill += days[40:46]
        well += days[:40] + days[46:]
    assert not any(day.runs for day in ill)
    assert (level(ill) - level(well)) / MORNING_SD == pytest.approx([2.5, -2.5], abs=0.4)


def test_overload_is_two_and_a_half_times_the_load_and_shows_from_its_second_day_on() -> None:
    start = DAY + timedelta(100)
    first, later, usual = [], [], []
    for seed in range(20):
        days = list(readings_of(Plan(DAY, 140, seed, overload=((start, 21),))))
        usual += days[:100]
        first.append(days[100])
        later += days[101:121]
    loads = [np.mean([sum(run.load for run in day.runs) for day in part]) for part in (usual, [*first, *later])]
    assert all(run.is_hard for day in later for run in day.runs)
    assert all(day.runs for day in first + later)
    assert loads[1] / loads[0] == pytest.approx(2.5, abs=0.25)
    assert (level(first) - level(usual)) / MORNING_SD == pytest.approx([0, 0], abs=0.6)
    assert (level(later) - level(usual)) / MORNING_SD == pytest.approx([1.2, -1.2], abs=0.25)


def test_minutes_stand_on_full_minutes_in_order_and_reach_over_the_ends_of_a_local_day() -> None:
    days = list(readings_of(Plan(date(2026, 3, 25), 10, 1, time_zone="Europe/Berlin")))
    assert [day.end_ns for day in days[:-1]] == [day.start_ns for day in days[1:]]
    assert sorted({(day.end_ns - day.start_ns) // MINUTE_NS for day in days}) == [23 * 60, 24 * 60]
    for day in days:
        assert (day.rest.time_ns % MINUTE_NS == 0).all()
        assert (np.diff(day.rest.time_ns) > 0).all()
        assert day.morning is not None
        assert day.morning.start_ns == day.rest_of_day.time_ns[0] - MINUTE_NS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"days": 0}, "days is 0"),
        ({"relief": 31.0}, "relief is 31"),
        ({"runs_per_week": 8.0}, "runs_per_week is 8"),
        ({"illness": ((date(2025, 12, 31), 3),)}, "illness 2025-12-31:3 is not within 2026-01-01 to 2026-01-30"),
        ({"overload": ((date(2026, 1, 25), 7),)}, "overload 2026-01-25:7 is not within"),
    ],
)
def test_a_plan_that_can_not_be_lived_says_why(change: dict[str, object], message: str) -> None:
    arguments = {"first_day": DAY, "days": 30, "seed": 1} | change
    with pytest.raises(ValueError, match=message):
        Plan(**arguments)  # type: ignore[arg-type]


def hrv_of(part: Worn, window: str, name: str) -> list[float]:
    """An index that the engine reads from the beats of one stretch."""
    engine = Engine()
    points = [point for batch in batches_of_stretches("p", "s", "x", [part]) for point in engine.step(batch)]
    found = [p.fields.get(name) for p in points if p.measurement is HRV and p.tags[2] == window]
    return [float(value) for value in found if isinstance(value, float)]


def test_the_engine_finds_in_the_beats_at_rest_what_the_readings_say() -> None:
    life = live(Plan(DAY, 40, 11))
    errors = []
    for index in range(0, 40, 8):
        slots = np.flatnonzero(life.worn[index]).tolist()
        parts = {part.start_ns: part for part in rr_ticks_of_day(life, index)}
        for slot in slots:
            part = parts[int(life.slot_ns[index, slot])]
            found = (np.mean(hrv_of(part, "60s", "mean_hr_bpm")), np.mean(hrv_of(part, "60s", "ln_rmssd")))
            errors.append(np.array(found) - life.slot_levels[index, slot])
    bias, scatter = np.mean(errors, axis=0), np.std(errors, axis=0)
    assert abs(bias[0]) < 0.3
    assert abs(bias[1]) < 0.04
    assert scatter[0] < 0.6
    assert scatter[1] < 0.06


def test_beats_lie_within_the_times_worn_and_never_overlap() -> None:
    life = live(Plan(DAY, 60, 2))
    counts = 0
    for index in range(60):
        parts = rr_ticks_of_day(life, index)
        ends_ns = [part.start_ns + int(part.rr_ticks.sum()) * 1_953_125 // 2 for part in parts]
        assert all(end_ns <= part.start_ns for end_ns, (_, part) in zip(ends_ns, pairwise(parts), strict=False))
        assert ends_ns[0] == pytest.approx(parts[0].start_ns + SLOTS[MORNING].minutes * MINUTE_NS, abs=2.5e9)
        counts += sum(len(part.rr_ticks) for part in parts)
        assert parts[-1].rr_ticks.min() >= 0.3 * 1024 * 0.75
    assert 3_000 < counts / 60 < 8_000


def test_alpha1_and_variability_fall_from_rest_to_an_easy_run() -> None:
    life = live(Plan(DAY, 30, 5))
    easy = np.flatnonzero(life.runs.kind == 0)[0]
    day = int(np.flatnonzero(life.run_of_day == easy)[0])
    parts = {part.start_ns: part.rr_ticks / 1.024 for part in rr_ticks_of_day(life, day)}
    rest_ms, run_ms = parts[int(life.slot_ns[day, BEFORE])], parts[int(life.runs.start_ns[easy])]
    steady = [run_ms[first : first + 280] for first in range(1500, 3000, 280)]
    clean = [part for part in steady if np.ptp(part) < 80]
    assert np.mean([dfa_alpha1(part) for part in clean]) == pytest.approx(0.77, abs=0.12)
    assert np.mean([dfa_alpha1(rest_ms[first : first + 130]) for first in range(0, 600, 130)]) > 0.9
    assert np.median(np.abs(np.diff(run_ms))) < 0.2 * np.median(np.abs(np.diff(rest_ms)))


def test_markers_frame_the_morning_and_the_run() -> None:
    life = live(Plan(DAY, 7, 1, runs_per_week=7))
    (run,) = next(readings_of(life.plan)).runs
    markers = list(markers_of_day(life, 0))
    assert [(str(one.kind), str(one.action)) for one in markers] == [
        ("morning", "start"),
        ("morning", "stop"),
        ("run", "start"),
        ("run", "stop"),
    ]
    assert (markers[2].time_ns, markers[3].time_ns) == (run.session.start_ns, run.session.end_ns)
    assert markers[2].text == run.session.place
