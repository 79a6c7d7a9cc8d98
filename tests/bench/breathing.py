"""Respiration: simulated hearts whose breath is known, at every rate from 4 to 30 a minute."""

from __future__ import annotations

import numpy as np
from rich.console import Console

from pipeline.respiration import respiration_rate
from tests.bench.table import show
from tests.unit.test_respiration import some_heart

RATES_PER_MIN = (4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30)
SPANS_S = (60, 120)

_AT_REST_BPM = (50, 100)
_WRONG_BY = 0.5


def print_respiration(to: Console, hearts: int) -> None:
    """Errors and yields by breathing rate, each over hearts at rest that differ in all else."""
    rows = []
    for rate_per_min in RATES_PER_MIN:
        rows.append([str(rate_per_min)])
        for span_s in SPANS_S:
            rows[-1] += _cells(rate_per_min, span_s, hearts)
    headings = [
        f"{span_s} s: {what}" for span_s in SPANS_S for what in ("given", "median error", "off by over 0.5", "worst")
    ]
    low, high = _AT_REST_BPM
    title = f"Respiration of {hearts} simulated hearts at {low} to {high} bpm: share with a rate, error in breaths/min"
    show(to, title, ["breaths/min", *headings], rows)


def _cells(rate_per_min: float, span_s: float, hearts: int) -> list[str]:
    random = np.random.default_rng(1)
    off = []
    for seed in range(hearts):
        heart = some_heart(random, random.uniform(*_AT_REST_BPM), rate_per_min)
        rate = respiration_rate(*heart.beats(seed, span_s)).rate_per_min
        off.append(abs(rate - rate_per_min))
    given = np.array(off)[np.isfinite(off)]
    if not given.size:
        return ["0 %", "-", "0", "-"]
    wrong = int(np.count_nonzero(given > _WRONG_BY))
    return [f"{100 * given.size / len(off):.0f} %", f"{np.median(given):.2f}", str(wrong), f"{given.max():.2f}"]
