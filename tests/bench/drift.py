"""Whether the running sums drift: millions of beats through the live windows, beside the batch function."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice, repeat

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from pipeline.analysis import corrected
from pipeline.running_sums import to_units
from pipeline.time_domain import UNITS_PER_MS, TimeDomain, time_domain
from pipeline.windows import Entry, SlidingWindows, Window
from tests.bench.recordings import Series
from tests.bench.table import show

SPANS_S = (60, 120, 300)

_EVERY_BEATS = 60  # from one reading to the next
_READINGS = 100  # the last ones before each checkpoint are compared
_LAPS_KEPT = 2
_SECOND_NS = 1_000_000_000
_NAMES = tuple(each.name for each in fields(TimeDomain))


@dataclass(frozen=True, slots=True)
class _Laps:
    """Two laps of a recording that is repeated without end, so that any window lies in them whole."""

    time_ns: NDArray[np.int64]
    nn_units: NDArray[np.int64]
    follows: NDArray[np.bool_]
    touched: NDArray[np.bool_]
    lap_ns: int

    @property
    def beats(self) -> int:
        """Beats of one lap."""
        return self.time_ns.size // _LAPS_KEPT

    def entries(self) -> Iterator[Entry]:
        """The beats, lap after lap."""
        lap = slice(0, self.beats)
        columns = [each[lap].tolist() for each in (self.time_ns, self.nn_units, self.follows, self.touched)]
        before_ns = 0
        for times_ns, nn_units, follows, touched in repeat(columns):
            for time_ns, *rest in zip(times_ns, nn_units, follows, touched, strict=True):
                yield Entry(before_ns + time_ns, *rest)
            before_ns += self.lap_ns

    def window(self, count: int, span_s: int) -> TimeDomain:
        """The time domain of the span that ends with a beat of the second lap or later, computed afresh."""
        last = self.beats + (count - 1) % self.beats
        first = int(self.time_ns.searchsorted(self.time_ns[last] - span_s * _SECOND_NS, side="right"))
        units, follows = self.nn_units[first : last + 1], self.follows[first : last + 1]
        return time_domain(units[units > 0] / UNITS_PER_MS, follows[units > 0])


def _laps(rr_ms: Series) -> _Laps:
    series = corrected(rr_ms)
    time_ns = np.round(series.time_s * _SECOND_NS).astype(np.int64)
    units = np.array([0 if math.isnan(each) else to_units(each) for each in series.nn_ms.tolist()])
    follows = series.follows.copy()
    follows[0] = False
    lap_ns = int(time_ns[-1])
    return _Laps(
        time_ns=np.concatenate((time_ns, time_ns + lap_ns)),
        nn_units=np.tile(units, _LAPS_KEPT),
        follows=np.tile(follows, _LAPS_KEPT),
        touched=np.tile(series.touched, _LAPS_KEPT),
        lap_ns=lap_ns,
    )


def print_drift(to: Console, rr_ms: Series, beats: int) -> None:
    """The largest relative difference of any time-domain index from the batch function, at more and more beats."""
    laps, windows = _laps(rr_ms), SlidingWindows(SPANS_S)
    checkpoints = [beats // 100, beats // 10, beats]
    rows: list[list[str]] = []
    differences: list[tuple[float, str]] = []
    for count, new in enumerate(islice(laps.entries(), beats), start=1):
        windows.add(new)
        if count % _EVERY_BEATS == 0:
            found = windows.at(new.time_ns)
            if count > max(laps.beats, checkpoints[0] - _READINGS * _EVERY_BEATS):
                differences += [_difference(laps, count, window) for window in found]
        if count == checkpoints[0]:
            largest, name = max(differences, default=(math.nan, ""))
            days = new.time_ns / _SECOND_NS / 86_400
            rows.append([f"{count:,}", f"{days:,.1f}", str(len(differences)), f"{largest:.1e}", name])
            differences.clear()
            del checkpoints[0]
    headings = ["beats", "days", "windows compared", "largest relative difference of an index", "which"]
    show(to, f"Running sums of {', '.join(map(str, SPANS_S))} s beside the batch function", headings, rows)


def _difference(laps: _Laps, count: int, window: Window) -> tuple[float, str]:
    """The largest relative difference of an index of one window, and which it is."""
    afresh = laps.window(count, round(window.span_s))
    pairs = ((getattr(window.time_domain, name), getattr(afresh, name), name) for name in _NAMES)
    return max((_relative(ours, batch), name) for ours, batch, name in pairs)


def _relative(ours: float, batch: float) -> float:
    if ours == batch or (math.isnan(ours) and math.isnan(batch)):
        return 0.0
    return abs(ours - batch) / abs(batch) if batch else math.inf
