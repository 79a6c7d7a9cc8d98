"""What half a year of five people, and a year of the first, leaves in the stores: every score, from simulated lives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pipeline.schema import EFFORT, EVENT, HEALTH, SESSION, STRAP, STRESS, FieldType, FieldValue, Measurement, Point
from pipeline.scores.day import HISTORY_DAYS, judge_day
from pipeline.scores.points import points_of, week_point
from pipeline.scores.profile import DatedProfile, Goals
from pipeline.scores.readings import DayFacts
from pipeline.scores.simulated_person import Plan, readings_of

PEOPLE = ("anna", "Ben O. (guest)", "cleo", "dora", "emil")
_DAYS = 182
_DAY_NS = 86_400_000_000_000
_FIGURES: dict[FieldType, FieldValue] = {FieldType.FLOAT: 0.5, FieldType.INTEGER: 1, FieldType.STRING: "ok"}
_GOALS = Goals(runs_per_week=4, minutes_per_week=180, load_per_week=300, easy_minutes_per_week=120)


def scores_until(end_ms: int) -> Iterator[Point]:
    """All scores of everybody's days, up to the day of a moment, and what happened in the minutes before it."""
    last_day = datetime.fromtimestamp(end_ms / 1000, UTC).date()
    for seed, person in enumerate(PEOPLE):
        yield from _life(person, last_day, 365 if seed == 0 else _DAYS, seed)
        yield from _last_minutes(person, end_ms)
    yield from _processes(end_ms)


def _life(person: str, last_day: date, days: int, seed: int) -> Iterator[Point]:
    plan = Plan(last_day - timedelta(days - 1), days, seed)
    profiles = (DatedProfile(date.min, replace(plan.profile, goals=_GOALS, heart_rate_ceiling_bpm=178.0)),)
    known: list[DayFacts] = []
    for readings in readings_of(plan):
        judged = judge_day(readings, profiles, known[-HISTORY_DAYS:])
        known.append(judged.facts)
        yield from points_of(person, judged)
        yield week_point(person, judged.week, readings.start_ns - readings.day.weekday() * _DAY_NS)


def _last_minutes(person: str, end_ms: int) -> Iterator[Point]:
    """A run of which each 10 s is known, a breathing session, and something said."""
    for before_s in range(600, -1, -10):
        fields: dict[str, FieldValue] = {
            "valid": 1,
            "heart_rate_bpm": 150.0,
            "of_max_pct": 80.0,
            "zone": 1 + before_s // 10 % 5,
        }
        yield Point(EFFORT, (person,), fields, (end_ms // 10_000 * 10 - before_s) * 1_000_000_000)
    at_ns = (end_ms - 600_000) * 1_000_000
    for kind in ("run", "breathing"):
        yield Point(SESSION, (person, kind), _all_fields(SESSION) | {"end_ms": end_ms}, at_ns)
    for kind, action in (("run", "start"), ("note", "note")):
        yield Point(EVENT, (person, kind), {"action": action, "text": "hot"}, at_ns)
    stress: dict[str, FieldValue] = {"valid": 1, "stress": 30.0, "band": "low", "confidence": "trusted", "sqrt_si": 9.0}
    yield Point(STRESS, (person,), stress, (end_ms - 60_000) * 1_000_000)
    strap: dict[str, FieldValue] = {"connected": 1, "battery_pct": 90, "rssi_dbm": -60, "model": "H10", "reason": ""}
    yield Point(STRAP, (person, f"strap of {person}"), strap | {"connected": 0, "reason": "link lost"}, at_ns)
    yield Point(STRAP, (person, f"strap of {person}"), strap, (end_ms - 10_000) * 1_000_000)


def _processes(end_ms: int) -> Iterator[Point]:
    """Five minutes of two processes that tell all there is to tell, today and as long ago as a long range can tell."""
    for number in range(60):
        before_ms = 300_000 - number % 30 * 10_000 + (86_400_000 if number < 30 else 0)
        fields = {field.name: _FIGURES[field.type] for field in HEALTH.fields}
        counts = {field.name: number for field in HEALTH.fields if field.type is FieldType.INTEGER}
        for process in ("pipeline", "pi"):
            yield Point(HEALTH, (process,), fields | counts | {"online": 1}, (end_ms - before_ms) * 1_000_000)


def _all_fields(measurement: Measurement) -> dict[str, FieldValue]:
    """A value for every field; no reason why another one is missing."""
    return {
        field.name: "" if field.name.endswith("reason") else _FIGURES[field.type] for field in measurement.fields
    } | {"valid": 1}
