"""What stores are told of a judged day. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pipeline.schema import (
    DAY,
    EFFORT,
    READINESS,
    RELIEF,
    SESSION,
    STRESS,
    WEEK,
    FieldType,
    FieldValue,
    Measurement,
    Point,
)
from pipeline.scores.day import Day
from pipeline.scores.readings import BreathingSummary, DayFacts, MorningReading, Relief, RunSummary, Session
from pipeline.scores.stress import band_minutes, band_of
from pipeline.scores.together import Company
from pipeline.scores.zones import zone_floors_bpm, zone_of

Fields = dict[str, FieldValue | None]

_CASTS: Mapping[FieldType, Callable[[Any], FieldValue]] = MappingProxyType(
    {FieldType.FLOAT: float, FieldType.INTEGER: int, FieldType.STRING: str}
)

_NEED_AN_END = (
    *("heart_rate_recovery_60s_bpm", "heart_rate_recovery_120s_bpm", "heart_rate_recovery_reason", "drift_pct"),
    *("drift_reason", "threshold_075_bpm", "threshold_075_spread_bpm", "threshold_050_bpm", "threshold_050_spread_bpm"),
    "threshold_reason",
)
"""What may come and go while a run goes on is told when it has ended: a store can't take back a value."""

_AS_IT_IS = (
    *("coverage_pct", "artifact_pct"),
    *("mean_heart_rate_bpm", "max_heart_rate_bpm", "load", "edwards_load", "easy_minutes", "energy_kj"),
    *("respiration_per_min", "alpha1_minutes", "alpha1_above_075_minutes", "alpha1_below_050_minutes"),
)


def points_of(person: str, day: Day) -> list[Point]:
    """Every point of a person's day: sessions, effort, minutes of stress, readiness, figures and effects."""
    return [
        *_session_points(person, day),
        *_effort_points(person, day),
        *_stress_points(person, day),
        _point(READINESS, (person,), readiness_fields(day), day.readings.start_ns),
        _point(DAY, (person,), day_fields(day), day.readings.start_ns),
        *_relief_points(person, day),
    ]


def run_fields(run: RunSummary, relief: Relief, company: Company) -> Fields:
    """The fields of a run's session; None where there is no value."""
    names = _AS_IT_IS if run.session.is_open else (*_AS_IT_IS, *_NEED_AN_END)
    fields = {name: getattr(run, name) for name in names}
    fields |= {f"zone{zone}_minutes": minutes for zone, minutes in enumerate(run.zone_minutes, 1)}
    told = {"stress_before": relief.before, "stress_after": relief.after, "stress_change": relief.change}
    return (
        _of_session(run.session)
        | fields
        | told
        | {
            "relief_reason": relief.reason,
            "together": ", ".join(company.others),
        }
    )


def readiness_fields(day: Day) -> Fields:
    """The fields of the day's readiness; None where there is no value."""
    readiness, score = day.readiness, day.readiness.score
    ln_rmssd, heart_rate_bpm, adds = readiness.ln_rmssd, readiness.heart_rate_bpm, readiness.contributions
    return {
        "reason": score.reason,
        "readiness": score.value,
        "state": score.state,
        "confidence": str(score.confidence),
        "advice": readiness.advice,
        "rule": readiness.rule,
        "flag": readiness.flag,
        "ln_rmssd": ln_rmssd.latest,
        "ln_rmssd_7day": ln_rmssd.week_mean,
        "cv_7day_pct": ln_rmssd.week_cv_pct,
        "ln_rmssd_mean": ln_rmssd.mean_60,
        "band_low": ln_rmssd.band_low,
        "band_high": ln_rmssd.band_high,
        "heart_rate_bpm": heart_rate_bpm.latest,
        "heart_rate_mean_bpm": heart_rate_bpm.mean_60,
        "heart_rate_band_low_bpm": heart_rate_bpm.band_low,
        "heart_rate_band_high_bpm": heart_rate_bpm.band_high,
        "contribution_today": adds["ln_rmssd"],
        "contribution_7day": adds["ln_rmssd_7day"],
        "contribution_heart_rate": adds["heart_rate"],
        "contribution_load": adds["load"],
        "standing_rise_bpm": readiness.standing_rise_bpm,
        **_measured(day.readings.morning),
    }


def _measured(morning: MorningReading | None) -> Fields:
    if morning is None:
        return {}
    return {
        "measured_from_ms": morning.start_ns // 1_000_000,
        "measured_to_ms": morning.end_ns // 1_000_000,
        "measured_s": morning.seconds,
        "measured_artifact_pct": morning.artifact_pct,
    }


