"""Breathing rate from respiratory sinus arrhythmia, and heart-rhythm coherence. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.frequency import END_HZ, SAMPLE_HZ, TRANSFORM_SAMPLES, VLF_HZ, Spectrum, peak_at, welch

MIN_SPAN_S = 58.0
"""Shortest span for a value, s: a window of 60 s less what a beat leaves open at its end."""

SLOWEST_HZ, SLOW_HZ, FASTEST_HZ = 0.06, 0.15, 0.55
"""Breathing is looked for from 3.6 to 33 per minute. Below 9 per minute it shares its band with the slow waves of
blood pressure near 0.1 Hz, and more is asked of a peak."""
WIDEST_HZ = 1.0
"""A peak faster than `FASTEST_HZ`, up to here, means that what is slower is not the breath."""

MIN_PROMINENCE = 0.55
MIN_SLOW_PROMINENCE = 0.85
MIN_SLOW_POWER_MS2 = 1500.0
"""More than three SDs above the usual LF power at rest, 519 +- 291 ms² (Nunan 2010): slow waves alone hardly reach it
in one peak, slow deep breathing exceeds it."""
MAX_HALF_RATIO = 2.0
"""More power than so many times the peak's, at half its frequency: it may be the harmonic of a breath that slow waves
hide."""

COHERENCE_PEAK_HZ = (0.04, 0.26)
COHERENCE_TOTAL_HZ = (VLF_HZ, END_HZ)

_COHERENCE_HALF_WIDTH_HZ = 0.015
_HALF_WIDTH_HZ = 0.035
_MIN_ALIAS_RATIO = 3.0
_HARMONIC_WITHIN_HZ = 0.024
_MIN_HARMONIC_RATIO = 0.4
_STEP_HZ = SAMPLE_HZ / TRANSFORM_SAMPLES


@dataclass(frozen=True, slots=True)
class Respiration:
    """Breathing rate and how far its peak stands out."""

    rate_per_min: float
    """nan where no peak can be trusted."""
    prominence: float
    """Share of its band's power that lies around the peak, 0 to 1; nan with too little data."""


@dataclass(frozen=True, slots=True)
class _Peak:
    at_hz: float
    power_ms2: float
    share: float


def respiration_rate(time_s: NDArray[np.float64], nn_ms: NDArray[np.float64]) -> Respiration:
    """Breathing rate from the rhythm that breathing gives to the heart (respiratory sinus arrhythmia).

    The largest peak, refined by a parabola, of the spectrum of the intervals (4 Hz, cubic; as `frequency.welch`).
    It counts if the power within 0.035 Hz is at least 55 % of all from 0.15 Hz to half the heart rate.
    A peak below 0.15 Hz counts only without such a one above it (a weak multiple of it is its own harmonic), with
    85 % of all the power from 0.0033 Hz on, and more of it than slow waves of blood pressure have. No value is
    given where there is twice its power at half its frequency, or where the beats are as well explained by a breath
    faster than half the heart rate, mirrored.

    Args:
        time_s: ends of the NN intervals, shape (n,), s, rising.
        nn_ms: NN intervals, shape (n,), ms, finite. Best from 120 s at rest; 60 s at least.

    Returns:
        Breaths per minute, 3.6 to 33, never more than half the heart rate; nan where no peak can be trusted, as
        often in hard exercise; all nan below a span of 58 s or 8 intervals.

    Raises:
        ValueError: an array is not one-dimensional, the lengths differ, or the times do not rise.
    """
    return respiration_of(welch(time_s, nn_ms), time_s, nn_ms)


def coherence(time_s: NDArray[np.float64], nn_ms: NDArray[np.float64]) -> float:
    """Heart-rhythm coherence: how much of the rhythm is one slow wave.

    P_peak / (P_total - P_peak): P_peak the power within 0.015 Hz of the largest density in 0.04-0.26 Hz, P_total
    that in 0.0033-0.40 Hz, of the spectrum of `frequency.welch` (after McCraty; the commercial score is not
    published).

    Args:
        time_s: ends of the NN intervals, shape (n,), s, rising.
        nn_ms: NN intervals, shape (n,), ms, finite. The literature takes windows of 64 s.

    Returns:
        Dimensionless, 0 or more; mostly below 1 at rest, several in paced slow breathing. The Hann window spreads
        even a pure sine, which gives about 6 in 60 s, and far more in longer windows: compare like with like. nan
        below a span of 58 s or 8 intervals, and for a flat series.

    Raises:
        ValueError: an array is not one-dimensional, the lengths differ, or the times do not rise.
    """
    return coherence_of(welch(time_s, nn_ms))


def respiration_of(spectrum: Spectrum, time_s: NDArray[np.float64], nn_ms: NDArray[np.float64]) -> Respiration:
    """`respiration_rate` of a window whose spectrum, from `frequency.welch`, is there already."""
    if spectrum.span_s < MIN_SPAN_S:
        return Respiration(math.nan, math.nan)
    power = spectrum.power_ms2_per_hz
    heart_hz = (nn_ms.size - 1) / float(time_s[-1] - time_s[0])
    peak = _breath(power, min(WIDEST_HZ, heart_hz / 2))
    seen = _is_clear(peak) and not (
        _may_be_doubled(power, peak) or _may_be_mirrored(time_s, nn_ms, peak.at_hz, heart_hz)
    )
    return Respiration(60 * peak.at_hz if seen else math.nan, peak.share)


