from __future__ import annotations

import math

import numpy as np
import pytest

from ingest.model import Marker, MarkerAction, MarkerKind
from pipeline.scores.morning import morning_of
from pipeline.scores.readings import MorningReading, Origin, Session
from pipeline.scores.sessions import Said
from pipeline.scores.trace import SECOND_NS, Trace
from tests.unit.scores.traces import START_NS, constant, moments_of, trace_of

SECONDS = 900


def session(seconds: int) -> Session:
    return Session(MarkerKind.MORNING, START_NS, START_NS + seconds * SECOND_NS, Origin.COMMAND)


def trace(**columns: float | np.ndarray) -> Trace:
    given = {"nn_count": 60.0, "mean_hr_bpm": 60.0, "rmssd_ms": 40.0} | columns
    return trace_of(START_NS, constant(60.0, SECONDS), **given)


def by_time(before: float, after: float, change_s: int) -> np.ndarray:
    """A column that changes at a moment."""
    return np.where(moments_of(START_NS, SECONDS) <= START_NS + change_s * SECOND_NS, before, after)


def reading(seconds: int, of: Trace, *said: Said) -> tuple[MorningReading | None, str]:
    return morning_of([session(seconds)], said, of)


def test_a_minute_settles_and_three_are_recorded() -> None:
    found, reason = reading(300, trace(rmssd_ms=by_time(10.0, 40.0, 60)))
    assert found is not None
    assert reason == ""
    assert (found.seconds, found.heart_rate_bpm) == (180.0, 60.0)
    assert found.ln_rmssd == pytest.approx(math.log(40.0))


def test_minutes_weigh_by_their_beats_and_join_as_squares() -> None:
    found, _ = reading(180, trace(rmssd_ms=by_time(30.0, 60.0, 120), nn_count=by_time(60.0, 120.0, 120)))
    assert found is not None
    assert found.seconds == 120.0
    assert math.exp(found.ln_rmssd) == pytest.approx(math.sqrt((60 * 30**2 + 120 * 60**2) / 180))


@pytest.mark.parametrize(
    ("seconds", "columns", "reason"),
    [(100, {}, "shorter than 120 s"), (240, {"rmssd_ms": np.nan}, "too many gaps or artifacts")],
)
def test_too_little_or_too_bad_data_gives_no_reading_and_the_reason(
    seconds: int, columns: dict[str, float], reason: str
) -> None:
    found, why = reading(seconds, trace(**columns))
    assert found is None
    assert reason in why


def test_who_stands_up_has_both_postures_recorded_each_after_settling() -> None:
    stood_up = Said(START_NS + 240 * SECOND_NS, Marker(MarkerKind.MORNING, MarkerAction.NOTE, "Standing"))
    of = trace(mean_hr_bpm=by_time(60.0, 80.0, 240), rmssd_ms=by_time(40.0, 20.0, 240))
    found, _ = reading(480, of, stood_up)
    assert found is not None
    assert (found.heart_rate_bpm, found.standing_heart_rate_bpm) == (60.0, 80.0)
    assert found.standing_ln_rmssd == pytest.approx(math.log(20.0))
