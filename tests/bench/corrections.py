"""Artifacts: what correctors find, and what is left of the error in RMSSD and alpha 1 after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from pipeline.artifacts import BeatKind, Corrected, correct
from pipeline.nonlinear import dfa_alpha1
from pipeline.time_domain import time_domain
from tests.bench import bases
from tests.bench.injection import KINDS, inject
from tests.bench.peers import Flags, Peer, silence
from tests.bench.recordings import Base, Labelled, Series, clean_bases, labelled
from tests.bench.table import show, verdict

SHARES_PCT = (1, 3, 5)
ALPHA1_WITHIN = 0.05
LOSS_BELOW_PCT = 1.0
LABELLED_SENSITIVITY_PCT = 96.0
LABELLED_SPECIFICITY_PCT = 99.9

OURS = "Strapline"
UNTOUCHED = "untouched"

_SETTLED = 20
"""Intervals at either end of a series that no corrector can see whole; out of the count of what was flagged."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What correction leaves of a series."""

    rmssd_ms: float
    alpha1: float


Method = Callable[[Series], Outcome]
Detector = Callable[[Series], Flags]


def print_corrections(to: Console, peers: list[Peer], data_dir: Path | None, seeds: int) -> None:
    """All tables of artifacts."""
    found = clean_bases(data_dir)
    for base in found:
        _print_errors(to, base, methods(peers), seeds)
    _print_resets(to, found, methods(peers), seeds)
    detectors = {OURS: our_flags, **{peer.name: peer.flags for peer in peers if peer.flags is not None}}
    _print_clean(to, found, methods(peers), detectors)
    _print_injected(to, found, detectors)
    if data_dir is not None:
        _print_untouched_run(to, bases.run_untouched(data_dir), methods(peers))
        _print_labelled(to, labelled(data_dir), detectors)


def methods(peers: list[Peer]) -> dict[str, Method]:
    """Every way to correct, by name: none, ours, and those of the peers that are here."""
    known: dict[str, Method] = {UNTOUCHED: _outcome, OURS: _ours}
    for peer in peers:
        for name, way in peer.corrections.items():
            known[name] = _after(way)
    return known


def _outcome(nn_ms: Series) -> Outcome:
    return Outcome(time_domain(nn_ms).rmssd_ms, dfa_alpha1(nn_ms))


def _after(way: Callable[[Series], Series]) -> Method:
    def method(rr_ms: Series) -> Outcome:
        with silence():
            return _outcome(way(rr_ms))

    return method


def _ours(rr_ms: Series) -> Outcome:
    """As the live windows take it: what is left out counts nowhere, and no difference crosses it."""
    found = correct(rr_ms)
    counts = np.isfinite(found.nn_ms)
    nn_ms = found.nn_ms[counts]
    return Outcome(time_domain(nn_ms, found.follows[counts]).rmssd_ms, dfa_alpha1(nn_ms))


def our_flags(rr_ms: Series) -> Flags:
    """Which of the raw intervals our corrector touches."""
    return _touched(correct(rr_ms), rr_ms.size)


def _touched(found: Corrected, n: int) -> Flags:
    flags = np.zeros(n, np.bool_)
    for kind, first, end in zip(found.kinds, found.first, found.end, strict=True):
        if kind is not BeatKind.OK:
            flags[first : end + 1] = True
    return flags


