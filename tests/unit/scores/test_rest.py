from __future__ import annotations

import numpy as np
import pytest

from ingest.model import MarkerKind
from pipeline.scores.profile import Limits
from pipeline.scores.readings import Origin, Session
from pipeline.scores.rest import rest_minutes
from pipeline.scores.trace import MINUTE_NS, Trace
from tests.unit.scores.traces import START_NS, constant, trace_of

LIMITS = Limits(50.0, 190.0, resting_is_assumed=False, max_is_estimated=False)
HOUR = 3600


def quiet(**columns: float | np.ndarray) -> Trace:
    """Two hours of a quiet heart."""
    return trace_of(START_NS, constant(60.0, 2 * HOUR), **{"mean_hr_bpm": 60.0, "rmssd_ms": 40.0} | columns)


def minutes_after_start(trace: Trace, *runs: Session) -> list[int]:
    return [int(ns - START_NS) // MINUTE_NS for ns in rest_minutes(trace, LIMITS, runs).time_ns]


def test_each_full_minute_at_rest_counts_once() -> None:
    rest = rest_minutes(quiet(), LIMITS, ())
    assert minutes_after_start(quiet()) == list(range(120))
    assert set(rest.heart_rate_bpm) == {60.0}
    assert rest.ln_rmssd[0] == pytest.approx(np.log(40.0))


@pytest.mark.parametrize("columns", [{"mean_hr_bpm": 106.0}, {"rmssd_ms": np.nan}, {"rmssd_ms": 0.0}])
def test_a_minute_of_effort_or_without_a_valid_rmssd_is_none(columns: dict[str, float]) -> None:
    assert minutes_after_start(quiet(**columns)) == []


def test_minutes_of_a_run_and_of_the_half_hour_after_it_are_none_however_slow_the_heart() -> None:
    run = Session(MarkerKind.RUN, START_NS + 20 * MINUTE_NS, START_NS + 50 * MINUTE_NS, Origin.COMMAND)
    assert minutes_after_start(quiet(), run) == [*range(21), *range(81, 120)]
