"""A person's own running reference, which no single day can swing. Pure.

What is kept of a day is its value clipped to the reference of the days before; the next reference is made of what was
kept. So the recursion has no state but the kept values, and any day can be computed again from the facts before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.scores.score import TRUSTED_FROM

WINDOW_DAYS = 60
"""Days before a day that its reference is made of: Altini's normal range."""

CLIP_SD = 2.0
"""How far from a trusted mean a value may lie and still count in full. Own."""

SD_FLOOR = 0.01
"""Least SD, as a share of the mean (of 1, for a mean below that): 0.04 of ln RMSSD, 0.6 bpm. Own.

The real mornings in tests/data vary by 4 % and more, so only values that are as good as constant reach it.
"""

STALE_AFTER_DAYS = 14
"""Days without a reading after which a reference says nothing of today. Own."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Mean and SD of the values kept of a person's days with a reading, and how many those are (at least one)."""

    mean: float
    sd: float  # over n - 1, at least SD_FLOOR of the mean
    days: int

    @property
    def is_trusted(self) -> bool:
        """Whether it stands on 14 days or more."""
        return self.days >= TRUSTED_FROM

    def z(self, value: float) -> float:
        """How many SD a value lies above the mean."""
        return (value - self.mean) / self.sd

    def at(self, sds: float) -> float:
        """The value that lies so many SD above the mean."""
        return self.mean + sds * self.sd


def reference_of(values: Sequence[float | None]) -> Reference | None:
    """The reference of the day after the last of these.

    Args:
        values: what was kept of the days before (see `kept_of`), one a day, oldest first; None for a day without a
            reading. The last 60 count.

    Returns:
        Mean and SD of those that there are; None where there is none. One alone has the least SD.
    """
    known = [value for value in values[-WINDOW_DAYS:] if value is not None]
    if not known:
        return None
    mean = math.fsum(known) / len(known)
    squares = math.fsum((value - mean) ** 2 for value in known)
    sd = math.sqrt(squares / (len(known) - 1)) if len(known) > 1 else 0.0
    return Reference(mean, max(sd, SD_FLOOR * max(abs(mean), 1.0)), len(known))


def winsorised(value: float, reference: Reference | None) -> float:
    """The value clipped to mean ± 2 SD of a trusted reference; as it is without one."""
    if reference is None or not reference.is_trusted:
        return value
    return min(max(value, reference.at(-CLIP_SD)), reference.at(CLIP_SD))


def kept_of(value: float | None, before: Sequence[float | None]) -> float | None:
    """What is kept of a day: its value, winsorised against the days that will stand beside it in the next reference.

    Those are the last 59 before it. Their mean m and SD s, of n values, move by it to (n m + kept) / (n + 1): by at
    most 2 s / (n + 1), which is 0.134 s for n = 14, the fewest that are trusted.

    Args:
        value: as measured; None for a day without a reading.
        before: what was kept of the days before, one a day, oldest first.
    """
    return None if value is None else winsorised(value, reference_of(before[-(WINDOW_DAYS - 1) :]))


def is_stale(values: Sequence[float | None]) -> bool:
    """Whether the last 14 days, given as to `reference_of`, are without a reading."""
    return all(value is None for value in values[-STALE_AFTER_DAYS:])
