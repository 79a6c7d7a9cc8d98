"""What tests of mornings share: a person's days from figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pipeline.scores.baseline import kept_of
from pipeline.scores.readiness import Load, Readiness, readiness_of
from pipeline.scores.readings import DayFacts, MorningReading

FIRST = date(2026, 1, 1)

Morning = tuple[float, float] | None
"""ln RMSSD and heart rate, bpm."""


def reading(ln_rmssd: float, heart_rate_bpm: float) -> MorningReading:
    return MorningReading(0, 240_000_000_000, ln_rmssd, heart_rate_bpm, seconds=180.0, artifact_pct=0.0)


def facts_of(mornings: Sequence[Morning], first: date = FIRST) -> list[DayFacts]:
    """The facts of consecutive days."""
    facts: list[DayFacts] = []
    for day, morning in enumerate(mornings):
        ln_rmssd, heart_rate_bpm = morning or (None, None)
        facts.append(
            DayFacts(
                first + timedelta(day),
                morning_ln_rmssd=ln_rmssd,
                morning_heart_rate_bpm=heart_rate_bpm,
                reference_ln_rmssd=kept_of(ln_rmssd, [each.reference_ln_rmssd for each in facts]),
                reference_heart_rate_bpm=kept_of(heart_rate_bpm, [each.reference_heart_rate_bpm for each in facts]),
            )
        )
    return facts


def judged(mornings: Sequence[Morning], loads: Sequence[Load | None] | None = None) -> list[Readiness]:
    """The readiness of each of these consecutive days."""
    facts = facts_of(mornings)
    return [
        readiness_of(
            reading(*morning) if morning else None,
            "" if morning else "no morning measurement",
            facts[:day],
            FIRST + timedelta(day),
            loads[day] if loads else None,
        )
        for day, morning in enumerate(mornings)
    ]
