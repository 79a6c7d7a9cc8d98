"""Who a person is: what turns heart rates into zones, load and energy. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple


class Sex(StrEnum):
    """As the published formulas of load and energy tell apart."""

    FEMALE = "female"
    MALE = "male"


class ZoneMethod(StrEnum):
    """What a heart-rate zone is a share of."""

    RESERVE = "reserve"  # Karvonen: of the way from resting to maximum heart rate
    MAXIMUM = "maximum"


@dataclass(frozen=True, slots=True)
class Goals:
    """What a person wants of a week; None where it is no goal."""

    runs_per_week: float | None = None
    minutes_per_week: float | None = None
    load_per_week: float | None = None  # Banister TRIMP
    easy_minutes_per_week: float | None = None  # in zones 1 and 2


@dataclass(frozen=True, slots=True)
class Profile:
    """A person as they are from one day on."""

    birth_year: int | None = None
    sex: Sex | None = None
    resting_heart_rate_bpm: float | None = None  # measured; None: taken from the mornings
    max_heart_rate_bpm: float | None = None  # measured; None: estimated from the age
    heart_rate_ceiling_bpm: float | None = None  # what the person wants to stay below
    weight_kg: float | None = None
    zones: ZoneMethod = ZoneMethod.RESERVE
    time_zone: str = "UTC"
    goals: Goals = field(default_factory=Goals)


class DatedProfile(NamedTuple):
    """A profile and the local day from which it holds."""

    since: date
    profile: Profile


def profile_on(profiles: Sequence[DatedProfile], day: date) -> Profile:
    """The profile in force on a day: the last that begins on it or before; the plain one where there is none."""
    in_force = [dated for dated in profiles if dated.since <= day]
    return max(in_force, key=lambda dated: dated.since).profile if in_force else Profile()


@dataclass(frozen=True, slots=True)
class Limits:
    """The two ends of a person's heart rate on a day, and where each comes from."""

    resting_heart_rate_bpm: float
    max_heart_rate_bpm: float
    resting_is_assumed: bool  # True: neither told nor measured
    max_is_estimated: bool  # True: from the age (Tanaka 2001), or from a common age

    def reserve(self, heart_rate_bpm: float) -> float:
        """Share of the way from resting to maximum heart rate (Karvonen 1957), neither end clipped."""
        span_bpm = self.max_heart_rate_bpm - self.resting_heart_rate_bpm
        return (heart_rate_bpm - self.resting_heart_rate_bpm) / span_bpm


ASSUMED_RESTING_BPM = 65.0
"""60 000 / 926 ms, the mean NN interval of short recordings at rest (Nunan 2010), rounded."""

ASSUMED_AGE = 40


def limits_of(profile: Profile, day: date, measured_resting_bpm: float | None = None) -> Limits:
    """The limits on a day.

    Args:
        profile: the profile in force.
        day: for the age.
        measured_resting_bpm: from the person's own mornings, used where the profile says nothing; None if not known.

    Returns:
        Maximum heart rate as told, else 208 - 0.7 age (Tanaka 2001); at least 20 bpm above the resting one.
    """
    told = profile.resting_heart_rate_bpm
    resting_bpm = next((bpm for bpm in (told, measured_resting_bpm) if bpm is not None), ASSUMED_RESTING_BPM)
    age = ASSUMED_AGE if profile.birth_year is None else day.year - profile.birth_year
    max_bpm = 208 - 0.7 * age if profile.max_heart_rate_bpm is None else profile.max_heart_rate_bpm
    return Limits(
        resting_heart_rate_bpm=resting_bpm,
        max_heart_rate_bpm=max(max_bpm, resting_bpm + 20),
        resting_is_assumed=told is None and measured_resting_bpm is None,
        max_is_estimated=profile.max_heart_rate_bpm is None,
    )