def _print_errors(to: Console, base: Base, known: Mapping[str, Method], seeds: int) -> None:
    true = _outcome(base.nn_ms)
    rmssd_rows, alpha1_rows = [], []
    for kind, share_pct, clustered in _cases():
        series = [inject(base.nn_ms, kind, share_pct, seed, clustered=clustered).rr_ms for seed in range(seeds)]
        case = [f"{kind} {share_pct} %", "clustered" if clustered else "scattered"]
        outcomes = {name: [method(rr_ms) for rr_ms in series] for name, method in known.items()}
        rmssd = {name: [100 * (each.rmssd_ms / true.rmssd_ms - 1) for each in got] for name, got in outcomes.items()}
        alpha1 = {name: [each.alpha1 - true.alpha1 for each in got] for name, got in outcomes.items()}
        rmssd_rows.append([*case, *_cells(rmssd, 1), _judge(rmssd[OURS], base.rmssd_within_pct)])
        alpha1_rows.append([*case, *_cells(alpha1, 3), _judge(alpha1[OURS], ALPHA1_WITHIN)])
    of = f"{base.name}, {base.nn_ms.size} beats"
    about = f"mean of {seeds} seeds, and the worst of them in brackets"
    title = f"RMSSD after correction, {of}, true {true.rmssd_ms:.2f} ms: error in percent, {about}"
    show(to, title, ["", "", *known, f"ours within {base.rmssd_within_pct:g} %"], rmssd_rows)
    title = f"Alpha 1 after correction, {of}, true {true.alpha1:.3f}: error, {about}"
    show(to, title, ["", "", *known, f"ours within {ALPHA1_WITHIN}"], alpha1_rows)


def _print_resets(to: Console, found: list[Base], known: Mapping[str, Method], seeds: int) -> None:
    """Premature beats that set the sinus node back, as atrial ones do: no corrector is told where the time went."""
    rows = []
    for base in found:
        true = _outcome(base.nn_ms)
        for share_pct in SHARES_PCT:
            series = [with_resets(base.nn_ms, share_pct, seed) for seed in range(seeds)]
            off = {
                name: [100 * (method(rr_ms).rmssd_ms / true.rmssd_ms - 1) for rr_ms in series]
                for name, method in known.items()
            }
            rows.append([base.name, f"{share_pct} %", *_cells(off, 1)])
    title = "Premature beats with an incomplete pause: error of RMSSD in percent, mean and worst as above; no target"
    show(to, title, ["", "", *known], rows)


