"""Frequency-domain indices of NN intervals: resampling, spectra and band powers. Pure.

The settings change the figures, so they are stated here and nowhere else: cubic spline at 4 Hz, segments of 300 s
(or the whole span, if shorter) that overlap by half, each less its line, Hann window, transform of 2048 points.
A window of 300 s is thus one segment: resolution enough for the slowest band, none of its beats left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, compress

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dptsv

from pipeline.time_domain import check_nn

SAMPLE_HZ = 4.0
SEGMENT_SAMPLES = 1200
TRANSFORM_SAMPLES = 2048

VLF_HZ, LF_HZ, HF_HZ, END_HZ = 0.0033, 0.04, 0.15, 0.40
"""Lower edges of the bands and the end of the last; a band holds its lower edge and not its upper one."""

MIN_HF_SPAN_S = 58.0
"""Shortest span for HF, s: a window of 60 s less what a beat leaves open at its end."""
MIN_LF_SPAN_S = 250.0
"""Shortest span for VLF, LF and all that is made of them, s."""

_MIN_NN = 8
_LOMB_OVERSAMPLING = 2
_LOMB_END_HZ = 0.5
_PHASES_AT_ONCE = 1 << 20  # of 16 bytes each


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One-sided power spectral density, of equal shape (k,) and evenly spaced; empty from too little data."""

    frequency_hz: NDArray[np.float64]
    power_ms2_per_hz: NDArray[np.float64]
    span_s: float
    """From the beginning of the first NN interval to the end of the last."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Band powers, their ratios and the frequencies of their peaks; nan where the span is too short."""

    vlf_ms2: float
    lf_ms2: float
    hf_ms2: float
    total_ms2: float
    lf_nu: float
    hf_nu: float
    lf_hf: float
    vlf_peak_hz: float
    lf_peak_hz: float
    hf_peak_hz: float


