"""Values: ours beside those of the peers, of plain formulas, of published rows and of another program's log."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from pipeline.analysis import corrected, sliding
from pipeline.frequency import bands, welch
from pipeline.indices import alpha1_indices
from pipeline.nonlinear import dfa_alpha1, sample_entropy
from pipeline.time_domain import histogram_mode, sqrt_stress_index, time_domain
from tests.bench import bases
from tests.bench.peers import INDICES, Peer, silence
from tests.bench.recordings import RUN_FEATURES, RUN_LOG, Series, everything, rest_5_min
from tests.bench.table import show, verdict
from tests.support import DATA

ALPHA1_WITHIN = 0.005
"""How far our alpha 1 may be from the plain formula's."""

_WINDOW_S, _STEP_S = 120.0, 5.0
_BAND = 0.2
_JUMP = 0.05

_HRV_ANALYSIS_SAMPLE = {
    "mean NN": 718.248,
    "SDNN": 43.113,
    "RMSSD": 19.519,
    "pNN50 (24 of 1000)": 2.4,
    "mean HR": 83.847,
    "SD1": 13.809,
    "SD2": 59.387,
    "SampEn": 1.2047,
}
"""What hrv-analysis gives for its own 1000 intervals; its documentation prints the first of them."""

_PYHRV_SAMPLE = {"mean NN": 888.955, "SDNN": 95.690, "RMSSD": 101.301, "pNN50": 48.512}
"""What pyhrv gives for its own 337 intervals."""


def our_indices(nn_ms: Series) -> dict[str, float]:
    """Our values by the names that the peers' adapters use."""
    of_time = time_domain(nn_ms)
    of_frequency = bands(welch(nn_ms.cumsum() / 1000, nn_ms))
    return {
        "RMSSD": of_time.rmssd_ms,
        "SDNN": of_time.sdnn_ms,
        "pNN50": of_time.pnn50_pct,
        "SD1": of_time.sd1_ms,
        "SD2": of_time.sd2_ms,
        "LF": of_frequency.lf_ms2,
        "HF": of_frequency.hf_ms2,
        "LFnu": of_frequency.lf_nu,
        "DFA a1": dfa_alpha1(nn_ms),
        "SampEn": sample_entropy(nn_ms),
    }


def print_values(to: Console, peers: list[Peer], data_dir: Path | None, windows: int = 500) -> None:
    """All tables of values."""
    _beside_the_peers(to, peers, "Five minutes of rest, 282 beats", rest_5_min())
    if data_dir is not None:
        run = bases.run(data_dir)
        _beside_the_peers(to, peers, f"The cleaned hour of a run, {run.size} beats", run)
    _beside_a_plain_dfa(to, everything(data_dir), windows)
    _beside_their_samples(to, data_dir)
    _beside_the_447_mornings(to)
    if data_dir is not None:
        _beside_the_log(to, data_dir)


def _beside_the_peers(to: Console, peers: list[Peer], title: str, nn_ms: Series) -> None:
    rows = [["Strapline", *_figures(our_indices(nn_ms))]]
    with silence():
        rows += [[peer.name, *_figures(peer.indices(nn_ms))] for peer in peers]
    show(to, title, ["", *INDICES], rows)


def _figures(values: Mapping[str, float]) -> list[str]:
    digits = {"LF": 1, "HF": 1, "LFnu": 1, "DFA a1": 3, "SampEn": 3}
    return [f"{values[name]:.{digits.get(name, 2)}f}" if name in values else "-" for name in INDICES]


def plain_alpha1(nn_ms: Series, sizes: Sequence[int] = tuple(range(4, 17))) -> float:
    """Alpha 1 by its definition, box by box with a fitted line, from both ends; slow and independent of ours."""
    profile = np.cumsum(nn_ms - nn_ms.mean())
    fluctuations = []
    for size in sizes:
        whole = profile.size // size * size
        boxes = np.concatenate((profile[:whole].reshape(-1, size), profile[profile.size - whole :].reshape(-1, size))).T
        place = np.arange(size)
        slope, start = np.polyfit(place, boxes, 1)
        fluctuations.append(math.sqrt(np.mean((boxes - np.outer(place, slope) - start) ** 2)))
    return float(np.polyfit(np.log(sizes), np.log(fluctuations), 1)[0])


def _windows(rr_ms: Series, step_s: float = _STEP_S) -> Iterator[Series]:
    time_s = rr_ms.cumsum() / 1000
    for end_s in np.arange(_WINDOW_S, time_s[-1], step_s):
        first, last = time_s.searchsorted([end_s - _WINDOW_S, end_s], side="right")
        if last - first >= 2 * 16:
            yield rr_ms[first:last]


def _beside_a_plain_dfa(to: Console, recordings: Mapping[str, Series], windows: int) -> None:
    rows, worst = [], 0.0
    for name, rr_ms in recordings.items():
        whole = abs(dfa_alpha1(rr_ms) - plain_alpha1(rr_ms))
        step_s = max(_STEP_S, rr_ms.sum() / 1000 / windows)
        off = [abs(dfa_alpha1(window) - plain_alpha1(window)) for window in _windows(rr_ms, step_s)]
        largest = max([whole, *off])
        worst = max(worst, largest)
        rows.append([name, str(rr_ms.size), f"{whole:.1e}", str(len(off)), f"{max(off):.1e}"])
    rows.append(["**worst**", "", "", f"target {ALPHA1_WITHIN}", f"{worst:.1e} {verdict(worst <= ALPHA1_WITHIN)}"])
    headings = ["recording", "beats", "whole: difference", "windows of 120 s", "largest difference"]
    show(to, "Alpha 1: ours less a plain DFA, 4 to 16, both ends (raw intervals)", headings, rows)


