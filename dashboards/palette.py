"""Colours by meaning, and the fixed scales that some quantities are judged by. Pure.

Heart rate variability has no scale here: it is never judged against a population. DFA alpha 1 is no exception: its
two lines tell how hard the effort is, not how good the heart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Colour(StrEnum):
    """Colour by meaning, told apart by colour-blind people too, and never without words."""

    STRAIN = "#D55E00"
    RECOVERY = "#0072B2"
    GOOD = "#009E73"
    CAUTION = "#E69F00"
    POOR = "#CC3311"
    SIGNAL = "#AA4499"
    MISSING = "#888888"
    HARDEST = "#882E0E"  # zone 5, beyond orange


Words = Mapping[str, Colour]
"""The colour of each word that a stored text can be."""


@dataclass(frozen=True, slots=True)
class Step:
    """From this value upwards: a colour and the word that says the same; None is below every value."""

    from_value: float | None
    colour: Colour
    word: str


Scale = tuple[Step, ...]

READINESS: Scale = (
    Step(None, Colour.POOR, "strained"),
    Step(33, Colour.CAUTION, "as usual"),
    Step(66, Colour.GOOD, "recovered"),
)
STRESS: Scale = (
    Step(None, Colour.GOOD, "rest"),
    Step(25, Colour.MISSING, "low"),
    Step(50, Colour.CAUTION, "medium"),
    Step(75, Colour.POOR, "high"),
)
STATES: Words = MappingProxyType(
    {"strained": Colour.POOR, "as usual": Colour.CAUTION, "recovered": Colour.GOOD},
)
ADVICE: Words = MappingProxyType({"rest": Colour.POOR, "easy": Colour.CAUTION, "as planned": Colour.GOOD})
FLAGS: Words = MappingProxyType({"illness": Colour.POOR, "overload": Colour.POOR})
CONFIDENCE: Words = MappingProxyType(
    {"calibrating": Colour.MISSING, "provisional": Colour.CAUTION, "trusted": Colour.GOOD},
)
ZONE_COLOURS = (Colour.MISSING, Colour.RECOVERY, Colour.GOOD, Colour.CAUTION, Colour.HARDEST)
"""Of the zones 1 to 5."""
ZONES: Scale = (
    Step(None, Colour.MISSING, "below zone 1"),
    *(Step(zone, colour, f"zone {zone}") for zone, colour in enumerate(ZONE_COLOURS, 1)),
)
GOAL_PCT: Scale = (Step(None, Colour.MISSING, "on the way"), Step(100, Colour.GOOD, "reached"))

ARTIFACT_PCT: Scale = (Step(None, Colour.GOOD, "good"), Step(2, Colour.CAUTION, "fair"), Step(5, Colour.POOR, "poor"))
COVERAGE_PCT: Scale = (Step(None, Colour.POOR, "poor"), Step(80, Colour.CAUTION, "fair"), Step(95, Colour.GOOD, "good"))
BATTERY_PCT: Scale = (
    Step(None, Colour.POOR, "change it"),
    Step(15, Colour.CAUTION, "low"),
    Step(30, Colour.GOOD, "good"),
)
# The values of groups at their first and second threshold (Rogers 2021); one person's may lie well away from them.
DFA_ALPHA1: Scale = (
    Step(None, Colour.STRAIN, "hard"),
    Step(0.5, Colour.CAUTION, "between"),
    Step(0.75, Colour.GOOD, "easy"),
)
BEAT_AGE_S: Scale = (Step(None, Colour.GOOD, "live"), Step(3, Colour.CAUTION, "late"), Step(10, Colour.POOR, "silent"))
CONNECTED: Scale = (Step(None, Colour.POOR, "not connected"), Step(1, Colour.GOOD, "connected"))

ONLINE: Scale = (Step(None, Colour.POOR, "offline"), Step(1, Colour.GOOD, "online"))
DELAY_S: Scale = (Step(None, Colour.GOOD, "good"), Step(3, Colour.CAUTION, "late"), Step(10, Colour.POOR, "very late"))


def word(value: float, scale: Scale) -> str:
    """What a scale calls a value."""
    return [step.word for step in scale if step.from_value is None or value >= step.from_value][-1]
