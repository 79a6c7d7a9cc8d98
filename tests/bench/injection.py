"""Artifacts put into a clean series, for the measurement of what a corrector gives back.

The three kinds that a strap makes, as in studies of correctors (Lipponen and Tarvainen 2019):

- missed: two successive intervals are merged into their sum, as when one beat in between was not seen;
- extra: one interval is split in two, at a random 0.3 to 0.7 of its length;
- ectopic: an interval is shortened by a random 20 to 40 %, and the next lengthened by as much, so that their sum stays.

Scattered events lie anywhere. Clustered ones come in bursts of 2 to 6 with 0 to 2 clean intervals between them.
No two events share an interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KINDS = ("missed", "extra", "ectopic")

_INTERVALS_OF = {"missed": 2, "extra": 1, "ectopic": 2}
_SPLIT_AT = (0.3, 0.7)
_PREMATURE_BY = (0.2, 0.4)
_BURST = (2, 6)
_BETWEEN = (0, 2)


@dataclass(frozen=True, slots=True)
class Injected:
    """A series with artifacts in it."""

    rr_ms: NDArray[np.float64]
    touched: NDArray[np.bool_]  # shape of rr_ms: whether an event made or changed the interval


def inject(
    clean_ms: NDArray[np.float64], kind: str, share_pct: float, seed: int, *, clustered: bool = False
) -> Injected:
    """The series with `share_pct` events per 100 clean intervals.

    Args:
        clean_ms: the clean series, shape (n,), ms.
        kind: one of KINDS, or "mixed" for a random one of them at each event.
        share_pct: events in percent of n.
        seed: of the random places and sizes; the same seed gives the same series.
        clustered: whether half of the events come in bursts.
    """
    rng = np.random.default_rng(seed)
    events = max(1, round(clean_ms.size * share_pct / 100))
    kinds = [str(k) for k in rng.choice(KINDS, events)] if kind == "mixed" else [kind] * events
    starts = _places(rng, clean_ms.size, kinds, clustered=clustered)
    out: list[float] = []
    touched: list[bool] = []
    i = 0
    while i < clean_ms.size:
        at = starts.get(i)
        made = _event(rng, clean_ms[i : i + 2], at) if at else [float(clean_ms[i])]
        out += made
        touched += [at is not None] * len(made)
        i += _INTERVALS_OF[at] if at else 1
    return Injected(np.array(out), np.array(touched))


def _event(rng: np.random.Generator, clean_ms: NDArray[np.float64], kind: str) -> list[float]:
    first_ms, next_ms = float(clean_ms[0]), float(clean_ms[-1])
    if kind == "missed":
        return [first_ms + next_ms]
    if kind == "extra":
        part_ms = first_ms * rng.uniform(*_SPLIT_AT)
        return [part_ms, first_ms - part_ms]
    early_ms = first_ms * rng.uniform(*_PREMATURE_BY)
    return [first_ms - early_ms, next_ms + early_ms]


def _places(rng: np.random.Generator, n: int, kinds: list[str], *, clustered: bool) -> dict[int, str]:
    """Index of the first interval of each event, and its kind; no two overlap."""
    taken = np.zeros(n, dtype=bool)
    starts: dict[int, str] = {}
    in_bursts = len(kinds) // 2 if clustered else 0
    queue = list(kinds)
    while queue:
        burst = min(len(queue), int(rng.integers(_BURST[0], _BURST[1] + 1))) if len(starts) < in_bursts else 1
        at, wanted = int(rng.integers(0, n)), {}
        for kind in queue[:burst]:
            wanted[at] = kind
            at += _INTERVALS_OF[kind] + int(rng.integers(_BETWEEN[0], _BETWEEN[1] + 1))
        if at > n or any(taken[place : place + _INTERVALS_OF[kind]].any() for place, kind in wanted.items()):
            continue
        for place, kind in wanted.items():
            taken[place : place + _INTERVALS_OF[kind]] = True
        starts |= wanted
        queue = queue[burst:]
    return starts
