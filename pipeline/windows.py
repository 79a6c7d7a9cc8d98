"""Sliding windows of NN intervals in event time, all on one ring. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.running_sums import NnSums, to_units
from pipeline.time_domain import UNITS_PER_MS, TimeDomain

_SECOND_NS = 1_000_000_000

_RING = 4096
"""Entries of a ring, of which at least the newest half is always there: NN intervals are 300 ms or longer, so five
minutes hold 1000 and need not crowd with what artifacts add."""


@dataclass(frozen=True, slots=True)
class Window:
    """The NN intervals of a stretch of time, and how well they fill it."""

    span_s: float
    beat_count: int  # artifacts included
    coverage_pct: float  # share of the time that NN intervals cover, 0 to 100
    artifact_pct: float  # share of the beats that the corrector touched, 0 to 100
    time_domain: TimeDomain
    time_s: NDArray[np.float64]  # ends of the intervals, relative to any one moment
    nn_ms: NDArray[np.float64]
    follows: NDArray[np.bool_]


class Entry(NamedTuple):
    """One beat of the corrected series."""

    time_ns: int
    nn_units: int  # 1/128 ms; 0: an artifact without an interval that counts
    follows: bool  # a difference to the entry before it may be taken
    touched: bool


def entry(time_ns: int, nn_ms: float, *, follows: bool, touched: bool) -> Entry:
    """The entry of one beat; `nn_ms` is nan where no interval counts."""
    return Entry(time_ns, to_units(nn_ms) if nn_ms == nn_ms else 0, follows, touched)  # noqa: PLR0124 - nan only


@dataclass(slots=True)
class _Sliding:
    """One window's place on the ring and its running sums."""

    span_ns: int
    start: int = 0
    touched: int = 0
    sums: NnSums = field(default_factory=NnSums)


class SlidingWindows:
    """The newest NN intervals, seen through windows of several spans.

    An entry belongs to the window that ends at T if T - span < time <= T; a difference belongs to it if both of its
    intervals do. Each beat costs the same, however long the windows, and memory is the ring's, however long the run.
    """

    def __init__(self, spans_s: Sequence[int]) -> None:
        self._time_ns = np.empty(_RING, np.int64)
        self._nn_units = np.empty(_RING, np.int64)
        self._follows = np.empty(_RING, np.bool_)
        self._touched = np.empty(_RING, np.bool_)
        self._end = 0
        self._windows = [_Sliding(span_s * _SECOND_NS) for span_s in spans_s]

    def add(self, new: Entry) -> None:
        """Take in the newest entry; its time is later than that of every one before it."""
        if self._end == _RING:
            self._make_room()
        at = self._end
        self._time_ns[at], self._nn_units[at], self._follows[at], self._touched[at] = new
        self._end += 1
        difference = new.nn_units - int(self._nn_units[at - 1]) if new.follows and at else None
        for window in self._windows:
            window.touched += new.touched
            if new.nn_units:
                window.sums.add(new.nn_units)
            if difference is not None and window.start < at:
                window.sums.add_difference(difference)

    def snapshot(self) -> dict[str, list[Any]]:
        """The entries that are still in a window, and where each window begins among them; plain values for JSON."""
        first = min(window.start for window in self._windows)
        columns = (self._time_ns, self._nn_units, self._follows, self._touched)
        return {
            "columns": [column[first : self._end].tolist() for column in columns],
            "starts": [window.start - first for window in self._windows],
        }

    @classmethod
    def restore(cls, spans_s: Sequence[int], snapshot: dict[str, list[Any]]) -> SlidingWindows:
        """The windows that a snapshot was taken of; their sums are whole numbers, so adding anew gives the same."""
        windows = cls(spans_s)
        for row in zip(*snapshot["columns"], strict=True):
            windows.add(Entry(*row))
        for window, start in zip(windows._windows, snapshot["starts"], strict=True):
            windows._drop_before(window, start)
        return windows

    def at(self, end_ns: int) -> list[Window]:
        """The windows that end at `end_ns`, in the order of their spans; never earlier than those asked for before."""
        for window in self._windows:
            inside_ns = self._time_ns[window.start : self._end]
            gone = int(inside_ns.searchsorted(end_ns - window.span_ns, side="right"))
            self._drop_before(window, window.start + gone)
        longest = slice(min(window.start for window in self._windows), self._end)
        time_s = (self._time_ns[longest] - end_ns) / _SECOND_NS
        nn_ms, follows = self._nn_units[longest] / UNITS_PER_MS, self._follows[longest].copy()
        return [_view(window, time_s, nn_ms, follows, self._end - window.start) for window in self._windows]

    def _drop_before(self, window: _Sliding, start: int) -> None:
        gone, after = slice(window.start, start), slice(window.start + 1, min(start + 1, self._end))
        units = self._nn_units[gone].tolist()
        for nn_units in units:
            if nn_units:
                window.sums.add(nn_units, -1)
        # The difference to the first that stays goes with the last that leaves.
        for before, nn_units, follows in zip(
            units, self._nn_units[after].tolist(), self._follows[after].tolist(), strict=False
        ):
            if follows:
                window.sums.add_difference(nn_units - before, -1)
        window.touched -= int(np.count_nonzero(self._touched[gone]))
        window.start = start

    def _make_room(self) -> None:
        """Move what is still in a window to the ring's beginning; of a flood of artifacts, the newest half."""
        keep_from = max(min(window.start for window in self._windows), _RING // 2)
        for window in self._windows:
            self._drop_before(window, max(window.start, keep_from))
            window.start -= keep_from
        for column in (self._time_ns, self._nn_units, self._follows, self._touched):
            column[: _RING - keep_from] = column[keep_from:]
        self._end -= keep_from


def _view(
    window: _Sliding,
    time_s: NDArray[np.float64],
    nn_ms: NDArray[np.float64],
    follows: NDArray[np.bool_],
    beat_count: int,
) -> Window:
    """A window of what the longest one holds, whose newest `beat_count` entries it sees."""
    part: slice | NDArray[np.bool_] = slice(nn_ms.size - beat_count, None)
    if window.sums.count < beat_count:
        part = nn_ms > 0
        part[: nn_ms.size - beat_count] = False
    return Window(
        span_s=window.span_ns / _SECOND_NS,
        beat_count=beat_count,
        coverage_pct=min(100.0, 100 * window.sums.total / UNITS_PER_MS * 1e6 / window.span_ns),
        artifact_pct=100 * window.touched / beat_count if beat_count else 0.0,
        time_domain=window.sums.time_domain(),
        time_s=time_s[part],
        nn_ms=nn_ms[part],
        follows=follows[part],
    )