def with_resets(clean_ms: Series, share_pct: float, seed: int) -> Series:
    """A series in which a beat comes 20 to 40 % early, and the next interval makes up for a random part of it."""
    random = np.random.default_rng(seed)
    rr_ms = clean_ms.copy()
    pairs = random.choice(rr_ms.size // 2 - 1, round(rr_ms.size * share_pct / 100), replace=False)
    early_ms = rr_ms[2 * pairs] * random.uniform(0.2, 0.4, pairs.size)
    rr_ms[2 * pairs] -= early_ms
    rr_ms[2 * pairs + 1] += early_ms * random.uniform(0, 1, pairs.size)
    return rr_ms


def _cases() -> Iterator[tuple[str, int, bool]]:
    for kind in KINDS:
        for share_pct in SHARES_PCT:
            for clustered in (False, True):
                yield kind, share_pct, clustered


def _cells(errors: Mapping[str, list[float]], digits: int) -> list[str]:
    return [f"{np.mean(each):+.{digits}f} ({max(each, key=abs):+.{digits}f})" for each in errors.values()]


def _judge(errors: list[float], within: float) -> str:
    """By the mean; where a single seed lies outside, that is said too."""
    mean = verdict(bool(abs(np.mean(errors)) <= within))
    return mean if max(map(abs, errors)) <= within else f"{mean}, worst seed misses"


def _print_clean(
    to: Console, found: list[Base], known: Mapping[str, Method], detectors: Mapping[str, Detector]
) -> None:
    rows = []
    for name, method in known.items():
        if name == UNTOUCHED:
            continue
        cells = []
        for base in found:
            true, left = _outcome(base.nn_ms), method(base.nn_ms)
            cells += [f"{100 * (left.rmssd_ms / true.rmssd_ms - 1):+.2f} %", f"{left.alpha1 - true.alpha1:+.3f}"]
        rows.append([name, *cells])
    headings = [f"{base.name}: {what}" for base in found for what in ("RMSSD", "alpha 1")]
    show(to, f"What correction costs a clean series (ours: RMSSD below {LOSS_BELOW_PCT:g} %)", ["", *headings], rows)
    rows = [[name, *(_specificity(detect, base) for base in found)] for name, detect in detectors.items()]
    rows.append(["target for ours", *(f"{base.specificity_pct} %" for base in found)])
    show(to, "Share of a clean series' intervals left alone (specificity)", ["", *(base.name for base in found)], rows)


def _specificity(detect: Detector, base: Base) -> str:
    with silence():
        flags = detect(base.nn_ms)[_SETTLED:-_SETTLED]
    share_pct = 100 * (1 - float(np.mean(flags)))
    return f"{share_pct:.3f} %" + (f" {verdict(share_pct >= base.specificity_pct)}" if detect is our_flags else "")


def _print_injected(to: Console, found: list[Base], detectors: Mapping[str, Detector]) -> None:
    rows = []
    for base in found:
        for kind in KINDS:
            made = inject(base.nn_ms, kind, SHARES_PCT[-1], seed=0)
            rows.append([base.name, f"{kind} {SHARES_PCT[-1]} %"])
            rows[-1] += [_shares(_on_injected(detect, made.rr_ms, made.touched)) for detect in detectors.values()]
    show(to, "Injected events found / other intervals left alone, percent", ["", "", *detectors], rows)


def _print_untouched_run(to: Console, rr_ms: Series, known: Mapping[str, Method]) -> None:
    rows = [
        [name, f"{left.rmssd_ms:.2f}", f"{left.alpha1:.3f}"] for name, left in ((n, m(rr_ms)) for n, m in known.items())
    ]
    show(to, f"The hour of the run as the strap gave it, {rr_ms.size} beats", ["", "RMSSD, ms", "alpha 1"], rows)


def _print_labelled(to: Console, records: list[Labelled], detectors: Mapping[str, Detector]) -> None:
    rows = [[record.name, str(int(record.is_ectopic.sum()))] for record in records]
    rows.append(["all three", str(sum(int(record.is_ectopic.sum()) for record in records))])
    for detect in detectors.values():
        found = [_on_labels(detect, record) for record in records]
        for row, counts in zip(rows, [*found, np.sum(found, axis=0)], strict=True):
            row.append(_shares(counts))
    aim = f"{LABELLED_SENSITIVITY_PCT:g} / {LABELLED_SPECIFICITY_PCT:g}"
    seen, events, alone, others = np.sum([_on_labels(our_flags, record) for record in records], axis=0)
    holds = 100 * seen / events >= LABELLED_SENSITIVITY_PCT and 100 * alone / others >= LABELLED_SPECIFICITY_PCT
    title = f"Labelled ectopic beats found / other intervals left alone, percent (ours on all three, {aim}: "
    show(to, f"{title}{verdict(bool(holds))})", ["", "ectopic beats", *detectors], rows)


def _on_labels(detect: Detector, record: Labelled) -> NDArray[np.int64]:
    """Ectopic beats found, ectopic beats, other intervals left alone, other intervals.

    A premature beat makes the interval before it short and the one after it long: either gives it away.
    """
    with silence():
        flags = detect(record.rr_ms)
    after = np.concatenate((flags[1:], [False]))
    touched = record.is_ectopic | np.concatenate(([False], record.is_ectopic[:-1]))
    counted = ~_widened(touched | record.is_unsure)
    seen = int(np.count_nonzero((flags | after)[record.is_ectopic]))
    alone = int(np.count_nonzero(~flags[counted]))
    return np.array([seen, record.is_ectopic.sum(), alone, counted.sum()])


def _on_injected(detect: Detector, rr_ms: Series, touched: Flags) -> NDArray[np.int64]:
    """The same for injected events; of events that touch each other, one interval found is enough."""
    with silence():
        flags = detect(rr_ms)
    starts = np.flatnonzero(touched & ~np.concatenate(([False], touched[:-1])))
    ends = np.flatnonzero(touched & ~np.concatenate((touched[1:], [False])))
    seen = sum(bool(flags[start : end + 1].any()) for start, end in zip(starts, ends, strict=True))
    counted = ~_widened(touched)
    return np.array([seen, starts.size, int(np.count_nonzero(~flags[counted])), counted.sum()])


def _shares(counts: NDArray[np.int64]) -> str:
    seen, events, alone, others = counts.tolist()
    return f"{100 * seen / events:.1f} / {100 * alone / others:.2f}"


def _widened(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The marked intervals and the neighbour on either side, which some correctors move on purpose."""
    return np.convolve(marked, np.ones(3), mode="same") > 0
