"""Nonlinear indices of NN intervals: sample entropy and DFA alpha 1. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.time_domain import check_nn

MIN_ENTROPY_NN = 100
"""Fewest NN intervals for a sample entropy: 10^m for m = 2, the least that Richman and Moorman work with."""

ALPHA1_BOXES = tuple(range(4, 17))
"""Box sizes of alpha 1 in beats: every whole number from 4 to 16, as in the exercise studies."""

_PAIRS_AT_ONCE = 1 << 15
_RANKS_OF_16_BITS = 1 << 16
_INCREMENTS_AT_ONCE = 1 << 18
_MOST_BEATS_KEPT = 1024
_FLAT = 1e-9


def sample_entropy(nn_ms: NDArray[np.float64], m: int = 2, r_sd: float = 0.2) -> float:
    """Sample entropy: how unlike each other the continuations of similar runs of intervals are.

    -ln(A / B): B counts the pairs of runs of m intervals, A those of m + 1, whose elements lie within r of each
    other, |difference| <= r = r_sd · SD over n - 1; both over the same n - m starts, no run paired with itself
    (Richman & Moorman 2000). Gaps are not looked at. Cost grows with n².

    Args:
        nn_ms: NN intervals, shape (n,), ms, finite.
        m: length of the runs, 1 or more.
        r_sd: tolerance in SDs, above 0.

    Returns:
        Dimensionless, 0 or more, about 1 to 2 at rest; nan below 100 intervals and where no pair matches.

    Raises:
        ValueError: the array is not one-dimensional, or m or r_sd is out of range.
    """
    check_nn(nn_ms)
    if m < 1 or not r_sd > 0:
        raise ValueError("sample entropy needs m >= 1 and r_sd > 0")
    starts = nn_ms.size - m
    if nn_ms.size < MIN_ENTROPY_NN or starts < 1:
        return math.nan
    deviations_ms = nn_ms - nn_ms.sum() / nn_ms.size
    shorter, longer = _pairs(nn_ms, r_sd * math.sqrt(float(np.dot(deviations_ms, deviations_ms)) / (nn_ms.size - 1)), m)
    return math.log(shorter / longer) if longer else math.nan


def _pairs(nn_ms: NDArray[np.float64], tolerance_ms: float, m: int) -> tuple[int, int]:
    """How many pairs of runs match, of m and of m + 1 intervals, both over the same n - m starts."""
    # A difference of ranks is as good as one of intervals, and four of them fit into the bytes of one.
    rank_type = np.uint16 if nn_ms.size < _RANKS_OF_16_BITS else np.uint32
    ordered = np.sort(nn_ms)
    lowest = ordered.searchsorted(nn_ms - tolerance_ms)
    count = ordered.searchsorted(nn_ms + tolerance_ms, side="right") - lowest
    starts = nn_ms.size - m
    lags_at_once = max(1, _PAIRS_AT_ONCE // starts)
    # Behind the last interval stand ranks that nothing is near to.
    rank = np.full(nn_ms.size + lags_at_once + m, np.iinfo(rank_type).max, rank_type)
    rank[: nn_ms.size] = ordered.searchsorted(nn_ms)
    low, width = (np.concatenate((each, np.zeros(m))).astype(rank_type) for each in (lowest, count))
    shorter = longer = 0
    for lag in range(1, starts, lags_at_once):
        shape = min(lags_at_once, starts - lag), starts - lag + 2 * m
        later = np.ndarray(shape, rank_type, rank[lag:], strides=rank.strides * 2)  # row k: those k + lag beats later
        # What is below the lowest rank wraps round to a large number.
        near = (later - low[: shape[1]] < width[: shape[1]]).ravel()
        runs = near
        for i in range(1, m):
            runs = runs[:-1] & near[i:]
        shorter += int(np.count_nonzero(runs))
        longer += int(np.count_nonzero(runs[:-1] & near[m:]))
    # The run of m after the last start was paired as well.
    with_last = np.ones(starts - 1, np.bool_)
    for i in range(m):
        with_last &= rank[starts + i] - low[1 + i : starts + i] < width[1 + i : starts + i]
    return shorter - int(np.count_nonzero(with_last)), longer


def dfa_alpha1(nn_ms: NDArray[np.float64], boxes: tuple[int, ...] = ALPHA1_BOXES) -> float:
    """Short-term scaling exponent alpha 1 of detrended fluctuation analysis.

    The intervals less their mean are summed up; the profile is cut into boxes of n beats that do not overlap, once
    from its start and once from its end, so that no beat is left out; a line is fitted in each box; F(n) is the
    root mean square of all that remains; alpha 1 is the slope of log F(n) over log n, each box size weighing the
    same (Peng 1995; both ends: Kantelhardt 2001). No prior detrending. Gaps are not looked at.

    Args:
        nn_ms: NN intervals, shape (n,), ms, finite.
        boxes: at least two different box sizes in beats, each 3 or more.

    Returns:
        Dimensionless, about 0.5 for uncorrelated, 1 for 1/f and 1.5 for Brownian series; nan where fewer than two
        of the largest boxes fit (below 32 intervals by default) and where the series is flat.

    Raises:
        ValueError: the array is not one-dimensional, or box sizes are out of range.
    """
    check_nn(nn_ms)
    fits = _fits(boxes)
    if nn_ms.size < 2 * fits.sizes[-1]:
        return math.nan
    mean_nn_ms = float(nn_ms.sum()) / nn_ms.size
    squares = _squares(nn_ms - mean_nn_ms, fits)
    # Not "> 0": what rounding leaves of a flat series has no slope either.
    if not squares.min() > (_FLAT * mean_nn_ms) ** 2:
        return math.nan
    return float(np.dot(fits.slope_weights, np.log(squares))) / 2


@dataclass(frozen=True, slots=True)
class _Fits:
    """What alpha 1 needs of its k box sizes, whatever the beats."""

    sizes: tuple[int, ...]  # the smallest first
    slope_weights: NDArray[np.float64]  # make a slope of log F
    errors: NDArray[np.float64]  # see `_errors`
    made_of: NDArray[np.float64]  # shape (k, errors): 1 for those that make up the squares of a size, else 0


@lru_cache(maxsize=8)
def _fits(boxes: tuple[int, ...]) -> _Fits:
    sizes = tuple(sorted(set(boxes)))
    if len(sizes) < 2 or sizes[0] < 3:  # noqa: PLR2004 - a slope needs two sizes, a remainder three beats
        raise ValueError("alpha 1 needs two box sizes of at least 3 beats")
    logs = np.log(sizes) - np.log(sizes).mean()
    made_of = np.tri(sizes[-1] + 1, sizes[-1] - 2, -3)[list(sizes)]
    return _Fits(sizes, logs / np.dot(logs, logs), _errors(sizes[-1]), made_of)


def _errors(largest: int) -> NDArray[np.float64]:
    """The matrix from the increments of a box to errors of prediction, shape (largest, largest - 2).

    Error k is how far the sum of k + 3 increments lies off the line through the sums before it, scaled so that its
    square is what this beat adds to the squares that a line leaves (recursive least squares). So the first n - 2 errors
    give those of a box of n, for every n at once and without the large numbers of the profile itself.
    """
    errors = np.zeros((largest, largest - 2))
    for size in range(3, largest + 1):
        place = np.arange(size) - (size - 1) / 2
        off_line = -1 / size - place * place[-1] / np.dot(place, place)
        off_line[-1] += 1
        errors[:size, size - 3] = off_line[::-1].cumsum()[::-1] / math.sqrt(off_line[-1])
    return errors


def _shares(beats: int, sizes: tuple[int, ...]) -> NDArray[np.float64]:
    """The share of the box at each start in F² of each size, cut from both ends, shape (sizes, beats)."""
    shares = np.zeros((len(sizes), beats))
    for row, size in zip(shares, sizes, strict=True):
        whole = beats - beats % size
        row[:whole:size] += 0.5 / whole
        row[beats - whole :: size] += 0.5 / whole
    return shares


_kept_shares = lru_cache(maxsize=64)(_shares)


def _squares(increments: NDArray[np.float64], fits: _Fits) -> NDArray[np.float64]:
    """F² of each box size."""
    beats, largest = increments.size, fits.sizes[-1]
    shares = (_kept_shares if beats <= _MOST_BEATS_KEPT else _shares)(beats, fits.sizes)
    # The box at every start; one that reaches beyond the end has no share.
    padded = np.concatenate((increments, np.zeros(largest)))
    boxes = np.ndarray((beats, largest), np.float64, padded, strides=padded.strides * 2)
    squares = np.zeros(fits.made_of.shape)
    rows_at_once = _INCREMENTS_AT_ONCE // largest
    for row in range(0, beats, rows_at_once):
        part = np.dot(boxes[row : row + rows_at_once], fits.errors)
        squares += np.dot(shares[:, row : row + rows_at_once], part * part)
    found: NDArray[np.float64] = np.einsum("ij,ij->i", squares, fits.made_of)
    return found
