"""Time-domain indices from running sums. Pure.

The sums are kept in raw ticks (1/1024 s), which are integers: adding and removing intervals is exact, so a
window that has slid for a year equals one computed afresh, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ingest.model import MS_PER_TICK


@dataclass(slots=True)
class NnSums:
    """Running sums of NN intervals and of their successive differences."""

    nn_count: int = 0
    nn_sum: int = 0  # ticks
    nn_square_sum: int = 0  # ticks²
    difference_count: int = 0
    difference_square_sum: int = 0  # ticks²

    def add(self, nn_ticks: int, sign: int = 1) -> None:
        """Take an interval in (sign 1) or out (sign -1)."""
        self.nn_count += sign
        self.nn_sum += sign * nn_ticks
        self.nn_square_sum += sign * nn_ticks * nn_ticks

    def add_difference(self, difference_ticks: int, sign: int = 1) -> None:
        """Take a successive difference in (sign 1) or out (sign -1)."""
        self.difference_count += sign
        self.difference_square_sum += sign * difference_ticks * difference_ticks

    def mean_nn_ms(self) -> float:
        """Mean NN interval in ms; nan without intervals."""
        return self.nn_sum / self.nn_count * MS_PER_TICK if self.nn_count else math.nan

    def heart_rate_bpm(self) -> float:
        """Mean heart rate in bpm, 60 000 / mean NN in ms; nan without intervals."""
        return 60_000 / self.mean_nn_ms() if self.nn_count else math.nan

    def sdnn_ms(self) -> float:
        """Standard deviation of the NN intervals in ms, over n - 1; nan below 2 intervals.

        sqrt((n sum x² - (sum x)²) / (n (n - 1))) (Task Force 1996).
        """
        n = self.nn_count
        if n < 2:  # noqa: PLR2004 - n - 1
            return math.nan
        return math.sqrt((n * self.nn_square_sum - self.nn_sum**2) / (n * (n - 1))) * MS_PER_TICK

    def rmssd_ms(self) -> float:
        """Root mean square of the successive differences in ms; nan without differences.

        sqrt(mean (NN[i+1] - NN[i])²) over neighbours only, never across a gap or an artifact (Task Force 1996).
        """
        if not self.difference_count:
            return math.nan
        return math.sqrt(self.difference_square_sum / self.difference_count) * MS_PER_TICK
