from __future__ import annotations

import numpy as np

from ingest.model import Marker, MarkerAction, MarkerKind
from pipeline.scores.profile import Limits
from pipeline.scores.readings import Origin, Session
from pipeline.scores.sessions import Said, commanded_sessions, detected_morning, detected_runs, sessions_of
from pipeline.scores.trace import SECOND_NS, Trace
from tests.unit.scores.traces import START_NS, constant, ramp, trace_of

LIMITS = Limits(50.0, 190.0, resting_is_assumed=False, max_is_estimated=False)
EASY_BPM, HARD_BPM = 80.0, 150.0  # 21 % and 71 % of the reserve
RUN, MORNING = MarkerKind.RUN, MarkerKind.MORNING
MINUTE_NS = 60 * SECOND_NS


def at(minutes: float) -> int:
    return START_NS + round(minutes * MINUTE_NS)


def said(minutes: float, action: MarkerAction, kind: MarkerKind = RUN, text: str = "") -> Said:
    return Said(at(minutes), Marker(kind, action, text))


def minutes_of(session: Session) -> tuple[float, float]:
    return ((session.start_ns - START_NS) / MINUTE_NS, (session.end_ns - START_NS) / MINUTE_NS)


def worn(*parts: tuple[float, float]) -> Trace:
    """So many minutes of a heart rate, one after another; nan: not worn."""
    return trace_of(START_NS, np.concatenate([constant(bpm, round(minutes * 60)) for minutes, bpm in parts]))


def day(trace: Trace, *markers: Said) -> tuple[Session, ...]:
    return sessions_of(markers, trace, LIMITS, START_NS, (START_NS, at(24 * 60)))


def test_a_session_lasts_from_its_start_to_its_stop_and_takes_place_from_what_was_said() -> None:
    (run,) = day(
        worn((60, EASY_BPM)),
        said(5, MarkerAction.START, text="outdoors"),
        said(9, MarkerAction.NOTE, text="Treadmill after all"),
        said(40, MarkerAction.STOP),
    )
    assert minutes_of(run) == (5, 40)
    assert (run.place, run.origin, run.is_open) == ("treadmill", Origin.COMMAND, False)


def test_a_start_ends_what_was_open_and_a_stop_of_something_else_ends_nothing() -> None:
    first, second = commanded_sessions(
        [
            said(0, MarkerAction.START, MarkerKind.REST),
            said(5, MarkerAction.STOP, RUN),
            said(10, MarkerAction.START, RUN),
            said(20, MarkerAction.STOP, RUN),
        ],
        worn((30, EASY_BPM)),
    )
    assert (minutes_of(first), minutes_of(second)) == ((0, 10), (10, 20))


def test_a_session_that_nobody_stopped_ends_with_its_data_and_is_open_while_they_are_the_newest() -> None:
    start = said(0, MarkerAction.START)
    (going,) = commanded_sessions([start], worn((20, HARD_BPM)))
    assert going.is_open
    (over,) = commanded_sessions([start], worn((20, HARD_BPM), (15, np.nan), (5, EASY_BPM)))
    assert not over.is_open
    assert 19 < minutes_of(over)[1] <= 20


def test_a_forgotten_run_ends_after_six_hours_of_data() -> None:
    (run,) = commanded_sessions([said(0, MarkerAction.START)], worn((7 * 60, EASY_BPM)))
    assert minutes_of(run) == (0, 360)
    assert not run.is_open


def test_ten_minutes_above_half_of_the_reserve_are_a_run_and_less_are_none() -> None:
    (run,) = detected_runs(worn((10, EASY_BPM), (25, HARD_BPM), (10, EASY_BPM)), LIMITS)
    assert abs(minutes_of(run)[0] - 10) < 0.5
    assert abs(minutes_of(run)[1] - 35) < 0.5
    assert not run.is_open
    assert detected_runs(worn((10, EASY_BPM), (9, HARD_BPM), (10, EASY_BPM)), LIMITS) == []


def test_a_red_light_belongs_to_the_run_and_a_long_break_parts_two() -> None:
    with_a_light = worn((15, HARD_BPM), (2, EASY_BPM), (15, HARD_BPM), (10, EASY_BPM))
    with_a_break = worn((15, HARD_BPM), (5, EASY_BPM), (15, HARD_BPM), (10, EASY_BPM))
    assert len(detected_runs(with_a_light, LIMITS)) == 1
    assert len(detected_runs(with_a_break, LIMITS)) == 2


def test_a_walk_is_no_run_however_long() -> None:
    assert detected_runs(worn((90, 110.0)), LIMITS) == []  # 43 % of the reserve


def test_a_commanded_session_goes_before_a_run_that_shows_by_itself() -> None:
    trace = worn((10, EASY_BPM), (25, HARD_BPM), (10, EASY_BPM))
    (only,) = day(trace, said(9, MarkerAction.START), said(34, MarkerAction.STOP))
    assert minutes_of(only) == (9, 34)


def test_the_first_quiet_minutes_after_the_strap_was_put_on_are_a_morning() -> None:
    hours = 7 * 60
    trace = worn((hours, np.nan), (2, 75.0), (10, 55.0))
    fidgeting = trace_of(
        START_NS, np.concatenate([constant(np.nan, hours * 60), ramp(120, 55, 120), constant(55, 600)])
    )
    for each in (trace, fidgeting):
        morning = detected_morning(each, LIMITS, START_NS)
        assert morning is not None
        assert hours <= minutes_of(morning)[0] <= hours + 3
        assert minutes_of(morning)[1] - minutes_of(morning)[0] == 4


def test_a_strap_worn_through_the_night_was_not_put_on_and_gives_no_morning() -> None:
    assert detected_morning(worn((10 * 60, 55.0)), LIMITS, START_NS) is None
    assert detected_morning(worn((14 * 60, np.nan), (10, 55.0)), LIMITS, START_NS) is None  # the afternoon


def test_an_edit_moves_a_session_and_a_drop_takes_it_away_also_one_that_shows_by_itself() -> None:
    trace = worn((10, EASY_BPM), (25, HARD_BPM), (10, EASY_BPM))
    moved = Marker(RUN, MarkerAction.EDIT, session_ns=at(20), start_ns=at(8))
    (run,) = day(trace, Said(at(60), moved))
    assert minutes_of(run)[0] == 8
    assert abs(minutes_of(run)[1] - 35) < 0.5
    dropped = Marker(RUN, MarkerAction.DROP, session_ns=at(9))
    assert day(trace, Said(at(60), moved), Said(at(61), dropped)) == ()
    assert len(day(trace, Said(at(60), Marker(MORNING, MarkerAction.DROP, session_ns=at(20))))) == 1