def resample(time_s: NDArray[np.float64], nn_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """NN intervals on an even grid of 4 Hz, by a natural cubic spline through (time, NN).

    The grid starts at the first beat and ends at or before the last: nothing is extrapolated. A gap is bridged.

    Args:
        time_s: ends of the NN intervals, shape (n,), s, rising; of any magnitude.
        nn_ms: NN intervals, shape (n,), ms, finite.

    Returns:
        NN in ms at the times time_s[0] + k / 4 s; empty below 8 intervals.

    Raises:
        ValueError: an array is not one-dimensional, the lengths differ, or the times do not rise.
    """
    (samples,) = _resampled([time_s], [nn_ms])
    return samples


def _resampled(
    times_s: Sequence[NDArray[np.float64]], nns_ms: Sequence[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """`resample` of many windows: their splines are one system of equations, in which none touches the next."""
    for each_s, each_ms in zip(times_s, nns_ms, strict=True):
        check_nn(each_ms, each_s)
    long_enough = [each_ms.size >= _MIN_NN for each_ms in nns_ms]
    if not any(long_enough):
        return [np.empty(0)] * len(nns_ms)
    nn_ms = np.concatenate([*compress(nns_ms, long_enough)])
    at_s = np.concatenate([each_s - each_s[0] for each_s in compress(times_s, long_enough)])
    ends = [*accumulate(each_ms.size for each_ms in compress(nns_ms, long_enough))]
    lasts = np.array(ends) - 1
    steps_s = at_s[1:] - at_s[:-1]
    steps_s[lasts[:-1]] = 1.0  # from one window to the next: any above 0, since it is never used
    if not steps_s.min() > 0:
        raise ValueError("the times of beats must rise")
    slopes = (nn_ms[1:] - nn_ms[:-1]) / steps_s
    bends = _bends(steps_s, slopes, lasts)
    linear = slopes - steps_s * (2 * bends[:-1] + bends[1:])
    cubic = (bends[1:] - bends[:-1]) / steps_s
    # How many samples lie before each beat says which interval a sample lies in, without a search for each.
    scaled = at_s * SAMPLE_HZ
    before = np.ceil(scaled).astype(np.int64)
    before[lasts] = np.floor(scaled[lasts]) + 1
    counts = before[1:] - before[:-1]
    counts[lasts[:-1]] = 0
    piece = np.repeat(np.arange(counts.size), counts)
    sizes = before[lasts]
    u = np.concatenate([np.arange(size) for size in sizes.tolist()]) / SAMPLE_HZ - at_s.take(piece)
    samples = nn_ms.take(piece) + u * (linear.take(piece) + u * (3 * bends.take(piece) + u * cubic.take(piece)))
    windows = (samples[end - size : end] for end, size in zip(sizes.cumsum().tolist(), sizes.tolist(), strict=True))
    return [next(windows) if enough else np.empty(0) for enough in long_enough]


def _bends(steps_s: NDArray[np.float64], slopes: NDArray[np.float64], lasts: NDArray[np.int64]) -> NDArray[np.float64]:
    """A sixth of the second derivative at each beat; natural: none at the first and the last one of a window."""
    inner = np.ones(steps_s.size + 1)
    inner[0] = inner[lasts] = inner[lasts[:-1] + 1] = 0.0
    diagonal, right = np.ones(inner.size), np.zeros(inner.size)
    diagonal[1:-1] = 2 * (steps_s[1:] + steps_s[:-1])
    right[1:-1] = (slopes[1:] - slopes[:-1]) * inner[1:-1]
    beside = steps_s * inner[1:] * inner[:-1]
    bends: NDArray[np.float64]
    _, _, bends, _ = dptsv(diagonal, beside, right, overwrite_d=True, overwrite_e=True, overwrite_b=True)
    return bends


def welch(time_s: NDArray[np.float64], nn_ms: NDArray[np.float64]) -> Spectrum:
    """Power spectral density by Welch's method on the intervals resampled at 4 Hz, with the module's settings.

    Mean of |FFT(window · (segment - line))|² · 2 / (rate · sum window²) over the segments (Welch 1967; Task Force
    1996); equal to scipy.signal.welch.

    Args:
        time_s: ends of the NN intervals, shape (n,), s, rising.
        nn_ms: NN intervals, shape (n,), ms, finite.

    Returns:
        Density in ms²/Hz at 1025 frequencies from 0 to 2 Hz; empty below 8 intervals.

    Raises:
        ValueError: as `resample`.
    """
    (spectrum,) = welch_of_each([time_s], [nn_ms])
    return spectrum


def welch_of_each(times_s: Sequence[NDArray[np.float64]], nns_ms: Sequence[NDArray[np.float64]]) -> list[Spectrum]:
    """`welch` of many windows, at a fraction of its cost for each.

    Args:
        times_s: ends of the NN intervals of each window, as for `welch`.
        nns_ms: NN intervals of each window, as for `welch`.

    Returns:
        The spectra, in order.

    Raises:
        ValueError: as `resample`.
    """
    windows = _resampled(times_s, nns_ms)
    segments = [_segments(samples) for samples in windows]
    powers = _periodograms([each for of_window in segments for each in of_window])
    empty, spectra, end = np.empty(0), [], 0
    for of_window, time_s, nn_ms in zip(segments, times_s, nns_ms, strict=True):
        first, end = end, end + len(of_window)
        if not of_window:
            spectra.append(Spectrum(empty, empty, 0.0))
            continue
        power = powers[first] if len(of_window) == 1 else powers[first:end].mean(axis=0)
        spectra.append(Spectrum(_grid_hz(), power, span_s(time_s, nn_ms)))
    return spectra


def _segments(samples: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The segments of a window that overlap by half; all of it, if it is shorter; none without samples."""
    if samples.size <= SEGMENT_SAMPLES:
        return [samples] if samples.size else []
    starts = range(0, samples.size - SEGMENT_SAMPLES + 1, SEGMENT_SAMPLES // 2)
    return [samples[start : start + SEGMENT_SAMPLES] for start in starts]


def _periodograms(segments: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Power density of each segment less its line, tapered, shape (segments, 1025)."""
    tapered = np.zeros((len(segments), TRANSFORM_SAMPLES))
    for row, segment in zip(tapered, segments, strict=True):
        taper, line = _taper(segment.size)
        flat = segment - segment.sum() / segment.size
        flat -= np.dot(flat, line) * line
        np.multiply(flat, taper, out=row[: segment.size])
    transforms = np.fft.rfft(tapered)
    powers: NDArray[np.float64] = transforms.real**2 + transforms.imag**2
    powers[:, :: TRANSFORM_SAMPLES // 2] /= 2  # the first and the last stand for themselves alone
    return powers


def lomb_scargle(time_s: NDArray[np.float64], nn_ms: NDArray[np.float64]) -> Spectrum:
    """Power spectral density by Lomb and Scargle's method: from the beats themselves, nothing resampled or tapered.

    The periodogram of the intervals less their line, times 2 · (time_s[-1] - time_s[0]) / (n - 1), so that its
    integral is comparable to that of `welch` (Lomb 1976; Scargle 1982). Cost grows with n².

    Args:
        time_s: ends of the NN intervals, shape (n,), s, rising.
        nn_ms: NN intervals, shape (n,), ms, finite.

    Returns:
        Density in ms²/Hz from 0 to 0.5 Hz, two frequencies to each 1 / span; empty below 8 intervals.

    Raises:
        ValueError: an array is not one-dimensional, the lengths differ, or the times do not rise.
    """
    check_nn(nn_ms, time_s)
    if nn_ms.size < _MIN_NN:
        return Spectrum(np.empty(0), np.empty(0), 0.0)
    at_s = time_s - time_s[0]
    if not np.diff(at_s).min() > 0:
        raise ValueError("the times of beats must rise")
    length_s = float(at_s[-1])
    step_hz = 1 / (_LOMB_OVERSAMPLING * length_s)
    grid_hz = np.arange(math.floor(_LOMB_END_HZ / step_hz) + 1, dtype=np.float64) * step_hz
    slope, start = np.polyfit(at_s, nn_ms, 1)
    power = np.zeros(grid_hz.size)
    power[1:] = _periodogram(at_s, nn_ms - start - slope * at_s, grid_hz[1:])
    return Spectrum(grid_hz, power * 2 * length_s / (nn_ms.size - 1), span_s(time_s, nn_ms))


def _periodogram(
    at_s: NDArray[np.float64], x: NDArray[np.float64], grid_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Lomb and Scargle's periodogram, equal to scipy.signal.lombscargle, at a quarter of its time."""
    rows_at_once = max(1, _PHASES_AT_ONCE // at_s.size)
    parts = [
        _periodogram_part(at_s, x, grid_hz[row : row + rows_at_once]) for row in range(0, grid_hz.size, rows_at_once)
    ]
    return np.concatenate(parts)


def _periodogram_part(
    at_s: NDArray[np.float64], x: NDArray[np.float64], grid_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    waves = np.exp(2j * np.pi * np.multiply.outer(grid_hz, at_s))
    doubled = np.einsum("ij,ij->i", waves, waves)
    length = np.abs(doubled)
    turned = np.dot(waves, x) * np.exp(-0.5j * np.angle(doubled))
    # Where even beats leave no sine at all (at their Nyquist frequency), its part of the power is 0 and not 0 / 0.
    sines = np.maximum(x.size - length, 1e-9 * x.size)
    power: NDArray[np.float64] = turned.real**2 / (x.size + length) + turned.imag**2 / sines
    return power


def bands(spectrum: Spectrum) -> Bands:
    """Powers of VLF 0.0033-0.04, LF 0.04-0.15 and HF 0.15-0.40 Hz, and what is made of them (Task Force 1996).

    A band's power is the sum of its densities times the spacing; each frequency belongs to one band, so the total
    (0.0033-0.40 Hz) is their sum. nu = 100 · LF or HF / (LF + HF). A peak is the band's largest density, its place
    refined by a parabola through its neighbours, and never outside the band.

    Args:
        spectrum: from `welch` or `lomb_scargle`.

    Returns:
        Powers in ms², nu in percent, peaks in Hz. nan: all below a span of 58 s, all but HF and its peak below
        250 s; ratios without power.
    """
    hf_ms2, hf_peak_hz = _band(spectrum, HF_HZ, END_HZ, MIN_HF_SPAN_S)
    lf_ms2, lf_peak_hz = _band(spectrum, LF_HZ, HF_HZ, MIN_LF_SPAN_S)
    vlf_ms2, vlf_peak_hz = _band(spectrum, VLF_HZ, LF_HZ, MIN_LF_SPAN_S)
    both_ms2 = lf_ms2 + hf_ms2
    return Bands(
        vlf_ms2=vlf_ms2,
        lf_ms2=lf_ms2,
        hf_ms2=hf_ms2,
        total_ms2=vlf_ms2 + both_ms2,
        lf_nu=100 * lf_ms2 / both_ms2 if both_ms2 > 0 else math.nan,
        hf_nu=100 * hf_ms2 / both_ms2 if both_ms2 > 0 else math.nan,
        lf_hf=lf_ms2 / hf_ms2 if hf_ms2 > 0 else math.nan,
        vlf_peak_hz=vlf_peak_hz,
        lf_peak_hz=lf_peak_hz,
        hf_peak_hz=hf_peak_hz,
    )


def span_s(time_s: NDArray[np.float64], nn_ms: NDArray[np.float64]) -> float:
    """Seconds from the beginning of the first NN interval to the end of the last; 0 without any."""
    return float(time_s[-1] - time_s[0]) + float(nn_ms[0]) / 1000 if nn_ms.size else 0.0


def peak_at(power: NDArray[np.float64], index: int) -> float:
    """Where the parabola through `power[index]` and its neighbours peaks, as an index between theirs."""
    if not 0 < index < power.size - 1:
        return float(index)
    before, at, after = power[index - 1 : index + 2].tolist()
    bend = before - 2 * at + after
    return index + (before - after) / (2 * bend) if bend < 0 else float(index)


def _band(spectrum: Spectrum, low_hz: float, high_hz: float, min_span_s: float) -> tuple[float, float]:
    """Power and peak of one band."""
    if spectrum.span_s < min_span_s:
        return math.nan, math.nan
    step_hz = float(spectrum.frequency_hz[1])
    first, end = math.ceil(low_hz / step_hz), math.ceil(high_hz / step_hz)
    power = spectrum.power_ms2_per_hz
    largest = first + int(power[first:end].argmax())
    peak_hz = peak_at(power, largest) * step_hz
    return float(power[first:end].sum()) * step_hz, min(max(peak_hz, low_hz), high_hz)


@lru_cache(maxsize=1)
def _grid_hz() -> NDArray[np.float64]:
    grid_hz = np.arange(TRANSFORM_SAMPLES // 2 + 1, dtype=np.float64) * (SAMPLE_HZ / TRANSFORM_SAMPLES)
    grid_hz.flags.writeable = False
    return grid_hz


@lru_cache(maxsize=256)
def _taper(length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Periodic Hann window, scaled so that squares become a one-sided density, and the rising line of length 1."""
    turn = 2 * np.pi * np.arange(length) / length
    hann = 0.5 - 0.5 * np.cos(turn)
    line = np.arange(length, dtype=np.float64) - (length - 1) / 2
    return hann * math.sqrt(2 / (SAMPLE_HZ * float(np.dot(hann, hann)))), line / math.sqrt(float(np.dot(line, line)))
