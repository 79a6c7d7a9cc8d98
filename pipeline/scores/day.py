"""A person's day: read from its trace, judged by the days before it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.model import MarkerKind
from pipeline.scores.baseline import kept_of, reference_of
from pipeline.scores.breathing import summarize_breathing
from pipeline.scores.effort import effort_of
from pipeline.scores.goals import GoalProgress, progress_of
from pipeline.scores.load import TrainingLoad, training_load
from pipeline.scores.local_days import DAY, hour_of, start_of
from pipeline.scores.morning import morning_of
from pipeline.scores.profile import DatedProfile, Limits, Profile, ZoneMethod, limits_of, profile_on
from pipeline.scores.readiness import Load, Readiness, readiness_of
from pipeline.scores.readings import DayFacts, DayReadings, Relief, RestLevel, RestMinutes, RunFacts, Session
from pipeline.scores.relief import (
    MIN_DAYS,
    SETTLED_AFTER_NS,
    ReliefByKind,
    RunDayEffect,
    relief_by_kind,
    relief_of_run,
    run_days_against_others,
    stress_of_day,
)
from pipeline.scores.rest import rest_minutes
from pipeline.scores.routine import Routine, routine_of
from pipeline.scores.run import summarize_run
from pipeline.scores.score import PROVISIONAL_FROM
from pipeline.scores.sessions import Said, sessions_of
from pipeline.scores.stress import StressReference, stress_of, stress_reference
from pipeline.scores.together import Company, runs_together
from pipeline.scores.trace import MINUTE_NS, Trace

BEFORE_NS, AFTER_NS = 180 * MINUTE_NS, 360 * MINUTE_NS
"""How far a day sees beyond its midnights: for what was before an early run, and for a late one that goes on."""

HISTORY_DAYS = 400
"""Days before a day that it is judged by; the longest memory is that of the streak of weeks."""


@dataclass(frozen=True, slots=True)
class LiveReference:
    """What turns a person's values of this moment into zone and stress."""

    limits: Limits
    zones: ZoneMethod
    stress: StressReference
    effort_until_ns: int = 0  # until then the heart tells of a run, and stress is not told


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """All that is known of a day, once it is judged."""

    readings: DayReadings
    facts: DayFacts
    live: LiveReference
    stress: NDArray[np.float64]  # of each of the readings' minutes at rest
    stress_reason: str  # why the day has no stress; empty where it has
    reliefs: tuple[Relief, ...]  # of each run
    company: tuple[Company, ...]  # of each run
    readiness: Readiness
    load: TrainingLoad
    effects: tuple[RunDayEffect, ...]  # by the days looked back on
    by_kind: ReliefByKind
    routine: Routine
    goals: tuple[GoalProgress, ...]
    week: tuple[DayFacts, ...]  # of this ISO week so far, this day included
    heart_rate_ceiling_bpm: float | None  # what the person wants to stay below


def limits_on(day: date, profile: Profile, history: Sequence[DayFacts]) -> Limits:
    """The limits of a day: resting heart rate as told, or the reference of the mornings once it is provisional."""
    reference = reference_of([facts.reference_heart_rate_bpm for facts in history])
    measured = reference is not None and reference.days >= PROVISIONAL_FROM
    return limits_of(profile, day, reference.mean if reference is not None and measured else None)


def read_day(
    day: date, trace: Trace, said: Sequence[Said], profiles: Sequence[DatedProfile], history: Sequence[DayFacts]
) -> DayReadings:
    """What a day gave.

    Args:
        day: the local day.
        trace: from `BEFORE_NS` before it to `AFTER_NS` after it.
        said: the person's markers, in order of receipt.
        profiles: the person's, dated.
        history: the facts of the days before, without holes (see `without_holes`).
    """
    start_ns, end_ns = start_of(day, profiles), start_of(day + DAY, profiles)
    profile = profile_on(profiles, day)
    limits = limits_on(day, profile, history)
    near = sessions_of(said, trace, limits, start_ns, (start_ns - BEFORE_NS, end_ns + AFTER_NS))
    sessions = [session for session in near if start_ns <= session.start_ns < end_ns]
    runs = [session for session in sessions if session.kind is MarkerKind.RUN]
    morning, reason = morning_of(sessions, said, trace)
    age = None if profile.birth_year is None else day.year - profile.birth_year
    return DayReadings(
        day=day,
        start_ns=start_ns,
        end_ns=end_ns,
        rest=rest_minutes(trace, limits, [session for session in near if session.kind is MarkerKind.RUN]),
        morning=morning,
        morning_reason=reason,
        runs=tuple(summarize_run(trace, run, limits, profile, age) for run in runs),
        effort=effort_of(trace, runs),
        breathing=tuple(summarize_breathing(trace, each) for each in sessions if each.kind is MarkerKind.BREATHING),
        quiet=tuple(each for each in sessions if each.kind in {MarkerKind.MORNING, MarkerKind.REST}),
    )


