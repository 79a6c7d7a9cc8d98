"""Heart-rate drift from traces whose drift is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import ArrayLike

from ingest.model import MarkerKind
from pipeline.scores.drift import Drift, heart_rate_drift
from pipeline.scores.readings import Origin, Session
from pipeline.scores.trace import SECOND_NS
from tests.unit.scores.traces import START_NS, constant, ramp, recovery, trace_of

WARM_UP = ramp(80, 140, 600)
MINUTE = 60


def found_in(*parts: ArrayLike, is_open: bool = False) -> Drift:
    """The drift of a run that is as long as its parts."""
    bpm = np.concatenate(parts)
    session = Session(MarkerKind.RUN, START_NS, START_NS + bpm.size * SECOND_NS, Origin.COMMAND, is_open=is_open)
    return heart_rate_drift(trace_of(START_NS, bpm), session)


def test_halves_of_140_and_147_bpm_have_a_drift_of_5_percent() -> None:
    found = found_in(WARM_UP, constant(140, 20 * MINUTE), constant(147, 20 * MINUTE), constant(147, 2 * MINUTE))
    assert found.pct == pytest.approx(5)
    assert found.reason == ""


def test_neither_warm_up_nor_a_late_end_of_the_session_counts() -> None:
    assert found_in(WARM_UP, constant(140, 30 * MINUTE), recovery(140, 90, 2 * MINUTE)).pct == pytest.approx(0)


def test_heart_rate_that_falls_has_a_negative_drift() -> None:
    found = found_in(WARM_UP, ramp(150, 140, 40 * MINUTE), constant(140, 2 * MINUTE))
    assert found.pct == pytest.approx(-100 * 5 / 147.5, abs=0.01)


def test_one_second_less_than_half_an_hour_is_too_short() -> None:
    found = found_in(WARM_UP, constant(140, 30 * MINUTE - 1), constant(140, 2 * MINUTE))
    assert found == Drift(reason="fewer than 30 minutes between warm-up and end")


def test_intervals_and_a_steep_rise_are_no_steady_run() -> None:
    intervals = np.tile(np.concatenate((constant(125, 4 * MINUTE), constant(165, 4 * MINUTE))), 5)
    assert found_in(WARM_UP, intervals, constant(140, 2 * MINUTE)) == Drift(reason="no steady run")
    assert found_in(WARM_UP, ramp(120, 170, 40 * MINUTE), constant(170, 2 * MINUTE)) == Drift(reason="no steady run")


def test_a_hilly_run_of_even_effort_is_steady() -> None:
    hills = 140 + 6 * np.sin(np.arange(40 * MINUTE) * 2 * math.pi / 300) + ramp(0, 8, 40 * MINUTE)
    assert found_in(WARM_UP, hills, constant(148, 2 * MINUTE)).pct == pytest.approx(100 * 4 / 142, abs=0.1)


def test_a_half_with_a_fifth_of_its_seconds_missing_is_not_compared() -> None:
    second_half = constant(145, 20 * MINUTE)
    parts = WARM_UP, constant(140, 20 * MINUTE), second_half, constant(145, 2 * MINUTE)
    second_half[:240] = math.nan
    assert found_in(*parts).pct == pytest.approx(100 * 5 / 140)
    second_half[:241] = math.nan
    assert found_in(*parts) == Drift(reason="heart rate is missing for too long")


def test_a_run_that_goes_on_has_no_drift_yet() -> None:
    assert found_in(WARM_UP, constant(140, 40 * MINUTE), is_open=True) == Drift(reason="the run goes on")
