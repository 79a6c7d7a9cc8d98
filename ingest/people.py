"""The settings of people: who they are, from when on, and what they want of a week."""

from __future__ import annotations

import zoneinfo
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_STRICT = ConfigDict(extra="forbid", frozen=True)

_MIN_SPAN_BPM = 20


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{name!r} is no time zone, such as Europe/Berlin"
        raise ValueError(message) from error
    return name


class GoalSettings(BaseModel):
    """What a person wants of a week."""

    model_config = _STRICT

    runs_per_week: float | None = Field(None, gt=0, le=50, description="runs")
    minutes_per_week: float | None = Field(None, gt=0, le=10_000, description="minutes of running")
    load_per_week: float | None = Field(None, gt=0, le=10_000, description="load (Banister TRIMP)")
    easy_minutes_per_week: float | None = Field(None, gt=0, le=10_000, description="minutes of running below zone 3")


class PersonFacts(BaseModel):
    """What is told of a person; None where it is not told."""

    model_config = _STRICT

    birth_year: int | None = Field(None, ge=1900, le=2100, description="for the estimate of the maximum heart rate")
    sex: Literal["female", "male"] | None = Field(None, description="`female` or `male`, as the formula of load asks")
    resting_heart_rate_bpm: float | None = Field(
        None, ge=25, le=120, description="resting heart rate; without it, that of the mornings"
    )
    max_heart_rate_bpm: float | None = Field(
        None, ge=100, le=240, description="measured maximum heart rate; without it, 208 - 0.7 age (Tanaka 2001)"
    )
    heart_rate_ceiling_bpm: float | None = Field(
        None, ge=60, le=240, description="heart rate to stay below, for the alert of the boards; without it, none"
    )
    weight_kg: float | None = Field(None, ge=20, le=300, description="weight, for the estimate of energy")
    zones: Literal["reserve", "maximum"] | None = Field(
        None, description="zones as shares of the heart-rate `reserve` (Karvonen, the default) or of the `maximum`"
    )
    time_zone: Annotated[str, AfterValidator(_known_zone)] | None = Field(
        None, description="time zone that the person's days follow, such as `Europe/Berlin`; without it, UTC"
    )
    goals: GoalSettings | None = Field(None, description="what the person wants of a week, a table of its own")

    @model_validator(mode="after")
    def _ends_in_order(self) -> PersonFacts:
        resting_bpm, max_bpm = self.resting_heart_rate_bpm, self.max_heart_rate_bpm
        if resting_bpm is not None and max_bpm is not None and max_bpm < resting_bpm + _MIN_SPAN_BPM:
            message = f"max_heart_rate_bpm must be {_MIN_SPAN_BPM} or more above resting_heart_rate_bpm"
            raise ValueError(message)
        return self


class Change(PersonFacts):
    """What is different from a day on; all else stays as it was."""

    since: date = Field(description="the first day on which it holds, such as 2026-06-01")


class PersonSettings(PersonFacts):
    """One person: as they are at first, and what has changed since."""

    changes: tuple[Change, ...] = Field((), description="what is different from a day on, one table each")

    @model_validator(mode="after")
    def _changes_fit(self) -> PersonSettings:
        self.facts()
        return self

    def facts(self) -> list[tuple[date, PersonFacts]]:
        """The person as they are from each day on, in order of time; the first from the first day that there is."""
        known = {name: getattr(self, name) for name in PersonFacts.model_fields}
        dated = [(date.min, PersonFacts(**known))]
        for change in sorted(self.changes, key=lambda change: change.since):
            known |= {name: getattr(change, name) for name in change.model_fields_set - {"since"}}
            dated.append((change.since, PersonFacts(**known)))
        return dated
