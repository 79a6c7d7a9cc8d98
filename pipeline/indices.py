"""Which indices a window gives, by the names under which they are stored and shown, and whether it may. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from pipeline.frequency import Bands, Spectrum, bands, lomb_scargle, welch, welch_of_each
from pipeline.nonlinear import dfa_alpha1, sample_entropy
from pipeline.respiration import coherence_of, respiration_of
from pipeline.time_domain import TimeDomain, sqrt_stress_index
from pipeline.windows import Window

MIN_COVERAGE_PCT = 80.0
MAX_ARTIFACT_PCT = 5.0

Indices = dict[str, float]

# Not asdict, which copies deeply: ten times slower, and this runs for every window.
_TIME_NAMES = tuple(each.name for each in fields(TimeDomain) if each.name != "nn_count")
_BAND_NAMES = tuple(each.name for each in fields(Bands))


def reason_for_none(window: Window) -> str:
    """Why a window gives no index: `coverage` below 80 %, `artifacts` above 5 %; empty if it does."""
    if window.coverage_pct < MIN_COVERAGE_PCT:
        return "coverage"
    if window.artifact_pct > MAX_ARTIFACT_PCT:
        return "artifacts"
    return ""


def time_indices(window: Window) -> Indices:
    """Mean NN and heart rate, RMSSD, ln RMSSD, SDNN, pNN20, pNN50, SD1 and SD2; see `time_domain`."""
    known = window.time_domain
    return {name: getattr(known, name) for name in _TIME_NAMES}


def stress_indices(window: Window) -> Indices:
    """The square root of Baevsky's stress index; see `sqrt_stress_index`."""
    return {"sqrt_si": sqrt_stress_index(window.nn_ms)}


def alpha1_indices(window: Window) -> Indices:
    """DFA alpha 1; see `dfa_alpha1`."""
    return {"dfa_alpha1": dfa_alpha1(window.nn_ms)}


def entropy_indices(window: Window) -> Indices:
    """Sample entropy; see `sample_entropy`."""
    return {"sample_entropy": sample_entropy(window.nn_ms)}


Part = Callable[[Window], Indices]


@dataclass(frozen=True, slots=True)
class SpectralPart:
    """A part that is read from a window's spectrum, which is computed once for all such parts and for many windows."""

    read: Callable[[Spectrum, Window], Indices]

    def __call__(self, window: Window) -> Indices:
        """What the part gives for one window alone."""
        return self.read(welch(window.time_s, window.nn_ms), window)


def _band_indices(spectrum: Spectrum, _: Window) -> Indices:
    found = bands(spectrum)
    return {name: getattr(found, name) for name in _BAND_NAMES}


def _respiration_indices(spectrum: Spectrum, window: Window) -> Indices:
    found = respiration_of(spectrum, window.time_s, window.nn_ms)
    return {"respiration_per_min": found.rate_per_min, "respiration_prominence": found.prominence}


def _coherence_indices(spectrum: Spectrum, _: Window) -> Indices:
    return {"coherence": coherence_of(spectrum)}


spectral_indices = SpectralPart(_band_indices)
"""Band powers, ratios and peaks; see `welch` and `bands`."""

respiration_indices = SpectralPart(_respiration_indices)
"""Respiration rate and the prominence of its peak; see `respiration_rate`."""

coherence_indices = SpectralPart(_coherence_indices)
"""Coherence; see `coherence`."""


def spectral_indices_by_lomb(window: Window) -> Indices:
    """The same as `spectral_indices`, by Lomb and Scargle's method; see `lomb_scargle`."""
    return _band_indices(lomb_scargle(window.time_s, window.nn_ms), window)


def indices_of_each(windows: Sequence[Window], parts: Sequence[Sequence[Part]]) -> list[Indices]:
    """What its parts give for each window; the spectra of all that need one are computed together."""
    needing = [i for i, of_window in enumerate(parts) if any(isinstance(part, SpectralPart) for part in of_window)]
    needed = welch_of_each([windows[i].time_s for i in needing], [windows[i].nn_ms for i in needing])
    spectra = dict(zip(needing, needed, strict=True))
    found: list[Indices] = []
    for i, (window, of_window) in enumerate(zip(windows, parts, strict=True)):
        indices: Indices = {}
        for part in of_window:
            indices |= part.read(spectra[i], window) if isinstance(part, SpectralPart) else part(window)
        found.append(indices)
    return found


ALL_PARTS: tuple[Part, ...] = (
    time_indices,
    stress_indices,
    spectral_indices,
    respiration_indices,
    coherence_indices,
    alpha1_indices,
    entropy_indices,
)
"""Everything, for a file or a stretch of one."""

LIVE_PARTS: Mapping[int, tuple[Part, ...]] = MappingProxyType(
    {
        60: (time_indices, coherence_indices),
        120: (time_indices, alpha1_indices, respiration_indices),
        300: (time_indices, stress_indices, spectral_indices),
    }
)
"""What each live window is long enough for, by its span in s."""

ENTROPY_SPAN_S, ENTROPY_EVERY_S = 300, 60
"""Sample entropy costs as the square of the beats, so it is read out once a minute."""

SMOOTHED_OVER_S = 30
_MIN_SMOOTHED = 3


@dataclass(slots=True)
class SmoothedAlpha1:
    """Mean of the alpha 1 values of the last 30 s.

    One window's alpha 1 scatters by about 0.05, so a change of zone is read from this mean and not from one value.
    """

    _recent: deque[tuple[int, float]] = field(default_factory=deque)

    def snapshot(self) -> list[tuple[int, float]]:
        """The values that it holds, as plain values for JSON."""
        return list(self._recent)

    @classmethod
    def restore(cls, snapshot: list[list[Any]]) -> SmoothedAlpha1:
        """The mean that a snapshot was taken of."""
        return cls(deque((time_ns, alpha1) for time_ns, alpha1 in snapshot))

    def step(self, time_ns: int, alpha1: float) -> float:
        """The mean with this value; nan below three values in 30 s, or where this one is nan."""
        while self._recent and self._recent[0][0] <= time_ns - SMOOTHED_OVER_S * 1_000_000_000:
            self._recent.popleft()
        if math.isnan(alpha1):
            return math.nan
        self._recent.append((time_ns, alpha1))
        values = [value for _, value in self._recent]
        return math.fsum(values) / len(values) if len(values) >= _MIN_SMOOTHED else math.nan
