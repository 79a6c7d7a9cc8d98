"""What the first level says of a stretch of a person's time, as columns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
MOMENT_NS = 5 * SECOND_NS
"""Indices are known for each full 5 s of Unix time."""

COLUMNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "artifact_pct": ("60s", "artifact_pct"),
        "coverage_pct": ("60s", "coverage_pct"),
        "nn_count": ("60s", "nn_count"),
        "mean_hr_bpm": ("60s", "mean_hr_bpm"),
        "rmssd_ms": ("60s", "rmssd_ms"),
        "coherence": ("60s", "coherence"),
        "dfa_alpha1": ("120s", "dfa_alpha1"),
        "dfa_alpha1_smoothed": ("120s", "dfa_alpha1_smoothed"),
        "respiration_per_min": ("120s", "respiration_per_min"),
        "sqrt_si": ("300s", "sqrt_si"),
    }
)
"""The columns of a trace: window and field of the `hrv` measurement that each comes from."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Heart rate of each second and indices of each 5 s, in order of time; where nothing is known there is no row.

    Every column of `moments` is as long as `moment_ns`; a value that is not known is nan. The indices of a moment are
    those of the windows that end there: mean heart rate and RMSSD of the 60 s before it, DFA alpha 1 and respiration of
    120 s, sqrt SI of 300 s; too little data or too many artifacts give nan.
    """

    second_ns: NDArray[np.int64]  # full seconds of Unix time
    heart_rate_bpm: NDArray[np.float64]  # from RR intervals of the 5 s before, never the strap's own figure
    moment_ns: NDArray[np.int64]  # full 5 s of Unix time
    moments: Mapping[str, NDArray[np.float64]]  # by the names of COLUMNS

    def between(self, start_ns: int, end_ns: int) -> Trace:
        """The rows with start <= time < end."""
        first, last = np.searchsorted(self.second_ns, (start_ns, end_ns))
        first_moment, last_moment = np.searchsorted(self.moment_ns, (start_ns, end_ns))
        moments = slice(first_moment, last_moment)
        return Trace(
            self.second_ns[first:last],
            self.heart_rate_bpm[first:last],
            self.moment_ns[moments],
            {name: column[moments] for name, column in self.moments.items()},
        )
