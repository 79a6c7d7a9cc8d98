"""What every score has in common: a value or a reason for none, and how far it may be trusted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

PROVISIONAL_FROM, TRUSTED_FROM = 4, 14
"""Days with a reading in a person's reference from which its scores are provisional, and trusted."""


class Confidence(StrEnum):
    """How far a score stands on the person's own days."""

    CALIBRATING = "calibrating"
    PROVISIONAL = "provisional"
    TRUSTED = "trusted"


def confidence_of(days: int) -> Confidence:
    """The confidence in a reference of that many days with a reading: below 4 calibrating, from 14 on trusted."""
    if days < PROVISIONAL_FROM:
        return Confidence.CALIBRATING
    return Confidence.PROVISIONAL if days < TRUSTED_FROM else Confidence.TRUSTED


@dataclass(frozen=True, slots=True)
class Score:
    """One score of a person."""

    value: float | None  # 0 to 100; None: there is none, and `reason` says why
    state: str  # the value's band in a word; empty without a value
    confidence: Confidence
    inputs: Mapping[str, float | None] = field(default_factory=dict)  # what it was made of, by name with unit
    reason: str = ""  # why there is no value; empty where there is one
