"""How sure a mean is, and a difference of two, without assuming a shape: bootstrap intervals. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

SAMPLES = 2000
"""Resamples (own): with another seed the ends of the interval move by 1.5 % of its width."""

SEED = 1979
"""Constant, so that the same days always give the same interval. The year of Efron's paper."""

_TAIL = 0.025  # on either side of 95 %
_MIN_VALUES = 2


class Interval(NamedTuple):
    """A difference or a mean, and the 95 % interval around it."""

    difference: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether it lies on one side of 0."""
        return self.low > 0 or self.high < 0


def interval_of_difference(a: Sequence[float], b: Sequence[float]) -> Interval:
    """The mean of a minus that of b, with its 95 % bootstrap interval.

    Expanded percentile interval (Hesterberg 2015): each sample is drawn from with replacement; the deviations of the
    resampled means are widened by sqrt(n / (n - 1)), and the percentile is taken so far out as Student's t with Welch's
    degrees of freedom lies beyond the normal distribution. It was chosen by its measured coverage: 93.6 to 95.7 % with
    5 to 30 values in each sample, normal, skewed or heavy-tailed, correlated from day to day by 0.3 or not and assigned
    at random, where plain percentiles give 86 to 95 % and BCa 85 to 95 %; studentized intervals cover as well, but are
    wider, and endless where a resample has no spread. Values are taken as exchangeable: days of one sample that follow
    each other and are correlated make it too narrow.

    Args:
        a: at least 2 finite values, in any order.
        b: likewise.

    Returns:
        The same to the last bit for the same values; of no width where neither sample has any spread.

    Raises:
        ValueError: a sample has fewer than 2 values.
    """
    return _interval((_sample(a), 1.0), (_sample(b), -1.0))


def interval_of_mean(a: Sequence[float]) -> Interval:
    """The mean of a, as `difference`, with its 95 % bootstrap interval; as `interval_of_difference`, n - 1 degrees."""
    return _interval((_sample(a), 1.0))


def _sample(values: Sequence[float]) -> NDArray[np.float64]:
    """In order of size, so that the order of days changes nothing."""
    if len(values) < _MIN_VALUES:
        raise ValueError("an interval needs at least 2 values of each sample")
    return np.sort(np.asarray(values, np.float64))


def _interval(*samples: tuple[NDArray[np.float64], float]) -> Interval:
    """Of the sum of the samples' means, each times its sign."""
    rng = np.random.default_rng(SEED)
    centre, variance, spread = 0.0, 0.0, 0.0
    deviations = np.zeros(SAMPLES)
    for values, sign in samples:
        n = values.size
        above = values - values[0]  # so that no rounding parts the means of equal values
        mean = float(above.mean())
        drawn = above[rng.integers(0, n, (SAMPLES, n))].mean(axis=1)
        deviations += sign * math.sqrt(n / (n - 1)) * (drawn - mean)
        centre += sign * (float(values[0]) + mean)
        of_mean = float(above.var(ddof=1)) / n
        variance += of_mean
        spread += of_mean**2 / (n - 1)
    if spread == 0:
        return Interval(centre, centre, centre)
    tail = float(ndtr(stdtrit(variance**2 / spread, _TAIL)))
    low, high = np.quantile(deviations, (tail, 1 - tail))
    return Interval(centre, centre + float(low), centre + float(high))
