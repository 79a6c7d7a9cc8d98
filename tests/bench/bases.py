"""Clean bases: stretches of real recordings without artifacts, into which artifacts are then put.

They are made by one plain rule that knows nothing of the corrector under test: an interval that lies too far off the
median of the 11 intervals around it, or that jumps, is replaced by that median. Every corrector, ours or another's, is
given the same bases.

Recordings that must not lie in this repository are read from a folder that the caller names.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

_HALF_MEDIAN = 5
_REST_OFF_PCT = 20.0
"""At rest neighbours differ by up to this: the usual limit (Malik)."""
_RUN_OFF_PCT = 5.0
"""In a run at 130 bpm healthy intervals lie within 3 % of their median."""
_JUMP_PCT = 25.0
"""Of 54 000 neighbours in two nights, 291 lie further apart, nearly all at premature beats and arousals."""

_NIGHT_HOURS = 8
_RUN_S = 3600.0


def read_rr_ms(path: Path, column: int = 0) -> NDArray[np.float64]:
    """One column of a table of RR intervals with a header line, plain or gzipped, in ms."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines()[1:] if line.strip()]
    return np.array([float(line.split(",")[column]) for line in lines])


def local_median_ms(rr_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of the 11 intervals around each one; the ends are continued by mirroring."""
    padded = np.pad(rr_ms, _HALF_MEDIAN, mode="reflect")
    median_ms: NDArray[np.float64] = np.median(sliding_window_view(padded, 2 * _HALF_MEDIAN + 1), axis=1)
    return median_ms


def without_outliers(rr_ms: NDArray[np.float64], off_pct: float) -> NDArray[np.float64]:
    """The series with every outlier replaced by its local median.

    An outlier is further than `off_pct` off its local median, or belongs to a pair of neighbours that lie further
    apart than `_JUMP_PCT` of it, which is how a premature beat looks that is only a little less than that off.
    """
    median_ms = local_median_ms(rr_ms)
    jumps = np.abs(np.diff(rr_ms)) > _JUMP_PCT / 100 * np.minimum(median_ms[1:], median_ms[:-1])
    outliers = np.abs(rr_ms - median_ms) > off_pct / 100 * median_ms
    outliers[1:] |= jumps
    outliers[:-1] |= jumps
    return np.where(outliers, median_ms, rr_ms)


def night(data_dir: Path, recording: str = "holter24_healthy_006") -> NDArray[np.float64]:
    """A healthy night: the 8 h with the fewest beats of a 24 h recording, about 27 000 of them."""
    rr_ms = read_rr_ms(data_dir / recording / "rr.csv.gz")
    return without_outliers(slowest_stretch(rr_ms, _NIGHT_HOURS * 3600), _REST_OFF_PCT)


def awake(data_dir: Path) -> NDArray[np.float64]:
    """1000 NN intervals of an awake adult (oracle_hrvanalysis_1000nn), clean as published."""
    path = data_dir / "oracle_hrvanalysis_1000nn" / "test_nn_intervals.txt"
    return np.array([float(line) for line in path.read_text(encoding="utf-8").split()])


def run(data_dir: Path) -> NDArray[np.float64]:
    """The steady hour of a run with a chest strap (run_h10_fatmaxxer)."""
    return without_outliers(run_untouched(data_dir), _RUN_OFF_PCT)


def run_untouched(data_dir: Path) -> NDArray[np.float64]:
    """The same hour as the strap gave it, artifacts and all."""
    rr_ms = read_rr_ms(data_dir / "run_h10_fatmaxxer" / "FatMaxOptimiser.20210606_161059.rr.csv", column=1)
    return fastest_stretch(rr_ms, _RUN_S)


def slowest_stretch(rr_ms: NDArray[np.float64], span_s: float) -> NDArray[np.float64]:
    """The stretch of `span_s` seconds with the fewest beats."""
    first, end = _stretches(rr_ms, span_s)
    at = int(np.argmin(end - first))
    return rr_ms[first[at] : end[at]]


def fastest_stretch(rr_ms: NDArray[np.float64], span_s: float) -> NDArray[np.float64]:
    """The stretch of `span_s` seconds with the most beats."""
    first, end = _stretches(rr_ms, span_s)
    at = int(np.argmax(end - first))
    return rr_ms[first[at] : end[at]]


def _stretches(rr_ms: NDArray[np.float64], span_s: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and one past the last interval of each stretch that starts with an interval and fits in."""
    time_s = np.concatenate(([0.0], rr_ms.cumsum() / 1000))
    first = np.flatnonzero(time_s + span_s <= time_s[-1])
    return first, np.searchsorted(time_s, time_s[first] + span_s)
