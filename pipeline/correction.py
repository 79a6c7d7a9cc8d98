"""What a run of RR intervals most likely was: the search for its cheapest explanation. Pure.

A run is cut into pieces: a beat as it should be, a pair with a premature beat, a beat that was not seen, and so on.
An explanation costs the price of its artifacts, and the steps of the NN intervals that it leaves, measured in what
is usual for this heart just now. So an interval is called an artifact only if it is out of the usual and the repair
puts things right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from heapq import heappop, heappush
from typing import NamedTuple

MIN_NN_MS = 300
MAX_NN_MS = 2000

MAX_MISSED = 3
"""Most beats that are put into one interval: what was in a longer hole, nobody knows."""

# Prices, in squares of what is usual from one NN to the next. They were set on labelled and on clean recordings.
_ECTOPIC = 14.0
"""A premature pair. A beat that comes early by a makes steps of a, 2 a and a: 6 a², if the knee is left aside."""
_LATE = 25.0
"""What a late beat costs more than a premature one: hearts and straps rarely make it."""
_VERY_EARLY = 30.0
"""What a beat before half time costs more: the heart can hardly be roused yet, and it may be a split interval."""
_COUNT = 40.0
"""A missed or an extra beat. They make steps of half the interval, so they are dear and still cannot be overlooked."""
_ONE_MORE = 5.0
"""Each further missed or extra beat within the same interval."""
_MISSED_AGAIN = 12.0
"""What a missed beat right after another costs more: a heart that slows down at once, as after an arousal, is real."""
_EXTRA_AGAIN = -20.0
"""And an extra beat less: no heart doubles its rate at once, but a strap that counts a wave twice does, in a row."""
_SINGLE = 38.0
"""A single interval that is replaced."""
_UNUSABLE = 70.0
"""An interval left out: dearer than any repair that works."""
_PHANTOM = 25.0
_REFRACTORY_MS = 150
"""No strap sees two beats within this time: what is shorter is rather no interval at all than a part of one."""

_KNEE = 2.5
"""Steps cost their square up to here and then linearly, so that one large step is not dearer than two halves of it:
else every real jump of the heart rate would be smoothed away as an artifact."""
_STEP_CAP = 100.0
"""Most that a step costs for being unusual, so that a very steady heart may still change its rate."""
_LEAP_UP, _LEAP_DOWN = 0.35, -0.3
"""Logarithm of the largest step that hearts make in one beat, to a longer and to a shorter NN: 42 % and 26 %."""
_LEAP = 900.0
"""A larger step, for each unit of its logarithm beyond."""
_AFTER_MISSED = 0.5
"""Share in which usual steps to and from a split interval count: its beats are known on average only."""

# Shapes. Without them a lasting step would pass for a pair or for a single interval that is off.
_LEAVES, _RETURNS = 0.07, 0.2
"""Of the swing of a premature pair, the least share that it makes away from the NN before and back to the one after."""
_LATE_SWING = 0.35
"""The same for a late pair, on both sides: the overshoot of a step looks much like it."""
_PAIR_MEAN = (0.75, 1.3)
"""Mean of a pair, as a multiple of the NN before: a premature beat hardly shifts those after it."""
_STICKS_OUT = 0.3
"""A single interval is off one neighbour by at least this share of what it is off the other."""
_LONGEST = 1.6
"""An interval longer than this many of those before it is a hole and no beat that came late."""
_COMPARABLE = (0.67, 1.5)
"""Multiples within which a raw neighbour says something about the shape; else it is an artifact itself."""


class BeatKind(StrEnum):
    """What became of a beat."""

    OK = "ok"
    MISSED = "missed"
    EXTRA = "extra"
    ECTOPIC = "ectopic"
    LONG = "long"
    SHORT = "short"
    RANGE = "range"
    GAP = "gap"


_AGAIN = {BeatKind.MISSED: _MISSED_AGAIN, BeatKind.EXTRA: _EXTRA_AGAIN}

WITHOUT_NN = frozenset({BeatKind.LONG, BeatKind.SHORT, BeatKind.RANGE, BeatKind.GAP})
"""Kinds of intervals that say nothing about the NN in their place."""


class Piece(NamedTuple):
    """What the next `size` raw intervals are: `beats` of them, of `mean_ms` on average."""

    kind: BeatKind
    size: int
    beats: int
    mean_ms: float
    price: float


class Explained(NamedTuple):
    """The first piece of the cheapest explanation, and the NN after it where there is one."""

    piece: Piece
    after_ms: float | None


class _Node(NamedTuple):
    """An explanation up to an interval, in the order in which it is gone on with."""

    cost: float
    order: int
    at: int
    before_ms: float
    weight: float
    kind: BeatKind | None
    first: Piece | None
    after_ms: float | None


def explain(rr_ms: Sequence[float], before_ms: float, step_ms: float, weight: float = 1.0) -> Explained:
    """The first piece of the cheapest explanation of a run of intervals.

    Dijkstra's search over the places between the intervals. Where two explanations come to the same place on the
    same NN, only the cheaper one is gone on with; none dearer than calling all intervals good is.

    Args:
        rr_ms: the intervals, ms, at least one.
        before_ms: the NN interval before them, ms, positive.
        step_ms: what is usual from one NN to the next, ms, positive.
        weight: share in which the first step counts unless it is a leap; below 1 where `before_ms` is an estimate.

    Returns:
        The first piece, and the NN in ms that comes after it: None at the end of the run.
    """
    limit = _cost_as_it_is(rr_ms, before_ms, step_ms, weight)
    nodes = [_Node(0.0, 0, 0, before_ms, weight, None, None, None)]
    reached: set[tuple[int, float]] = set()
    order = 0
    while True:
        node = heappop(nodes)
        if node.first is not None and node.at == len(rr_ms):
            return Explained(node.first, node.after_ms)
        if (node.at, node.before_ms) in reached:
            continue
        reached.add((node.at, node.before_ms))
        for piece in _pieces(rr_ms, node.at, node.before_ms, limit - node.cost):
            order += 1
            further = _with(node, piece, step_ms, order)
            if further.cost <= limit:
                heappush(nodes, further)


def _with(node: _Node, piece: Piece, step_ms: float, order: int) -> _Node:
    """An explanation gone on with by one piece."""
    cost, at, first = node.cost + piece.price, node.at + piece.size, node.first or piece
    if piece.kind in WITHOUT_NN:
        return _Node(cost, order, at, node.before_ms, node.weight, piece.kind, first, node.after_ms)
    missed = piece.kind is BeatKind.MISSED
    cost += _step_cost(piece.mean_ms, node.before_ms, step_ms, _AFTER_MISSED if missed else node.weight)
    if piece.kind is node.kind:
        cost += _AGAIN.get(piece.kind, 0.0)
    after_ms = piece.mean_ms if node.first is not None and node.after_ms is None else node.after_ms
    return _Node(cost, order, at, piece.mean_ms, _AFTER_MISSED if missed else 1.0, piece.kind, first, after_ms)


def _cost_as_it_is(rr_ms: Sequence[float], before_ms: float, step_ms: float, weight: float) -> float:
    """What it costs to call no interval an artifact: infinite if one is out of range."""
    cost = 0.0
    for rr in rr_ms:
        if not MIN_NN_MS <= rr <= MAX_NN_MS:
            return math.inf
        cost += _step_cost(rr, before_ms, step_ms, weight)
        before_ms, weight = rr, 1.0
    return cost


def _step_cost(nn_ms: float, before_ms: float, step_ms: float, weight: float) -> float:
    steps = abs(nn_ms - before_ms) / step_ms
    if steps < _KNEE:
        return weight * steps * steps
    step_log = math.log(nn_ms / before_ms)
    leap = max(0.0, step_log - _LEAP_UP, _LEAP_DOWN - step_log)
    return weight * min(_KNEE * (2 * steps - _KNEE), _STEP_CAP) + _LEAP * leap


def _pieces(rr_ms: Sequence[float], at: int, before_ms: float, most: float) -> Iterator[Piece]:
    """All that the intervals from `at` on can begin with, for at most the price `most`."""
    rr = rr_ms[at]
    in_range = MIN_NN_MS <= rr <= MAX_NN_MS
    if in_range:
        yield Piece(BeatKind.OK, 1, 1, rr, 0.0)
    if most < _ECTOPIC:
        return
    in_reach = rr <= _LONGEST * before_ms
    if in_range and in_reach:
        if _sticks_out(rr_ms, at, before_ms):
            yield Piece(BeatKind.LONG if rr > before_ms else BeatKind.SHORT, 1, 1, rr, _SINGLE)
    else:
        kind = BeatKind.GAP if rr > min(_LONGEST * before_ms, MAX_NN_MS) else BeatKind.RANGE
        yield Piece(kind, 1, 1, rr, _PHANTOM if rr < _REFRACTORY_MS else _UNUSABLE)
    for beats in range(2, MAX_MISSED + 2):
        if MIN_NN_MS <= rr / beats <= MAX_NN_MS:
            yield Piece(BeatKind.MISSED, 1, beats, rr / beats, _COUNT + _ONE_MORE * (beats - 2))
    together = rr
    for size, more in enumerate(rr_ms[at + 1 : at + 3], 2):
        together += more
        if MIN_NN_MS <= together <= MAX_NN_MS:
            yield Piece(BeatKind.EXTRA, size, 1, together, _COUNT + _ONE_MORE * (size - 2))
        if size == 2 and MIN_NN_MS <= together / 2 <= MAX_NN_MS and _swings(rr_ms, at, before_ms):  # noqa: PLR2004
            price = _ECTOPIC + (_LATE if rr > more else 0.0) + (_VERY_EARLY if 4 * min(rr, more) < together else 0.0)
            yield Piece(BeatKind.ECTOPIC, 2, 2, together / 2, price)


def _swings(rr_ms: Sequence[float], at: int, before_ms: float) -> bool:
    """Whether a pair leaves what is before it and comes back from its second interval: a lasting step does not."""
    rr, partner = rr_ms[at], rr_ms[at + 1]
    if rr == partner:
        return False
    mean_ms = (rr + partner) / 2
    after_ms = rr_ms[at + 2] if at + 2 < len(rr_ms) else mean_ms
    if not _PAIR_MEAN[0] * before_ms < mean_ms < _PAIR_MEAN[1] * before_ms:
        return False
    if not _COMPARABLE[0] * mean_ms < after_ms < _COMPARABLE[1] * mean_ms:
        after_ms = mean_ms
    leaves, returns = (before_ms - rr) / (partner - rr), (partner - after_ms) / (partner - rr)
    if partner > rr:
        return leaves >= _LEAVES and returns >= _RETURNS
    return min(leaves, returns) >= _LATE_SWING


def _sticks_out(rr_ms: Sequence[float], at: int, before_ms: float) -> bool:
    """Whether an interval is off both its neighbours to the same side: one in a slope or on a plateau is not."""
    later = rr_ms[at + 1 : at + 3]
    if not later or not _COMPARABLE[0] * before_ms < later[0] < _COMPARABLE[1] * before_ms:
        return True
    off_ms = rr_ms[at] - before_ms
    after_ms = later[-1] if (later[0] - rr_ms[at]) * off_ms > 0 else later[0]
    back_ms = rr_ms[at] - after_ms
    smaller, larger = sorted((abs(off_ms), abs(back_ms)))
    return off_ms * back_ms > 0 and smaller >= _STICKS_OUT * larger
