"""From what the settings say of people to the profiles that their days are judged with. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.people import PersonFacts, PersonSettings
from pipeline.scores.profile import DatedProfile, Goals, Profile, Sex, ZoneMethod


def profiles_of(people: Mapping[str, PersonSettings]) -> dict[str, tuple[DatedProfile, ...]]:
    """The dated profiles of each person; what is not told has its default."""
    return {
        name: tuple(DatedProfile(since, _profile(facts)) for since, facts in person.facts())
        for name, person in people.items()
    }


def _profile(facts: PersonFacts) -> Profile:
    return Profile(
        birth_year=facts.birth_year,
        sex=None if facts.sex is None else Sex(facts.sex),
        resting_heart_rate_bpm=facts.resting_heart_rate_bpm,
        max_heart_rate_bpm=facts.max_heart_rate_bpm,
        heart_rate_ceiling_bpm=facts.heart_rate_ceiling_bpm,
        weight_kg=facts.weight_kg,
        zones=ZoneMethod(facts.zones or ZoneMethod.RESERVE),
        time_zone=facts.time_zone or "UTC",
        goals=Goals() if facts.goals is None else Goals(**facts.goals.model_dump()),
    )
