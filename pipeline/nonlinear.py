"""Nonlinear indices of NN intervals: sample entropy and DFA alpha 1. Pure."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.time_domain import check_nn

MIN_ENTROPY_NN = 100
"""Fewest NN intervals for a sample entropy: 10^m for m = 2, the least that Richman and Moorman work with."""

ALPHA1_BOXES = tuple(range(4, 17))
"""Box sizes of alpha 1 in beats: every whole number from 4 to 16, as in the exercise studies."""

_PAIRS_AT_ONCE = 1 << 17
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
    tolerance_ms = r_sd * float(np.std(nn_ms, ddof=1))
    pairs = np.zeros(2, np.int64)
    rows_at_once = max(1, _PAIRS_AT_ONCE // starts)
    for row in range(0, starts, rows_at_once):
        pairs += _matches(nn_ms[row:], min(rows_at_once, starts - row), m, tolerance_ms)
    shorter, longer = pairs.tolist()
    return math.log(shorter / longer) if longer else math.nan


def _matches(nn_ms: NDArray[np.float64], rows: int, m: int, tolerance_ms: float) -> NDArray[np.int64]:
    """How many of the first `rows` runs match one that starts later, of m and of m + 1 intervals."""
    distances = nn_ms[: rows + m, np.newaxis] - nn_ms
    np.abs(distances, out=distances)
    near = distances <= tolerance_ms
    starts = nn_ms.size - m
    runs = near[:rows, :starts]
    for i in range(1, m):
        runs = runs & near[i : rows + i, i : starts + i]
    longer = runs & near[m:, m:]
    return np.array([_above_diagonal(runs, rows), _above_diagonal(longer, rows)])


def _above_diagonal(matches: NDArray[np.bool_], rows: int) -> int:
    # The rows among themselves are there twice, and once each with itself.
    return (2 * int(np.count_nonzero(matches)) - int(np.count_nonzero(matches[:, :rows])) - rows) // 2


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
    slope_weights, remainders = _fits(boxes)
    if nn_ms.size < 2 * remainders[-1].shape[0]:
        return math.nan
    mean_nn_ms = float(nn_ms.sum()) / nn_ms.size
    squares = _squares(nn_ms - mean_nn_ms, remainders)
    # Not "> 0": what rounding leaves of a flat series has no slope either.
    if not squares.min() > (_FLAT * mean_nn_ms) ** 2:
        return math.nan
    return float(np.dot(slope_weights, np.log(squares))) / 2


@lru_cache(maxsize=8)
def _fits(boxes: tuple[int, ...]) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """The weights that make a slope of log F, and each box size's map from increments to remainders, smallest first."""
    sizes = tuple(sorted(set(boxes)))
    if len(sizes) < 2 or sizes[0] < 3:  # noqa: PLR2004 - a slope needs two sizes, a remainder three beats
        raise ValueError("alpha 1 needs two box sizes of at least 3 beats")
    logs = np.log(sizes) - np.log(sizes).mean()
    return logs / np.dot(logs, logs), tuple(_remainder(size) for size in sizes)


def _remainder(size: int) -> NDArray[np.float64]:
    """The matrix that takes a box of increments to what a line leaves of their sums, shape (size, size - 2).

    Its columns are coordinates along an orthonormal basis of all that is no line, so the sum of their squares is
    that of the residuals, without the large numbers of the profile itself, however long the series.
    """
    line = np.vander(np.arange(size, dtype=np.float64), 2)
    complete, _ = np.linalg.qr(line, mode="complete")
    sums = np.tril(np.ones((size, size)))
    return np.ascontiguousarray(sums.T @ complete[:, 2:])


def _squares(increments: NDArray[np.float64], remainders: tuple[NDArray[np.float64], ...]) -> NDArray[np.float64]:
    """F² of each box size."""
    squares = np.empty(len(remainders))
    for i, remainder in enumerate(remainders):
        size = remainder.shape[0]
        whole = increments.size - increments.size % size
        both = np.concatenate((increments[:whole], increments[increments.size - whole :]))
        rest = np.dot(both.reshape(-1, size), remainder)
        squares[i] = np.vdot(rest, rest) / both.size
    return squares