def judge_day(
    readings: DayReadings,
    profiles: Sequence[DatedProfile],
    history: Sequence[DayFacts],
    others: Mapping[str, Sequence[Session]] | None = None,
) -> Day:
    """Judge what a day gave by the days before it.

    Args:
        readings: of the day.
        profiles: the person's, dated.
        history: the facts of the days before, without holes.
        others: the runs of other people around that day, by person.
    """
    profile = profile_on(profiles, readings.day)
    judged = _judge(readings, profiles, history)
    known = (*history, judged.facts)
    together = runs_together({"": [run.session for run in readings.runs], **(others or {})})
    return Day(
        readings=readings,
        facts=judged.facts,
        live=LiveReference(
            limits_on(readings.day, profile, history),
            profile.zones,
            judged.reference,
            max((run.session.end_ns + SETTLED_AFTER_NS for run in readings.runs), default=0),
        ),
        stress=judged.stress,
        stress_reason="" if judged.facts.stress is not None else "too few minutes at rest",
        reliefs=judged.reliefs,
        company=together[""],
        readiness=judged.readiness,
        load=training_load([each.load for each in known]),
        effects=tuple(run_days_against_others(known, days) for days in MIN_DAYS),
        by_kind=relief_by_kind([run for each in known for run in each.runs]),
        routine=routine_of(known, readings.day, profile.goals.runs_per_week),
        goals=progress_of(profile.goals, known, readings.day),
        week=tuple(each for each in known if each.day.isocalendar()[:2] == readings.day.isocalendar()[:2]),
        heart_rate_ceiling_bpm=profile.heart_rate_ceiling_bpm,
    )


def facts_of_day(readings: DayReadings, profiles: Sequence[DatedProfile], history: Sequence[DayFacts]) -> DayFacts:
    """What later days need to know of a day; the same as `judge_day` finds, without all that it tells besides."""
    return _judge(readings, profiles, history).facts


class _Judged(NamedTuple):
    reference: StressReference
    stress: NDArray[np.float64]
    reliefs: tuple[Relief, ...]
    readiness: Readiness
    facts: DayFacts


def _judge(readings: DayReadings, profiles: Sequence[DatedProfile], history: Sequence[DayFacts]) -> _Judged:
    reference = stress_reference(history)
    stress = stress_of(readings.rest.heart_rate_bpm, readings.rest.ln_rmssd, reference)
    spans_ns = [(run.session.start_ns, run.session.end_ns) for run in readings.runs]
    reliefs = tuple(relief_of_run(*span, readings.rest.time_ns, stress, spans_ns) for span in spans_ns)
    load_before = _load_before(history)
    readiness = readiness_of(readings.morning, readings.morning_reason, history, readings.day, load_before)
    facts = _facts(readings, profiles, history, stress, reliefs, readiness)
    return _Judged(reference, stress, reliefs, readiness, facts)


def without_holes(history: Iterable[DayFacts], before: date) -> Iterator[DayFacts]:
    """The facts of each day from the first that is known up to, but not including, a day; empty ones fill the holes."""
    expected: date | None = None
    for facts in history:
        while expected is not None and expected < facts.day:
            yield DayFacts(expected)
            expected += DAY
        yield facts
        expected = facts.day + DAY
    while expected is not None and expected < before:
        yield DayFacts(expected)
        expected += DAY


def _load_before(history: Sequence[DayFacts]) -> Load | None:
    """Acute and chronic load of the evening before; None where they are not known yet."""
    load = training_load([facts.load for facts in history])
    return None if load.acute is None or load.chronic is None else Load(load.acute, load.chronic)


def _facts(
    readings: DayReadings,
    profiles: Sequence[DatedProfile],
    history: Sequence[DayFacts],
    stress: NDArray[np.float64],
    reliefs: Sequence[Relief],
    readiness: Readiness,
) -> DayFacts:
    morning = readings.morning
    ln_rmssd = None if morning is None else morning.ln_rmssd
    heart_rate_bpm = None if morning is None else morning.heart_rate_bpm
    return DayFacts(
        day=readings.day,
        morning_ln_rmssd=ln_rmssd,
        morning_heart_rate_bpm=heart_rate_bpm,
        reference_ln_rmssd=kept_of(ln_rmssd, [each.reference_ln_rmssd for each in history]),
        reference_heart_rate_bpm=kept_of(heart_rate_bpm, [each.reference_heart_rate_bpm for each in history]),
        rest=_rest_level(readings.rest_of_day),
        stress=stress_of_day(stress[readings.is_of_day]),
        standing_rise_bpm=readiness.standing_rise_bpm,
        flag=readiness.flag,
        runs=tuple(
            RunFacts(
                start_ns=run.session.start_ns,
                end_ns=run.session.end_ns,
                local_hour=hour_of(run.session.start_ns, profiles),
                minutes=run.minutes,
                load=run.load,
                easy_minutes=run.easy_minutes,
                is_hard=run.is_hard,
                place=run.session.place,
                stress_before=relief.before,
                stress_after=relief.after,
                heart_rate_recovery_60s_bpm=run.heart_rate_recovery_60s_bpm,
                zone_minutes=run.zone_minutes,
            )
            for run, relief in zip(readings.runs, reliefs, strict=True)
        ),
    )


def _rest_level(rest: RestMinutes) -> RestLevel | None:
    if not rest.time_ns.size:
        return None
    return RestLevel(
        minutes=rest.time_ns.size,
        heart_rate_mean_bpm=float(rest.heart_rate_bpm.mean()),
        heart_rate_sd_bpm=float(rest.heart_rate_bpm.std()),
        ln_rmssd_mean=float(rest.ln_rmssd.mean()),
        ln_rmssd_sd=float(rest.ln_rmssd.std()),
    )