def _beside_their_samples(to: Console, data_dir: Path | None) -> None:
    rows = _sample_rows("pyhrv's sample", bases.read_rr_ms(DATA / "oracle_pyhrv_short" / "rr.csv"), _PYHRV_SAMPLE)
    if data_dir is not None:
        nn_ms = bases.awake(data_dir)
        rows += _sample_rows("hrv-analysis' sample", nn_ms, _HRV_ANALYSIS_SAMPLE)
        rows += [["hrv-analysis' sample", "sqrt SI", f"{sqrt_stress_index(nn_ms):.2f}", "none", ""]]
    show(to, "Two packages' values for their own samples", ["series", "", "ours", "theirs", "off"], rows)


def _sample_rows(series: str, nn_ms: Series, published: Mapping[str, float]) -> list[list[str]]:
    of_time = time_domain(nn_ms)
    ours = {
        **our_indices(nn_ms),
        "mean NN": of_time.mean_nn_ms,
        "mean HR": float(np.mean(60_000 / nn_ms)),  # theirs is the mean of the rates, not the rate of the mean
        "pNN50 (24 of 1000)": of_time.pnn50_pct * (nn_ms.size - 1) / nn_ms.size,  # theirs is over n here
    }
    return [
        [
            series,
            name,
            f"{ours[name]:.4g}" if ours[name] < 1 else f"{ours[name]:.4f}",
            f"{value}",
            f"{ours[name] - value:+.4f}",
        ]
        for name, value in published.items()
    ]


def _beside_the_447_mornings(to: Console) -> None:
    off: dict[str, list[float]] = {}
    with (DATA / "mornings_welltory" / "measurements.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            rr_ms = np.array(row["rr_data"].split(","), dtype=np.float64)
            of_time = time_domain(rr_ms)
            mode_s, amplitude_pct = histogram_mode(rr_ms)
            pairs = {
                "mean RR": (of_time.mean_nn_ms, "meanrr"),
                "SDNN": (of_time.sdnn_ms, "sdnn"),
                "RMSSD": (of_time.rmssd_ms, "rmssd"),
                "pNN50": (of_time.pnn50_pct, "pnn50"),
                "Mo": (mode_s, "mode"),
                "AMo": (amplitude_pct, "amo"),
            }
            for name, (ours, column) in pairs.items():
                off.setdefault(name, []).append(abs(ours - float(row[column])))
    rows = [[name, str(len(found)), f"{np.median(found):.4f}", f"{max(found):.4f}"] for name, found in off.items()]
    show(to, "Welltory's published rows", ["", "rows", "median difference", "largest"], rows)


def _beside_the_log(to: Console, data_dir: Path) -> None:
    """FatMaxxer's own Python figures for its run: a band, not a value."""
    rr_ms = bases.read_rr_ms(data_dir / RUN_LOG, column=1)
    with (data_dir / RUN_FEATURES).open(encoding="utf-8") as lines:
        theirs = {float(row["timestamp"]): float(row["alpha1"]) for row in csv.DictReader(lines)}
    stretches = sliding(corrected(rr_ms), _WINDOW_S, _STEP_S, (alpha1_indices,))
    ours = {each.start_s: each.indices.get("dfa_alpha1", math.nan) for each in stretches}
    rows = [
        _band_row("ours", ours, theirs),
        _band_row("ours, after their filter", _without_jumps(rr_ms, dfa_alpha1), theirs),
        _band_row("a plain DFA, after their filter, with their boxes", _without_jumps(rr_ms, _their_alpha1), theirs),
    ]
    headings = ["alpha 1", "windows", "no value", f"within {_BAND}", "median difference", "95 %", "worst"]
    show(to, "FatMaxxer's log of a run, windows from t to t + 120 s: difference to its alpha 1", headings, rows)


def _their_alpha1(nn_ms: Series) -> float:
    """30 sizes from 4 to 16, evenly spaced in their logarithm and rounded down: small ones come up to six times."""
    return plain_alpha1(nn_ms, [int(size + 1e-9) for size in np.geomspace(4, 16, 30)])


def _without_jumps(rr_ms: Series, alpha1: Callable[[Series], float]) -> dict[float, float]:
    """Alpha 1 after the log's own filter: beats that jump by more than 5 % from the one before are left out."""
    time_s = rr_ms.cumsum() / 1000
    begins_s = time_s - rr_ms / 1000
    found = {}
    for start_s in np.arange(0, time_s[-1] - _WINDOW_S, _STEP_S):
        window = rr_ms[(begins_s >= start_s) & (begins_s <= start_s + _WINDOW_S)]
        kept = np.concatenate(([True], np.abs(np.diff(window)) <= _JUMP * window[:-1]))
        found[float(start_s)] = alpha1(window[kept])
    return found


def _band_row(name: str, ours: Mapping[float, float], theirs: Mapping[float, float]) -> list[str]:
    both = np.array([ours[at] - theirs[at] for at in theirs if at in ours])
    off = np.abs(both[np.isfinite(both)])
    return [
        name,
        str(both.size),
        str(both.size - off.size),
        f"{100 * np.mean(off <= _BAND):.2f} %",
        f"{np.median(off):.3f}",
        f"{np.percentile(off, 95):.3f}",
        f"{off.max():.3f}",
    ]
