"""Colours by meaning, and the fixed scales that some quantities are judged by. Pure.

Heart rate variability has no scale here: it is never judged against a population. DFA alpha 1 is no exception: its
two lines tell how hard the effort is, not how good the heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """Colour by meaning, told apart by colour-blind people too, and never without words."""

    STRAIN = "#D55E00"
    RECOVERY = "#0072B2"
    GOOD = "#009E73"
    CAUTION = "#E69F00"
    POOR = "#CC3311"
    SIGNAL = "#AA4499"
    MISSING = "#888888"


@dataclass(frozen=True, slots=True)
class Step:
    """From this value upwards: a colour and the word that says the same; None is below every value."""

    from_value: float | None
    colour: Colour
    word: str


Scale = tuple[Step, ...]

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
