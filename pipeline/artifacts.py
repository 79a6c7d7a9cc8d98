"""From RR intervals to NN intervals: which beats are artifacts, and what stands in their place. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.model import MS_PER_TICK
from pipeline.correction import MAX_NN_MS, MIN_NN_MS, WITHOUT_NN, BeatKind, Explained, explain

__all__ = [
    "DELAY_BEATS",
    "MAX_NN_MS",
    "MIN_NN_MS",
    "BeatKind",
    "Corrected",
    "Corrector",
    "NnBeat",
    "correct",
    "is_artifact",
]

DELAY_BEATS = 8
"""A beat settles at the latest when this many further intervals have come; most settle with the next one.

With fewer, half a dozen missed beats in a row could not be told from a heart that has slowed down.
"""

_STEPS = 60
"""Steps between NN intervals that make up what is usual: about a minute, as long as a heart keeps its manner."""
_FIRST_STEPS = (0.06,) * 6
"""What is taken for usual before anything is known, as a share of the NN: wide, and soon outvoted."""
_STEP_QUANTILE = 0.85
"""Of the steps: a few wild ones do not move it."""
_MIN_STEP = 0.013
"""Usual step at the least, as a share of the NN: below it lies what straps round and jitter."""
_MAX_STEP = 0.10
"""And at the most: in a very irregular series, beats of twice the length must still be seen."""

_CALM_STEPS = 2.5
"""Two steps of up to this many usual ones cost less than any artifact, so nothing need be waited for."""
_LEVEL_NN = 5
"""NN intervals before a hole that help to find the level after it."""
_LEVEL_WEIGHT = 0.3
"""Share in which a step from an estimated level counts: the first interval may lie somewhere about it."""
_LOST_AFTER = 20
"""Bad intervals, less two for each good one, after which the level is looked for anew: it may have been wrong."""
_MAX_SLOPE = 0.1
"""Slope of the beats that replace others, per beat, as a share of the NN."""


def is_artifact(rr_ticks: int) -> bool:
    """Whether an interval lies outside the physiological range of 300 to 2000 ms."""
    return not MIN_NN_MS <= rr_ticks * MS_PER_TICK <= MAX_NN_MS


class NnBeat(NamedTuple):
    """One beat of the NN series."""

    first: int  # index of the first raw RR interval that it was made from
    end: int  # index of the last one: another only for merged ones (EXTRA)
    before_end_ms: float  # how long before the end of interval `end` it lies: 0, but for beats put in (MISSED)
    nn_ms: float  # nan where none can be given (RANGE, GAP)
    kind: BeatKind
    follows: bool  # whether the difference to the NN before it counts


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected series, as arrays of equal length with the fields of `NnBeat`."""

    nn_ms: NDArray[np.float64]
    kinds: tuple[BeatKind, ...]
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    before_end_ms: NDArray[np.float64]
    follows: NDArray[np.bool_]

    def counts(self) -> dict[BeatKind, int]:
        """Number of artifacts of each kind, of those that there are.

        A pair around an ectopic beat is one artifact, and so is an interval in which beats were missed.
        """
        beats: Counter[BeatKind] = Counter(kind for kind in self.kinds if kind is not BeatKind.OK)
        if BeatKind.ECTOPIC in beats:
            beats[BeatKind.ECTOPIC] //= 2
        if BeatKind.MISSED in beats:
            intervals = zip(self.first.tolist(), self.kinds, strict=True)
            beats[BeatKind.MISSED] = len({first for first, kind in intervals if kind is BeatKind.MISSED})
        return dict(beats)


