"""How hard a run is from moment to moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.scores.readings import NO_EFFORT, Effort, Session
from pipeline.scores.trace import SECOND_NS, Trace

EVERY_NS = 10 * SECOND_NS
"""Own: long enough that a zone does not flicker, short enough to follow a runner."""


def effort_of(trace: Trace, runs: Iterable[Session]) -> Effort:
    """Mean heart rate of each full 10 s of Unix time that lies in a run, as far as it is known.

    Args:
        trace: covers the runs.
        runs: in order of time, apart from each other.

    Returns:
        One row for each 10 s with a heart rate in it; no row where there is none.
    """
    parts = [trace.between(run.start_ns, run.end_ns) for run in runs]
    if not any(part.second_ns.size for part in parts):
        return NO_EFFORT
    second_ns = np.concatenate([part.second_ns for part in parts])
    heart_rate_bpm = np.concatenate([part.heart_rate_bpm for part in parts])
    # A row is stamped at its end, so that the second 0 belongs to the 10 s before it.
    time_ns, first = np.unique(-(-second_ns // EVERY_NS) * EVERY_NS, return_index=True)
    counts = np.diff(first, append=second_ns.size)
    return Effort(time_ns, np.add.reduceat(heart_rate_bpm, first) / counts)
