"""The minutes at rest of a stretch of time: what stress is told from. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.scores.profile import Limits
from pipeline.scores.readings import RestMinutes, Session
from pipeline.scores.relief import SETTLED_AFTER_NS
from pipeline.scores.stress import is_at_rest
from pipeline.scores.trace import MINUTE_NS, Trace


def rest_minutes(trace: Trace, limits: Limits, runs: Iterable[Session]) -> RestMinutes:
    """The full minutes at rest: below 40 % of heart-rate reserve, with a valid RMSSD, outside runs and their wake.

    RMSSD is valid with 80 % coverage and at most 5 % artifacts. In the half hour after a run the heart tells of the
    effort: such minutes are none of rest, and would widen what counts as usual for the person.
    """
    moments = trace.moments
    with np.errstate(divide="ignore"):
        ln_rmssd = np.log(moments["rmssd_ms"])
    wanted = (trace.moment_ns % MINUTE_NS == 0) & is_at_rest(moments["mean_hr_bpm"], limits) & np.isfinite(ln_rmssd)
    for run in runs:
        wanted &= (trace.moment_ns <= run.start_ns) | (trace.moment_ns - MINUTE_NS >= run.end_ns + SETTLED_AFTER_NS)
    return RestMinutes(
        trace.moment_ns[wanted], moments["mean_hr_bpm"][wanted], ln_rmssd[wanted], moments["sqrt_si"][wanted]
    )