class Corrector:
    """Corrects one stream of RR intervals, a few beats behind it; memory is bounded.

    The pending intervals are explained at the lowest cost (see `pipeline.correction`), with the good NN before them
    and with what was usual from one NN to the next in the last minute of good ones. This has the aims of Lipponen
    and Tarvainen (2019, J Med Eng Technol 43:173-181), with a threshold that follows the series, and with missed,
    extra and premature beats told apart, but works in order of time and without their 91 beats around each one.

    What stands in the place of an artifact:

    - MISSED: the interval in 2 to 4 parts, along the slope from the NN before to the NN after; their sum stays.
    - EXTRA: the sum of 2 or 3 intervals. This is the one replacement whose differences count: it is a measured NN.
    - ECTOPIC: the pair evened out along the same slope; its sum stays.
    - LONG, SHORT: an interval that sticks out alone: the mean of the NN before and the NN after.
    - RANGE: below 300 ms and no part of a beat (a strap's phantom, which takes no time). GAP: longer than missed
      beats explain. Both have no NN.
    """

    def __init__(self) -> None:
        self._pending: deque[float] = deque()
        self._index = 0  # of the first pending interval
        self._usual = _UsualStep()
        self._level: deque[float] = deque(maxlen=_LEVEL_NN)
        self._before_ms = math.nan
        self._follows = False
        self._bad = 0

    def snapshot(self) -> list[Any]:
        """All that it knows, as plain values for JSON."""
        before_ms = None if math.isnan(self._before_ms) else self._before_ms
        return [
            list(self._pending),
            self._index,
            self._usual.shares,
            list(self._level),
            before_ms,
            self._follows,
            self._bad,
        ]

    @classmethod
    def restore(cls, snapshot: list[Any]) -> Corrector:
        """The corrector that a snapshot was taken of."""
        pending, index, shares, level, before_ms, follows, bad = snapshot
        corrector = cls()
        corrector._pending.extend(pending)
        corrector._index = index
        corrector._usual = _UsualStep(shares)
        corrector._level.extend(level)
        corrector._before_ms = math.nan if before_ms is None else before_ms
        corrector._follows, corrector._bad = follows, bad
        return corrector

    def step(self, rr_ms: float, *, gap_before: bool = False) -> list[NnBeat]:
        """Take in an interval.

        Args:
            rr_ms: in ms; a value no beat can have gives a beat without NN.
            gap_before: whether beats are lacking between the interval before and this one. All before it settles,
                and no difference crosses it.

        Returns:
            The beats that settle now, in order; often one, none while something is unclear.
        """
        settled = self.flush() if gap_before else []
        self._pending.append(rr_ms)
        while (is_calm := self._is_calm()) or len(self._pending) > DELAY_BEATS:
            settled += self._settle(is_calm=is_calm)
        return settled

    def flush(self) -> list[NnBeat]:
        """The beats still pending, at the end of the series or before a hole in it."""
        settled = []
        while self._pending:
            settled += self._settle(is_calm=self._is_calm())
        self._before_ms, self._follows, self._bad = math.nan, False, 0
        return settled

    def _is_calm(self) -> bool:
        """Whether the next two intervals lie so near the NN before that the first of them is good."""
        if len(self._pending) < 2:  # noqa: PLR2004 - two
            return False
        rr, after = self._pending[0], self._pending[1]
        near_ms = _CALM_STEPS * self._usual.share() * self._before_ms
        near = abs(rr - self._before_ms) <= near_ms and abs(after - rr) <= near_ms
        return near and min(rr, after) >= MIN_NN_MS and max(rr, after) <= MAX_NN_MS

    def _settle(self, *, is_calm: bool) -> list[NnBeat]:
        if is_calm:
            return [self._keep(self._pending.popleft())]
        known = not math.isnan(self._before_ms)
        if not known:
            self._before_ms = self._found_level_ms()
        found = explain(
            list(self._pending),
            self._before_ms,
            self._usual.share() * self._before_ms,
            1.0 if known else _LEVEL_WEIGHT,
        )
        taken = [self._pending.popleft() for _ in range(found.piece.size)]
        if found.piece.kind is BeatKind.OK:
            return [self._keep(taken[0])]
        beats = self._replaced(found)
        if not known and found.piece.kind in WITHOUT_NN:
            self._before_ms = math.nan  # the level is still a guess
        return beats

    def _found_level_ms(self) -> float:
        """The median of what is pending and of a few NN before."""
        near = [rr for rr in (*self._pending, *self._level) if MIN_NN_MS <= rr <= MAX_NN_MS]
        return median(near) if near else (MIN_NN_MS + MAX_NN_MS) / 2

    def _keep(self, nn_ms: float) -> NnBeat:
        if self._follows:
            self._usual.add(abs(nn_ms - self._before_ms) / self._before_ms)
        beat = NnBeat(self._index, self._index, 0.0, nn_ms, BeatKind.OK, self._follows)
        self._index += 1
        self._before_ms, self._follows, self._bad = nn_ms, True, max(0, self._bad - 2)
        self._level.append(nn_ms)
        return beat

    def _replaced(self, found: Explained) -> list[NnBeat]:
        kind, size = found.piece.kind, found.piece.size
        nn_ms = self._in_place(found)
        measured = kind is BeatKind.EXTRA
        first, end = self._index, self._index + size - 1
        if kind is BeatKind.ECTOPIC:
            beats = [NnBeat(first + k, first + k, 0.0, nn, kind, follows=False) for k, nn in enumerate(nn_ms)]
        else:
            left_ms = [*accumulate(reversed(nn_ms[1:]), initial=0.0)][::-1]
            beats = [
                NnBeat(first, end, left, nn, kind, measured and self._follows)
                for left, nn in zip(left_ms, nn_ms, strict=True)
            ]
        self._index += size
        self._follows = measured
        self._bad += size
        if kind not in WITHOUT_NN:
            self._before_ms = found.piece.mean_ms
        if self._bad > _LOST_AFTER:
            self._level.clear()
            self._before_ms, self._bad = math.nan, 0
        return beats

    def _in_place(self, found: Explained) -> list[float]:
        """The NN intervals that stand in the place of an artifact."""
        kind, _, beats, mean_ms, _ = found.piece
        after_ms = self._before_ms if found.after_ms is None else found.after_ms
        if kind in {BeatKind.RANGE, BeatKind.GAP}:
            return [math.nan]
        if kind in {BeatKind.LONG, BeatKind.SHORT}:
            return [(self._before_ms + after_ms) / 2]
        most_ms = _MAX_SLOPE * mean_ms
        slope_ms = min(max((after_ms - self._before_ms) / (beats + 1), -most_ms), most_ms)
        return [mean_ms + slope_ms * (k - (beats - 1) / 2) for k in range(beats)]


