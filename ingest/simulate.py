"""A seeded simulated runner: RR intervals of warm-up, run and recovery, without end. Pure.

For trying the whole path without a strap. The heart rate follows the effort with a first-order lag; breathing
modulates it (respiratory sinus arrhythmia), the less the harder the effort; noise does the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from ingest.model import TICKS_PER_SECOND

# (seconds, heart rate that the effort drives at), again and again
_EFFORT = ((120, 68.0), (240, 110.0), (900, 148.0), (120, 172.0), (300, 90.0))
_LAG_S = 35.0
_REST_BPM = 60.0
_MAX_BPM = 190.0


def simulated_rr_ticks(seed: int) -> Iterator[int]:
    """Endless RR intervals in 1/1024 s of one runner; the same seed gives the same intervals."""
    random = Random(seed)  # noqa: S311 - a simulation, no secret
    cycle_s = sum(seconds for seconds, _ in _EFFORT)
    heart_rate_bpm = _EFFORT[0][1]
    elapsed_s = 0.0
    while True:
        rr_s = 60.0 / heart_rate_bpm
        target_bpm = _target_bpm(elapsed_s % cycle_s)
        heart_rate_bpm += (target_bpm - heart_rate_bpm) * (1 - math.exp(-rr_s / _LAG_S))
        reserve = min(1.0, max(0.0, (heart_rate_bpm - _REST_BPM) / (_MAX_BPM - _REST_BPM)))
        breath_hz = 0.2 + 0.4 * reserve
        modulation_s = (1 - reserve) ** 2 * 0.05 * math.sin(2 * math.pi * breath_hz * elapsed_s)
        rr_s += modulation_s + random.gauss(0.0, 0.012 * (1 - reserve) ** 2 + 0.002)
        ticks = round(rr_s * TICKS_PER_SECOND)
        elapsed_s += ticks / TICKS_PER_SECOND
        yield ticks


def _target_bpm(phase_s: float) -> float:
    for seconds, target_bpm in _EFFORT:
        if phase_s < seconds:
            return target_bpm
        phase_s -= seconds
    return _EFFORT[-1][1]