def coherence_of(spectrum: Spectrum) -> float:
    """`coherence` of a window whose spectrum, from `frequency.welch`, is there already."""
    if spectrum.span_s < MIN_SPAN_S:
        return math.nan
    power = spectrum.power_ms2_per_hz
    first, end = (math.ceil(edge_hz / _STEP_HZ) for edge_hz in COHERENCE_PEAK_HZ)
    peak_hz = (first + int(power[first:end].argmax())) * _STEP_HZ
    peak_ms2 = _between(power, peak_hz - _COHERENCE_HALF_WIDTH_HZ, peak_hz + _COHERENCE_HALF_WIDTH_HZ)
    rest_ms2 = _between(power, *COHERENCE_TOTAL_HZ) - peak_ms2
    return peak_ms2 / rest_ms2 if rest_ms2 > 0 else math.nan


def _breath(power: NDArray[np.float64], end_hz: float) -> _Peak:
    """The peak that is breathing if any is."""
    fast = _largest(power, SLOW_HZ, end_hz, SLOW_HZ)
    slow = _largest(power, SLOWEST_HZ, SLOW_HZ, VLF_HZ, end_hz)
    if fast.power_ms2 >= slow.power_ms2:
        return fast
    return fast if fast.share >= MIN_PROMINENCE and not _is_harmonic(fast, slow) else slow


def _is_clear(peak: _Peak) -> bool:
    if peak.at_hz >= SLOW_HZ:
        return peak.at_hz <= FASTEST_HZ and peak.share >= MIN_PROMINENCE
    return peak.share >= MIN_SLOW_PROMINENCE and peak.power_ms2 >= MIN_SLOW_POWER_MS2


def _may_be_doubled(power: NDArray[np.float64], peak: _Peak) -> bool:
    half_hz = peak.at_hz / 2
    at_half_ms2 = _between(power, half_hz - _HALF_WIDTH_HZ / 2, half_hz + _HALF_WIDTH_HZ / 2)
    return peak.at_hz >= SLOW_HZ and at_half_ms2 > MAX_HALF_RATIO * peak.power_ms2


def _is_harmonic(fast: _Peak, slow: _Peak) -> bool:
    away_hz = abs(fast.at_hz - round(fast.at_hz / slow.at_hz) * slow.at_hz)
    return away_hz < _HARMONIC_WITHIN_HZ and fast.power_ms2 < _MIN_HARMONIC_RATIO * slow.power_ms2


def _largest(
    power: NDArray[np.float64], low_hz: float, high_hz: float, from_hz: float, to_hz: float | None = None
) -> _Peak:
    """The largest peak between two frequencies, its power and its share of that in a band (by default, the same).

    A density that rises beyond either frequency is no peak: all zero.
    """
    first, end = math.ceil(low_hz / _STEP_HZ), math.ceil(high_hz / _STEP_HZ)
    largest = first + int(power[first:end].argmax()) if end > first else first
    if not first < largest < end - 1:
        return _Peak(0.0, 0.0, 0.0)
    to_hz = high_hz if to_hz is None else to_hz
    at_hz = peak_at(power, largest) * _STEP_HZ
    around_ms2 = _between(power, max(at_hz - _HALF_WIDTH_HZ, from_hz), min(at_hz + _HALF_WIDTH_HZ, to_hz))
    all_ms2 = _between(power, from_hz, to_hz)
    return _Peak(at_hz, around_ms2, around_ms2 / all_ms2 if all_ms2 > 0 else 0.0)


def _between(power: NDArray[np.float64], low_hz: float, high_hz: float) -> float:
    """Power in ms² from a density, lower edge in, upper edge out."""
    return float(power[math.ceil(low_hz / _STEP_HZ) : math.ceil(high_hz / _STEP_HZ)].sum()) * _STEP_HZ


def _may_be_mirrored(time_s: NDArray[np.float64], nn_ms: NDArray[np.float64], peak_hz: float, heart_hz: float) -> bool:
    """Whether a breath at heart rate - peak, faster than the beats can show, explains them about as well.

    A rhythm that is really there keeps its phase over beats that come unevenly; its mirror image does not.
    """
    if heart_hz - peak_hz > FASTEST_HZ:
        return False
    at_s = time_s - time_s[0]
    # A Hann window over the beats themselves; what is left of the mean is far away in frequency.
    tapered = (nn_ms - nn_ms.mean()) * (1 - np.cos(2 * np.pi / at_s[-1] * at_s))
    both_hz = np.array([peak_hz, heart_hz - peak_hz])
    seen, mirrored = np.abs(np.dot(np.exp(2j * np.pi * np.multiply.outer(both_hz, at_s)), tapered)).tolist()
    return not seen**2 > _MIN_ALIAS_RATIO * mirrored**2
