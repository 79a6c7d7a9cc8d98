"""How fast the indices are, as ratios to the libraries people use, in the same run: python -m tests.bench.speed.

Prints Markdown tables. Ours and the peer's work take turns on the same window, so both meet the same load; what a
peer takes as input is made before the clock starts.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
from rich.console import Console

from ingest.model import BeatBatch
from ingest.recording import demo_recording
from pipeline import frequency, nonlinear
from pipeline.analysis import corrected, sliding, untouched
from pipeline.engine import Engine
from pipeline.frequency import bands, welch
from pipeline.indices import (
    ALL_PARTS,
    ENTROPY_EVERY_S,
    ENTROPY_SPAN_S,
    LIVE_PARTS,
    Part,
    entropy_indices,
    spectral_indices,
    time_indices,
)
from pipeline.nonlinear import dfa_alpha1
from pipeline.running_sums import NnSums, to_units
from pipeline.time_domain import TimeDomain, columns_of, time_domain
from tests.bench import bases
from tests.bench.batches import batches
from tests.bench.drift import print_drift
from tests.bench.peers import DISTRIBUTIONS, Peer, absent, installed, silence
from tests.bench.recordings import Series, rest_5_min
from tests.bench.table import Duration, console, describe, durations, keep, show, verdict

_NIGHT_S = 7.5 * 3600
_LIVE_EVERY_S = 5
_SLOW = {"NeuroKit2", "pyhrv"}  # seconds for a night: one round is enough
_LONGEST_WINDOW_S = 300

Work = Callable[[], object]


class SlidingSums:
    """The 60 s time-domain update as the live path does it: one beat in, one out, all indices read from the sums."""

    def __init__(self, nn_ms: Series) -> None:
        units = [to_units(each) for each in nn_ms.tolist()]
        self._sums = NnSums()
        for each in units:
            self._sums.add(each)
        for before, after in pairwise(units):
            self._sums.add_difference(after - before)
        self._steps = cycle(range(len(units)))
        self._units = units

    def step(self) -> TimeDomain:
        """The window one beat further, with what fell out at its beginning coming in at its end."""
        at = next(self._steps)
        units, n = self._units, len(self._units)
        first, second, last = units[at], units[(at + 1) % n], units[at - 1]
        self._sums.add(first, -1)
        self._sums.add_difference(second - first, -1)
        self._sums.add(first)
        self._sums.add_difference(first - last)
        return self._sums.time_domain()


@dataclass(frozen=True, slots=True)
class Case:
    """Two pieces of work on the same data."""

    what: str
    ours: Work
    peer: str
    theirs: Work
    of_theirs: str
    at_least: float | None = None  # target of the ratio
    calls: int = 20
    works: int = 1  # pieces of ours in one call, each of which is compared

    def row(self, repeats: int, calls: int) -> list[str]:
        """Both timed in turns, and their ratio."""
        with silence():
            ours, theirs = durations([self.ours, self.theirs], repeats, calls)
        ours = Duration(ours.median_s / self.works, ours.best_s / self.works)
        ratio = theirs.median_s / ours.median_s
        aim = "" if self.at_least is None else f"{self.at_least:g}: {verdict(ratio >= self.at_least)}"
        return [self.what, _time(ours), self.peer, self.of_theirs, _time(theirs), f"{ratio:,.1f}", aim]


_HEADINGS = ("ours", "median (best)", "peer", "compared with", "median (best)", "ratio of medians", "target")


def _time(of: Duration) -> str:
    unit, factor = ("µs", 1e6) if of.median_s < 1e-3 else ("ms", 1e3)
    return f"{of.median_s * factor:,.2f} ({of.best_s * factor:,.2f}) {unit}"


def print_windows(to: Console, peers: list[Peer], run_ms: Series, repeats: int) -> None:
    """One window at a time: time domain of 60 s, alpha 1 of 120 s, band powers of 300 s."""
    show(to, "One window", _HEADINGS, [each.row(repeats, each.calls) for each in _window_cases(peers, run_ms)])


def _window_cases(peers: list[Peer], run_ms: Series) -> Iterator[Case]:
    minute, two = (bases.fastest_stretch(run_ms, span_s) for span_s in (60, 120))
    rest = rest_5_min()
    rest_s = rest.cumsum() / 1000
    step = f"60 s, {minute.size} beats: one beat further, all of the time domain"
    one_line = partial(_rmssd_in_one_line, minute)
    yield Case(step, SlidingSums(minute).step, "NumPy", one_line, "RMSSD alone, in one line")
    for peer in peers:
        of_minute = peer.prepare(minute)
        yield Case(step, SlidingSums(minute).step, peer.name, partial(peer.rmssd, of_minute), "its RMSSD alone", 30)
    many = "60 s, every position of an hour at once, for each"
    update = partial(_all_positions, run_ms)
    for peer in peers:
        rmssd = partial(peer.rmssd, peer.prepare(minute))
        yield Case(many, update, peer.name, rmssd, "its RMSSD alone", 30, works=run_ms.size)
    for peer in peers:
        whole = partial(time_domain, minute)
        theirs = partial(peer.time_domain, peer.prepare(minute))
        yield Case("the same window computed afresh", whole, peer.name, theirs, "its time domain")
    for peer in peers:
        for name, call in peer.alpha1.items():
            theirs, slow = partial(call, peer.prepare(two)), name == "hrv_nonlinear"
            what, aim, calls = f"120 s, {two.size} beats: alpha 1", 1000 if slow else 30, 1 if slow else 5
            yield Case(what, partial(dfa_alpha1, two), peer.name, theirs, name, aim, calls)
    for peer in peers:
        theirs = partial(peer.frequency, peer.prepare(rest))
        powers = partial(_band_powers, rest_s, rest)
        yield Case(f"300 s, {rest.size} beats: band powers", powers, peer.name, theirs, "its Welch")


def _all_positions(nn_ms: Series) -> object:
    """The time domain of the 60 s before each beat."""
    ends_s = nn_ms.cumsum() / 1000
    firsts = ends_s.searchsorted(ends_s - 60, side="right")
    return columns_of(nn_ms, np.ones(nn_ms.size, np.bool_), firsts, np.arange(1, nn_ms.size + 1))


def _rmssd_in_one_line(nn_ms: Series) -> object:
    return np.sqrt(np.mean(np.diff(nn_ms) ** 2))


def _band_powers(time_s: Series, nn_ms: Series) -> object:
    return bands(welch(time_s, nn_ms))


def print_night(to: Console, peers: list[Peer], night_ms: Series, repeats: int) -> None:
    """A night in windows of 5 min: the indices that all have, and everything."""
    windows = _cut(night_ms)
    both = partial(_analyze, night_ms, (time_indices, spectral_indices))
    everything = partial(_analyze, night_ms, ALL_PARTS)
    most = partial(_analyze, night_ms, tuple(part for part in ALL_PARTS if part is not entropy_indices))
    rows = []
    for peer in peers:
        prepared = [peer.prepare(window) for window in windows]
        theirs = partial(_time_and_frequency, peer, prepared)
        times = 1 if peer.name in _SLOW else repeats
        rows.append(Case("time and frequency", both, peer.name, theirs, "the same", 5).row(times, 1))
        live = "all but sample entropy: 24 indices"
        rows.append(Case(live, most, peer.name, theirs, "time and frequency", 5).row(times, 1))
        rows.append(Case("all indices", everything, peer.name, theirs, "time and frequency", 5).row(times, 1))
        if peer.everything is not None:
            few = partial(_each, peer.everything, prepared[:3])
            ours = partial(_analyze, np.concatenate(windows[:3]), ALL_PARTS)
            rows.append(Case("all indices, 3 windows", ours, peer.name, few, "all indices, 3 windows").row(1, 1))
    show(to, f"{len(windows)} windows of 5 min, {night_ms.size} beats", _HEADINGS, rows)


def _cut(nn_ms: Series) -> list[Series]:
    time_s = nn_ms.cumsum() / 1000
    edges = time_s.searchsorted(np.arange(0, time_s[-1], _LONGEST_WINDOW_S), side="right")
    return [window for window in np.split(nn_ms, edges[1:]) if window.sum() > 0.9 * 1000 * _LONGEST_WINDOW_S]


def _analyze(nn_ms: Series, parts: tuple[Part, ...]) -> None:
    for _ in sliding(untouched(nn_ms), _LONGEST_WINDOW_S, _LONGEST_WINDOW_S, parts):
        pass


def _each(call: Callable[[object], object], prepared: list[object]) -> None:
    for window in prepared:
        call(window)


def _time_and_frequency(peer: Peer, prepared: list[object]) -> None:
    for window in prepared:
        peer.time_domain(window)
        peer.frequency(window)


def print_live(to: Console, night_ms: Series, run_ms: Series) -> None:
    """The whole live path of one person, from beats to points, in processor time."""
    rows = []
    for name, rr_ms in (("run", run_ms), ("night", night_ms)):
        found = batches(_ticks(rr_ms))
        began_s = time.process_time()
        spent_ms = _by_readouts(found)
        whole_s = time.process_time() - began_s
        steady = np.array(spent_ms[_LONGEST_WINDOW_S // _LIVE_EVERY_S :])
        figures = (np.median(steady), steady.mean(), np.percentile(steady, 95), steady.max())
        judged = verdict(bool(figures[1] < 1))
        rows.append([name, str(rr_ms.size), *(f"{each:.2f}" for each in figures), judged, f"{whole_s:.2f}"])
    headings = ["", "beats", "median", "mean", "95 %", "worst", "mean below 1", "whole recording, s"]
    show(to, "Live path, everything that 5 s of beats cause: processor time in ms", headings, rows)


def print_recomputed(to: Console, night_ms: Series) -> None:
    """All live indices of a night at once, as for a history that is computed anew: processor time in s."""
    began_s = time.process_time()
    series = corrected(night_ms)
    corrected_s = time.process_time() - began_s
    positions = 0
    for span_s, parts in LIVE_PARTS.items():
        positions = max(positions, _count(sliding(series, span_s, _LIVE_EVERY_S, parts)))
    _count(sliding(series, ENTROPY_SPAN_S, ENTROPY_EVERY_S, (entropy_indices,)))
    whole_s = time.process_time() - began_s
    row = [str(night_ms.size), str(positions), f"{corrected_s:.2f}", f"{whole_s:.2f}", verdict(whole_s < 3)]
    headings = ["beats", "window positions", "correction, s", "with all live indices, s", "below 3"]
    show(to, "A night at once, every 5 s", headings, [row])


def _count(each: Iterable[object]) -> int:
    return sum(1 for _ in each)


def _ticks(rr_ms: Series) -> list[int]:
    return [round(each * 1.024) for each in rr_ms.tolist()]


def _by_readouts(found: list[BeatBatch]) -> list[float]:
    engine = Engine()
    spent_ms: list[float] = []
    next_ns = 0
    for batch in found:
        began_s = time.process_time()
        engine.step(batch)
        took_ms = (time.process_time() - began_s) * 1000
        if batch.received_ns >= next_ns:
            next_ns = batch.received_ns + _LIVE_EVERY_S * 1_000_000_000
            spent_ms.append(0.0)
        spent_ms[-1] += took_ms
    return spent_ms


def print_memory(to: Console, rr_ms: Series, hours: float) -> None:
    """What one more person takes, without the tables that all persons share."""
    day = np.tile(rr_ms, 1 + int(hours * 3_600_000 / rr_ms.sum()))
    found = batches(_ticks(day[day.cumsum() <= hours * 3_600_000]), "b")
    engine = Engine()
    for batch in batches(_ticks(rr_ms[:1000]), "a"):
        engine.step(batch)
    rows: list[list[str]] = []
    shared = [tracemalloc.Filter(False, str(each.__file__)) for each in (frequency, nonlinear)]  # noqa: FBT003 - theirs
    tracemalloc.start()
    for index, batch in enumerate(found, start=1):
        engine.step(batch)
        if index % (len(found) // 4) == 0 or index == 900:
            gc.collect()
            traces = tracemalloc.take_snapshot().filter_traces([*shared, _FRAMES]).statistics("filename")
            held_kb = sum(each.size for each in traces) / 1024
            rows.append([f"{(batch.received_ns - found[0].received_ns) / 3.6e12:.2f}", f"{held_kb:.0f}"])
    tracemalloc.stop()
    show(to, "Memory of one person's state in the engine", ["after h", "kB"], rows)


_FRAMES = tracemalloc.Filter(inclusive=True, filename_pattern="*/pipeline/*")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.speed")
    parser.add_argument("--data", type=Path, help="folder of recordings that are not in this repository")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--hours", type=float, default=24, help="of the measurement of memory")
    parser.add_argument("--beats", type=int, default=10_000_000, help="of the search for drift")
    parser.add_argument("--into", type=Path, help="page whose measured tables are replaced: docs/performance.md")
    chosen = parser.parse_args()
    to = console()
    peers = installed()
    to.print(f"{describe('numpy', 'scipy', *DISTRIBUTIONS.values())}, {chosen.repeats} rounds")
    if absent():
        to.print(f"not installed: {', '.join(absent())}")
    run_ms, night_ms = _recordings(chosen.data)
    print_windows(to, peers, run_ms, chosen.repeats)
    print_live(to, night_ms, run_ms)
    print_recomputed(to, night_ms)
    print_night(to, peers, night_ms, chosen.repeats)
    print_memory(to, night_ms, chosen.hours)
    keep(to, chosen.into, "indices")
    print_drift(to, night_ms, chosen.beats)
    keep(to, chosen.into, "drift")


def _recordings(data_dir: Path | None) -> tuple[Series, Series]:
    """A run and a night; without a folder, the demo's graded test in their place, again and again for the night."""
    if data_dir is not None:
        return bases.run(data_dir), bases.night(data_dir)
    demo_ms = np.array(demo_recording().rr_ticks) / 1.024
    return demo_ms, np.tile(demo_ms, int(_NIGHT_S * 1000 / demo_ms.sum()))


if __name__ == "__main__":
    main()
