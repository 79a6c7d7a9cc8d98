"""How hard a run is from moment to moment."""

from __future__ import annotations

import numpy as np

from ingest.model import MarkerKind
from pipeline.scores.effort import effort_of
from pipeline.scores.readings import Origin, Session
from pipeline.scores.trace import SECOND_NS
from tests.unit.scores.traces import START_NS, ramp, trace_of


def _run(from_s: int, to_s: int) -> Session:
    return Session(
        MarkerKind.RUN, START_NS + from_s * SECOND_NS, START_NS + to_s * SECOND_NS, Origin.COMMAND, is_open=False
    )


def _offsets_s(time_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    return ((time_ns - START_NS) // SECOND_NS).tolist()


def test_each_ten_seconds_of_the_runs_have_the_mean_of_the_seconds_that_are_known() -> None:
    bpm = ramp(100, 160, 60)
    bpm[12:20] = np.nan

    effort = effort_of(trace_of(START_NS, bpm), [_run(0, 25), _run(40, 60)])

    assert _offsets_s(effort.time_ns) == [0, 10, 20, 30, 40, 50, 60]
    # The seconds 0 and 40 end the ten seconds before them; of 11 to 20 only 11 and 20 are known.
    assert effort.heart_rate_bpm.tolist() == [100, 105.5, 115.5, 122.5, 140, 145.5, 155]


def test_without_a_run_or_without_beats_in_it_there_is_no_effort() -> None:
    trace = trace_of(START_NS, ramp(100, 160, 60))

    assert effort_of(trace, []).time_ns.size == 0
    assert effort_of(trace, [_run(100, 200)]).time_ns.size == 0
