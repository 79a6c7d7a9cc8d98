"""Time-domain indices and the stress index, from arrays of NN intervals. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BIN_MS = 50.0
"""Width of a histogram bin of the stress index, ms: the bins are [0, 50), [50, 100) and so on."""

MIN_STRESS_NN = 20
"""Fewest NN intervals for a stress index; 100 and more make it steady."""

UNITS_PER_MS = 128
"""Sums are taken in 1/128 ms: a strap's tick is 125 of these, so ticks and milliseconds are whole numbers."""

_MIN_SAMPLES_OF_SD = 2
_WINDOWS_AT_ONCE = 256  # so few that the sums stay small, and with them their rounding
_MOST_BINS = 2000  # 100 s: a stray value costs no memory


@dataclass(frozen=True, slots=True)
class TimeDomain:
    """The time-domain indices of one window; nan where there is too little data."""

    nn_count: int
    mean_nn_ms: float
    mean_hr_bpm: float
    sdnn_ms: float
    rmssd_ms: float
    ln_rmssd: float
    pnn20_pct: float
    pnn50_pct: float
    sd1_ms: float
    sd2_ms: float


def time_domain(nn_ms: NDArray[np.float64], follows: NDArray[np.bool_] | None = None) -> TimeDomain:
    """The time-domain indices of a window of NN intervals.

    Mean NN, mean heart rate 60 000 / mean NN, SDNN = SD of NN over n - 1, RMSSD = sqrt(mean d²), pNNx = share of
    |d| > x ms among the differences, where d are the differences of neighbours (Task Force 1996). SD1 = SD of d
    over n_d - 1, divided by sqrt 2: the spread across the identity line, about the mean difference; SD2 =
    sqrt(2 SDNN² - SD1²), 0 where gaps make that negative (Brennan 2001). All follow from n, sum x, sum x², n_d,
    sum d, sum d² and two counts.

    Args:
        nn_ms: NN intervals, shape (n,), ms, finite and positive.
        follows: shape (n,), whether interval i directly follows interval i - 1, so that their difference counts;
            element 0 is ignored. None: all do.

    Returns:
        Lengths in ms, shares in percent (0 to 100), heart rate in bpm. nan: all means without an interval, SDNN
        below 2 intervals, RMSSD and pNNx without a difference, SD1 and SD2 below 2 differences, ln RMSSD also for
        an RMSSD of 0.

    Raises:
        ValueError: an array is not one-dimensional, or the lengths differ.
    """
    check_nn(nn_ms, follows)
    n = nn_ms.size
    mean_nn_ms = float(nn_ms.sum()) / n if n else math.nan
    variance = _variance(nn_ms)
    differences = _differences(nn_ms, follows)
    n_d = differences.size
    rmssd_ms = math.sqrt(float(np.dot(differences, differences)) / n_d) if n_d else math.nan
    magnitudes = np.abs(differences)
    above_pct = (_share_above(magnitudes, 20.0), _share_above(magnitudes, 50.0))
    return from_moments(n, mean_nn_ms, variance, rmssd_ms, _variance(differences), above_pct)


def from_moments(
    nn_count: int,
    mean_nn_ms: float,
    variance: float,
    rmssd_ms: float,
    variance_of_differences: float,
    above_pct: tuple[float, float],
) -> TimeDomain:
    """The record that follows from means and variances (ms²) and the shares of differences above 20 and 50 ms."""
    sd1_square = variance_of_differences / 2
    return TimeDomain(
        nn_count=nn_count,
        mean_nn_ms=mean_nn_ms,
        mean_hr_bpm=60_000 / mean_nn_ms,
        sdnn_ms=math.sqrt(variance),
        rmssd_ms=rmssd_ms,
        ln_rmssd=math.log(rmssd_ms) if rmssd_ms > 0 else math.nan,
        pnn20_pct=above_pct[0],
        pnn50_pct=above_pct[1],
        sd1_ms=math.sqrt(sd1_square),
        # In this order, since max(0, nan) would be 0.
        sd2_ms=math.sqrt(max(2 * variance - sd1_square, 0.0)),
    )


def time_domains(
    nn_ms: NDArray[np.float64],
    follows: NDArray[np.bool_],
    firsts: NDArray[np.intp],
    lasts: NDArray[np.intp],
) -> Iterator[TimeDomain]:
    """`time_domain` of many windows of one series, at a fraction of its cost for each.

    Args:
        nn_ms: NN intervals, shape (n,), ms, finite and positive.
        follows: shape (n,), as for `time_domain`.
        firsts: index of the first interval of each window, shape (k,), rising.
        lasts: one past the last interval of each window, shape (k,), rising.

    Returns:
        The k results, in order; equal to those of `time_domain` to within rounding.
    """
    for chunk in range(0, firsts.size, _WINDOWS_AT_ONCE):
        part = slice(chunk, chunk + _WINDOWS_AT_ONCE)
        for row in zip(*(each.tolist() for each in columns_of(nn_ms, follows, firsts[part], lasts[part])), strict=True):
            yield TimeDomain(*row)