class _UsualStep:
    """What is usual from one NN to the next, as a share of the NN: robust, and learnt from good beats only."""

    def __init__(self, shares: Iterable[float] = _FIRST_STEPS) -> None:
        self._in_time = deque(shares)
        self._in_size = sorted(self._in_time)

    @property
    def shares(self) -> list[float]:
        return list(self._in_time)

    def add(self, share: float) -> None:
        self._in_time.append(share)
        insort(self._in_size, share)
        if len(self._in_time) > _STEPS:
            del self._in_size[bisect_left(self._in_size, self._in_time.popleft())]

    def share(self) -> float:
        quantile = self._in_size[int(_STEP_QUANTILE * (len(self._in_size) - 1))]
        return min(max(quantile, _MIN_STEP), _MAX_STEP)


def correct(rr_ms: NDArray[np.float64], gap_before: NDArray[np.bool_] | None = None) -> Corrected:
    """Correct a whole series, exactly as the stream would be.

    Args:
        rr_ms: RR intervals, shape (n,), ms.
        gap_before: shape (n,), whether beats are lacking before an interval. None: nowhere.

    Returns:
        The beats of the NN series, at times more or fewer than n; none for an empty series.

    Raises:
        ValueError: the arrays are not one-dimensional or of one length.
    """
    gaps = np.zeros(rr_ms.shape, dtype=np.bool_) if gap_before is None else gap_before
    if rr_ms.ndim != 1 or gaps.shape != rr_ms.shape:
        raise ValueError("RR intervals and the gaps before them are one-dimensional and of one length")
    corrector = Corrector()
    beats: list[NnBeat] = []
    for rr, gap in zip(rr_ms.tolist(), gaps.tolist(), strict=True):
        beats += corrector.step(rr, gap_before=gap)
    beats += corrector.flush()
    return Corrected(
        nn_ms=np.array([beat.nn_ms for beat in beats], dtype=np.float64),
        kinds=tuple(beat.kind for beat in beats),
        first=np.array([beat.first for beat in beats], dtype=np.int64),
        end=np.array([beat.end for beat in beats], dtype=np.int64),
        before_end_ms=np.array([beat.before_end_ms for beat in beats], dtype=np.float64),
        follows=np.array([beat.follows for beat in beats], dtype=np.bool_),
    )