def day_fields(day: Day) -> Fields:
    """The fields of the day's figures; None where there is no value."""
    runs, load, routine = day.readings.runs, day.load, day.routine
    zones = [sum(run.zone_minutes[zone] for run in runs) for zone in range(5)]
    bands = band_minutes(day.stress[day.readings.is_of_day])
    limits = day.live.limits
    floors_bpm = zone_floors_bpm(limits, day.live.zones)
    return {
        "max_heart_rate_bpm": limits.max_heart_rate_bpm,
        "resting_heart_rate_bpm": limits.resting_heart_rate_bpm,
        "heart_rate_ceiling_bpm": day.heart_rate_ceiling_bpm,
        **{f"zone{zone}_from_bpm": floor_bpm for zone, floor_bpm in enumerate(floors_bpm, 1)},
        "runs": len(runs),
        "run_minutes": sum(run.minutes for run in runs),
        "easy_minutes": sum(run.easy_minutes for run in runs),
        **{f"zone{zone}_minutes": minutes for zone, minutes in enumerate(zones, 1)},
        "load": day.facts.load,
        "edwards_load": sum(run.edwards_load for run in runs),
        "acute_load": load.acute,
        "chronic_load": load.chronic,
        "load_balance": load.balance,
        "load_ratio_rolling": load.acute_chronic_ratio,
        "load_ratio_ewma": load.acute_chronic_ratio_ewma,
        "monotony": load.monotony,
        "strain": load.strain,
        "stress": day.facts.stress,
        "stress_reason": day.stress_reason,
        "stress_confidence": str(day.live.stress.confidence),
        **dict(zip(("rest_minutes", "low_minutes", "medium_minutes", "high_minutes"), bands, strict=True)),
        "runs_per_week": routine.runs_per_week,
        "usual_hour": routine.usual_hour,
        "regularity": routine.hour_regularity,
        "streak_weeks": routine.streak_weeks,
        **{f"{goal.name}_goal_pct": goal.share_pct for goal in day.goals},
    }


def week_point(person: str, week: Sequence[DayFacts], start_ns: int) -> Point:
    """The point of a person's week.

    Args:
        person: whose it is.
        week: the facts of the days of it that are known.
        start_ns: local midnight of its Monday.
    """
    return _point(WEEK, (person,), _week_fields(week), start_ns)


def _week_fields(week: Sequence[DayFacts]) -> Fields:
    runs = [run for day in week for run in day.runs]
    zones = [sum(run.zone_minutes[zone] for run in runs) for zone in range(5)]
    return {
        "runs": len(runs),
        "run_minutes": sum(run.minutes for run in runs),
        "easy_minutes": sum(run.easy_minutes for run in runs),
        **{f"zone{zone}_minutes": minutes for zone, minutes in enumerate(zones, 1)},
        "load": sum(day.load for day in week),
        "ln_rmssd": _mean(day.morning_ln_rmssd for day in week),
        "heart_rate_bpm": _mean(day.morning_heart_rate_bpm for day in week),
        "stress": _mean(day.stress for day in week),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _session_points(person: str, day: Day) -> Iterator[Point]:
    for run, relief, company in zip(day.readings.runs, day.reliefs, day.company, strict=True):
        yield _session_point(person, run.session, run_fields(run, relief, company))
    for breathing in day.readings.breathing:
        yield _session_point(person, breathing.session, _of_session(breathing.session) | _breathing(breathing))
    for session in day.readings.quiet:
        yield _session_point(person, session, _of_session(session))


def _session_point(person: str, session: Session, fields: Fields) -> Point:
    return _point(SESSION, (person, str(session.kind)), fields, session.start_ns)


def _of_session(session: Session) -> Fields:
    return {
        "is_open": int(session.is_open),
        "end_ms": session.end_ns // 1_000_000,
        "minutes": session.minutes,
        "origin": str(session.origin),
        "place": session.place,
        "text": session.text,
    }


def _breathing(breathing: BreathingSummary) -> Fields:
    fields: Fields = {
        "coherence": breathing.coherence,
        "respiration_per_min": breathing.respiration_per_min,
    }
    if not breathing.session.is_open:
        fields |= {
            "resonance_per_min": breathing.resonance_per_min,
            "resonance_swing_bpm": breathing.resonance_swing_bpm,
        }
    return fields


def _effort_points(person: str, day: Day) -> Iterator[Point]:
    effort, limits = day.readings.effort, day.live.limits
    for time_ns, bpm in zip(effort.time_ns.tolist(), effort.heart_rate_bpm.tolist(), strict=True):
        fields: Fields = {
            "heart_rate_bpm": bpm,
            "of_max_pct": 100 * bpm / limits.max_heart_rate_bpm,
            "zone": zone_of(bpm, limits, day.live.zones),
        }
        yield _point(EFFORT, (person,), fields, time_ns)


def _stress_points(person: str, day: Day) -> Iterator[Point]:
    rest = day.readings.rest
    confidence = str(day.live.stress.confidence)
    rows = zip(rest.time_ns.tolist(), day.stress.tolist(), rest.sqrt_si.tolist(), strict=True)
    for time_ns, stress, sqrt_si in rows:
        if day.readings.start_ns < time_ns <= day.readings.end_ns:
            told: Fields = {"stress": stress, "band": band_of(stress), "confidence": confidence}
            told["sqrt_si"] = sqrt_si
            yield _point(STRESS, (person,), told, time_ns)


def _relief_points(person: str, day: Day) -> Iterator[Point]:
    for effect in day.effects:
        fields: Fields = {
            "verdict": effect.verdict or effect.reason,
            "run_days": effect.n_run,
            "other_days": effect.n_other,
            "difference": effect.difference,
            "low": effect.low,
            "high": effect.high,
        }
        yield _point(RELIEF, (person, f"{effect.days}d"), fields, day.readings.start_ns)


def _point(measurement: Measurement, tags: tuple[str, ...], fields: Fields, time_ns: int) -> Point:
    """A valid point of the fields that have a value, each in its type."""
    known: dict[str, FieldValue] = {"valid": 1}
    for name, value in fields.items():
        if value is not None and not (isinstance(value, float) and not math.isfinite(value)):
            known[name] = _CASTS[measurement.field(name).type](value)
    return Point(measurement, tags, known, time_ns)