def columns_of(
    nn_ms: NDArray[np.float64],
    follows: NDArray[np.bool_],
    firsts: NDArray[np.intp],
    lasts: NDArray[np.intp],
) -> tuple[NDArray[np.generic], ...]:
    """The fields of `TimeDomain`, in their order, as arrays over windows that lie near each other."""
    start, end = int(firsts[0]), int(lasts[-1])
    reference_ms = float(nn_ms[start]) if end > start else 0.0
    # In 1/128 ms, in which ticks and milliseconds are whole numbers: their sums are exact.
    x = (nn_ms[start:end] - reference_ms) * UNITS_PER_MS
    difference = np.where(follows[start + 1 : end], x[1:] - x[:-1], np.nan)
    firsts, lasts = firsts - start, lasts - start
    n = lasts - firsts
    total, squares = _sums(x, firsts, lasts), _sums(x * x, firsts, lasts)
    # Difference i is that of interval i + 1: of a window, all but the one that leads into it.
    ends = np.maximum(lasts - 1, firsts)
    known = ~np.isnan(difference)
    n_d = _sums(known, firsts, ends)
    d = np.where(known, difference, 0.0)
    d_total, d_squares = _sums(d, firsts, ends), _sums(d * d, firsts, ends)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_nn_ms = total / n / UNITS_PER_MS + reference_ms
        variance = (n * squares - total * total) / (n * (n - 1.0)) / UNITS_PER_MS**2
        sd1_square = (n_d * d_squares - d_total * d_total) / (n_d * (n_d - 1.0)) / UNITS_PER_MS**2 / 2
        rmssd_ms = np.sqrt(d_squares / n_d) / UNITS_PER_MS
        return (
            n,
            mean_nn_ms,
            60_000 / mean_nn_ms,
            np.sqrt(np.maximum(variance, 0.0)),
            rmssd_ms,
            np.log(np.where(rmssd_ms > 0, rmssd_ms, np.nan)),
            100 * _sums(np.abs(d) > 20 * UNITS_PER_MS, firsts, ends) / n_d,
            100 * _sums(np.abs(d) > 50 * UNITS_PER_MS, firsts, ends) / n_d,
            np.sqrt(np.maximum(sd1_square, 0.0)),
            np.sqrt(np.maximum(2 * variance - sd1_square, 0.0)),
        )


def _sums(x: NDArray[np.generic], firsts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.float64]:
    totals = np.zeros(x.size + 1)
    np.cumsum(x, out=totals[1:])
    sums: NDArray[np.float64] = totals[ends] - totals[firsts]
    return sums


def sqrt_stress_index(nn_ms: NDArray[np.float64]) -> float:
    """Square root of Baevsky's stress index, the form in which it is usually shown.

    SI = AMo / (2 Mo MxDMn), with AMo in percent and Mo in s from `histogram_mode`, MxDMn = longest - shortest NN
    in s (Baevsky 2008). Nothing is detrended, so a drift widens MxDMn and lowers the index. At rest only.

    Args:
        nn_ms: NN intervals, shape (n,), ms, finite and positive.

    Returns:
        The index, about 7 to 12 at rest; nan below 20 intervals and where all are equal.

    Raises:
        ValueError: the array is not one-dimensional.
    """
    mode_s, amplitude_pct = histogram_mode(nn_ms)
    if nn_ms.size < MIN_STRESS_NN:
        return math.nan
    range_s = (float(nn_ms.max()) - float(nn_ms.min())) / 1000
    return math.sqrt(stress_index(amplitude_pct, mode_s, range_s)) if range_s > 0 else math.nan


def stress_index(amplitude_pct: float, mode_s: float, range_s: float) -> float:
    """Baevsky's stress index AMo / (2 Mo MxDMn) (Baevsky 2008), 50 to 150 at rest.

    Args:
        amplitude_pct: AMo, the share of the intervals in the fullest bin.
        mode_s: Mo, the centre of that bin.
        range_s: MxDMn, longest less shortest interval, above 0.
    """
    return amplitude_pct / (2 * mode_s * range_s)


def histogram_mode(nn_ms: NDArray[np.float64]) -> tuple[float, float]:
    """Mode and its amplitude from the histogram with bins floor(NN / 50 ms) (Baevsky 2008).

    Args:
        nn_ms: NN intervals, shape (n,), ms, finite and positive.

    Returns:
        Mo, the centre of the fullest bin in s (of several equally full the lowest), and AMo, the share of the
        intervals in it, in percent; (nan, nan) without intervals.

    Raises:
        ValueError: the array is not one-dimensional.
    """
    check_nn(nn_ms)
    if not nn_ms.size:
        return math.nan, math.nan
    bins = np.floor(nn_ms / BIN_MS)
    lowest = float(bins.min())
    counts = np.bincount(np.minimum(bins - lowest, _MOST_BINS).astype(np.int64))
    fullest = int(counts.argmax())
    mode_ms = (lowest + fullest + 0.5) * BIN_MS
    return mode_ms / 1000, 100 * int(counts[fullest]) / nn_ms.size


def check_nn(nn_ms: NDArray[np.float64], beside: NDArray[np.generic] | None = None) -> None:
    """Raise ValueError unless `nn_ms` is one-dimensional and `beside` has its shape."""
    if nn_ms.ndim != 1 or (beside is not None and beside.shape != nn_ms.shape):
        raise ValueError("NN intervals and what stands beside them are one-dimensional and of one length")


def _differences(nn_ms: NDArray[np.float64], follows: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    differences = nn_ms[1:] - nn_ms[:-1]
    return differences if follows is None else differences[follows[1:]]


def _variance(x: NDArray[np.float64]) -> float:
    """Variance over n - 1; nan below 2 samples."""
    if x.size < _MIN_SAMPLES_OF_SD:
        return math.nan
    deviations = x - x.sum() / x.size
    return float(np.dot(deviations, deviations)) / (x.size - 1)


def _share_above(magnitudes: NDArray[np.float64], limit_ms: float) -> float:
    return 100 * int(np.count_nonzero(magnitudes > limit_ms)) / magnitudes.size if magnitudes.size else math.nan
