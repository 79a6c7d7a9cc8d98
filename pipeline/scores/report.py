"""What people are told of a judged day, as one record; and as it stands on the bus. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipeline.scores.day import Day
from pipeline.scores.points import run_fields
from pipeline.scores.readings import Session
from pipeline.scores.score import Score
from pipeline.scores.stress import band_minutes, band_of
from pipeline.scores.wording import ADVICE, NOT_MEDICAL, RULES

Record = dict[str, Any]


def report_of(person: str, day: Day) -> Record:
    """Everything about a person's day; its last run is None where there was none."""
    return {
        "person": person,
        "day": day.facts.day.isoformat(),
        "readiness": readiness_record(day),
        "stress": _stress(day),
        "last_run": run_records(day)[-1] if day.readings.runs else None,
        "week": _week(day),
        "relief": _relief(day),
        "routine": asdict(day.routine),
        "goals": [
            {"name": goal.name, "target": goal.target, "so_far": goal.so_far, "share_pct": goal.share_pct}
            for goal in day.goals
        ],
        "note": NOT_MEDICAL,
    }


def readiness_record(day: Day) -> Record:
    """The day's readiness as a score, with its advice."""
    readiness = day.readiness
    told = {"advice": readiness.advice, "rule": readiness.rule, "flag": readiness.flag}
    words = {"advice_text": ADVICE.get(readiness.advice, ""), "rule_text": RULES.get(readiness.rule, "")}
    return score_record(readiness.score) | told | words


def score_record(score: Score) -> Record:
    """A score as plain values."""
    return asdict(score) | {"confidence": str(score.confidence), "inputs": dict(score.inputs)}


def run_records(day: Day) -> list[Record]:
    """The day's runs as plain values, in order."""
    rows = zip(day.readings.runs, day.reliefs, day.company, strict=True)
    return [_session(run.session) | run_fields(run, relief, company) for run, relief, company in rows]


def session_records(day: Day) -> list[Record]:
    """All sessions of the day as plain values, in order of their start."""
    quiet = [_session(session) for session in day.readings.quiet]
    breathing = [
        _session(each.session) | {"coherence": each.coherence, "resonance_per_min": each.resonance_per_min}
        for each in day.readings.breathing
    ]
    return sorted([*run_records(day), *quiet, *breathing], key=lambda record: int(record["start_ns"]))


def _session(session: Session) -> Record:
    return {
        "kind": str(session.kind),
        "start_ns": session.start_ns,
        "end_ns": session.end_ns,
        "is_open": session.is_open,
        "minutes": session.minutes,
    }


def _stress(day: Day) -> Record:
    reference = day.live.stress
    value = day.facts.stress
    bands = band_minutes(day.stress[day.readings.is_of_day])
    minutes = dict(zip(("rest", "low", "medium", "high"), bands, strict=True))
    inputs: Mapping[str, float | None] = {
        "rest_minutes": float(sum(minutes.values())),
        "reference_heart_rate_bpm": reference.heart_rate_mean_bpm,
        "reference_ln_rmssd": reference.ln_rmssd_mean,
        "reference_days": float(reference.days),
    }
    state = "" if value is None else band_of(value)
    score = Score(value, state, reference.confidence, inputs, day.stress_reason)
    return score_record(score) | {"minutes": minutes}


def _week(day: Day) -> Record:
    runs = [run for facts in day.week for run in facts.runs]
    return {
        "runs": len(runs),
        "minutes": sum(run.minutes for run in runs),
        "load": sum(run.load for run in runs),
        "easy_minutes": sum(run.easy_minutes for run in runs),
        "acute_load": day.load.acute,
        "chronic_load": day.load.chronic,
        "load_ratio": day.load.acute_chronic_ratio_ewma,
    }


def _relief(day: Day) -> Record:
    return {
        "run_days": [asdict(effect) for effect in day.effects],
        "kinds": asdict(day.by_kind),
    }
