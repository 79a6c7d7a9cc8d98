"""Every text about scores that a person sees, in one place. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOT_MEDICAL = (
    "Strapline is for wellness and training; it is no medical device. Its scores describe recordings of a heart-rate"
    " strap and diagnose nothing. If you feel ill or are in doubt, heed that and ask a physician, whatever they say."
)

STRESS_BANDS = ("rest", "low", "medium", "high")
"""From the lowest stress to the highest."""

READINESS_BANDS = ("strained", "as usual", "recovered")
"""From the lowest readiness to the highest."""

REST, EASY, AS_PLANNED = "rest", "easy", "as planned"

ADVICE: Mapping[str, str] = MappingProxyType(
    {
        REST: "Rest today: no training, or a walk.",
        EASY: "Keep it easy today: short, in zones 1 and 2, or another day's session.",
        AS_PLANNED: "Train as planned.",
    }
)
"""What each advice says in full."""

RULES: Mapping[str, str] = MappingProxyType(
    {
        "illness-like": "resting heart rate well up and ln RMSSD well down, as when an illness begins; a short night,"
        " alcohol or heat look the same",
        "overload-like": "resting heart rate up and ln RMSSD down for two mornings, with far more load of late than"
        " is usual",
        "week below range": "the 7-day mean of ln RMSSD lies below your normal range",
        "today below range": "today's ln RMSSD lies below your normal range",
        "week above range": "the 7-day mean of ln RMSSD lies above your normal range, with a low resting heart rate:"
        " that can be tiredness too, and is not good of itself",
        "unsteady week": "ln RMSSD varies more than in the week before, and its 7-day mean falls",
        "low score": "ln RMSSD lies within your normal range, and yet all signs together are low",
        "within range": "ln RMSSD lies within your normal range or above it, and nothing else stands out",
    }
)
"""What each rule of the readiness has seen, by its name."""

BANDS_IN_USE = "normal range: mean ± 0.75 SD of the mornings of 60 days"
BANDS_BESIDE = "smallest worthwhile change: mean ± 0.5 SD of the same mornings"

NO_MORNING = "no morning measurement"
STALE = "no morning measurement in the 14 days before"


def too_few_mornings(days: int) -> str:
    """Why there is no readiness while it calibrates."""
    return f"fewer than 4 mornings before this one: {days}"


LIKE: Mapping[str, str] = MappingProxyType(
    {
        "stress": "watch-like: its scale is the one that watches show, its formula is Strapline's own",
        "readiness": "Strapline's own: no standard exists, so every contribution is shown",
        "sqrt_si": "Kubios-like: the square root of Baevsky's index, without Kubios' detrending",
        "coherence": "HeartMath-like: a published ratio; HeartMath's own score is not published",
    }
)
"""Which known figure each of ours resembles, and how it differs."""
