"""Time-domain indices from running sums. Pure.

Intervals are counted in 1/128 ms: a strap's tick is 125 of these and a millisecond 128, so both are whole numbers, the
sums are integers, and a window that has slid for a year equals one computed afresh, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.time_domain import UNITS_PER_MS, TimeDomain, from_moments

_20_MS, _50_MS = 20 * UNITS_PER_MS, 50 * UNITS_PER_MS


def to_units(nn_ms: float) -> int:
    """An interval in 1/128 ms, to the nearest: 4 µs at most are rounded away, of computed intervals only."""
    return round(nn_ms * UNITS_PER_MS)


@dataclass(slots=True)
class NnSums:
    """Running sums of NN intervals and of their successive differences, in 1/128 ms."""

    count: int = 0
    total: int = 0
    square_total: int = 0
    differences: int = 0
    difference_total: int = 0
    difference_square_total: int = 0
    above_20_ms: int = 0
    above_50_ms: int = 0

    def add(self, nn_units: int, sign: int = 1) -> None:
        """Take an interval in (sign 1) or out (sign -1)."""
        self.count += sign
        self.total += sign * nn_units
        self.square_total += sign * nn_units * nn_units

    def add_difference(self, units: int, sign: int = 1) -> None:
        """Take a successive difference in (sign 1) or out (sign -1)."""
        self.differences += sign
        self.difference_total += sign * units
        self.difference_square_total += sign * units * units
        if not -_20_MS <= units <= _20_MS:
            self.above_20_ms += sign
            if not -_50_MS <= units <= _50_MS:
                self.above_50_ms += sign

    def time_domain(self) -> TimeDomain:
        """What `time_domain.time_domain` gives for the same intervals, to within rounding."""
        n, n_d = self.count, self.differences
        mean_nn_ms = self.total / n / UNITS_PER_MS if n else math.nan
        rmssd_ms = math.sqrt(self.difference_square_total / n_d) / UNITS_PER_MS if n_d else math.nan
        variance = _variance(n, self.total, self.square_total)
        variance_of_differences = _variance(n_d, self.difference_total, self.difference_square_total)
        above_20, above_50 = (100 * above / n_d if n_d else math.nan for above in (self.above_20_ms, self.above_50_ms))
        return from_moments(n, mean_nn_ms, variance, rmssd_ms, variance_of_differences, (above_20, above_50))


def _variance(n: int, total: int, square_total: int) -> float:
    """Variance over n - 1 in ms²; nan below 2 values."""
    if n < 2:  # noqa: PLR2004 - n - 1
        return math.nan
    return (n * square_total - total * total) / (n * (n - 1)) / UNITS_PER_MS**2
