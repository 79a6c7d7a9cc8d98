"""What the live page knows of people: folded from the bus, and beats judged as the pipeline judges them."""

from __future__ import annotations

from datetime import date
from itertools import accumulate, count

import pytest

from dashboards.live import LiveView, TachogramBeat, ToldReadiness, ToldSession
from ingest.errors import WireError
from ingest.model import Beat, BeatBatch, Contact, MarkerKind
from ingest.topics import readiness_topic, session_topic, strap_topic
from ingest.wire import encode_batch, encode_object
from pipeline.artifacts import DELAY_BEATS

_START_NS = 1_760_000_000_000_000_000
_CALM = [820, 824, 818, 822, 826, 819, 823, 821]
_MISSED = 1642
_RUN: dict[str, object] = {"kind": "run", "start_ns": 1, "end_ns": 61, "is_open": 1, "origin": "detected", "load": 3.2}
_QUIET: dict[str, object] = {"kind": "rest", "start_ns": 1, "end_ns": 61, "is_open": True, "minutes": 1e-9}
_READINESS: dict[str, object] = {
    "day": "2026-11-25",
    "value": None,
    "state": "",
    "confidence": "calibrating",
    "inputs": {"ln_rmssd_latest": 3.9},
    "reason": "no morning measurement",
    "advice_text": "",
}


def _batches(rr_ticks: list[int], start_ns: int = _START_NS, first: int = 0) -> list[BeatBatch]:
    """One batch for each beat."""
    ends = accumulate(rr_ticks)
    return [
        BeatBatch(
            "anna",
            "h10",
            "stream",
            number,
            time_ns,
            (Beat(time_ns, ticks, 73, Contact.GOOD, 0, gap_before=number == first),),
        )
        for number, ticks, end in zip(count(first), rr_ticks, ends, strict=False)
        for time_ns in [start_ns + end * 1_000_000_000 // 1024]
    ]


def _shown(batches: list[BeatBatch]) -> list[TachogramBeat]:
    view = LiveView()
    for batch in batches:
        view.take(strap_topic("anna", "h10", "beats"), encode_batch(batch))
    return list(view.people["anna"].beats)


def test_a_dot_turns_bad_when_the_beats_after_it_have_told() -> None:
    rr_ticks = [*_CALM, *_CALM, _MISSED, *_CALM, *_CALM]
    at = rr_ticks.index(_MISSED)

    early, late = _shown(_batches(rr_ticks[: at + 1])), _shown(_batches(rr_ticks[: at + 1 + DELAY_BEATS]))

    assert not any(beat.artifact for beat in early)
    assert [number for number, beat in enumerate(late) if beat.artifact] == [at]


def test_a_beat_out_of_range_is_bad_at_once() -> None:
    assert [beat.artifact for beat in _shown(_batches([*_CALM, 200]))] == [False] * len(_CALM) + [True]


def test_beats_that_come_again_are_shown_and_judged_once() -> None:
    batches = _batches([*_CALM, *_CALM, _MISSED, *_CALM, *_CALM])

    assert _shown([*batches, batches[-1]]) == _shown(batches)


def test_a_clock_set_back_takes_the_later_dots_away() -> None:
    shown = _shown([*_batches(_CALM), *_batches(_CALM, _START_NS - 2_000_000_000, first=len(_CALM))])

    times = [beat.time_ns for beat in shown]
    assert times == sorted(set(times))
    assert times[-1] < _START_NS + 6_000_000_000


def test_what_a_strap_had_kept_while_it_was_away_is_not_shown() -> None:
    kept, new = _batches(_CALM), _batches(_CALM, _START_NS + 3600_000_000_000, first=100)

    assert _shown([*new[:3], *kept, *new[3:]]) == _shown(new)


def test_session_and_readiness_of_each_person_are_read_as_the_pipeline_tells_them() -> None:
    view = LiveView()

    view.take(session_topic("anna"), encode_object(_RUN))
    view.take(session_topic("ben"), encode_object(_QUIET))
    view.take(readiness_topic("ben"), encode_object(_READINESS))

    anna, ben = view.people["anna"], view.people["ben"]
    assert anna.session is not None
    assert (anna.session.kind, anna.session.is_open, anna.session.is_said) == (MarkerKind.RUN, True, False)
    assert ben.session == ToldSession(MarkerKind.REST, 1, 61, is_open=True)
    assert ben.session.is_said
    day = date(2026, 11, 25)
    assert ben.readiness == ToldReadiness(day, None, "", "calibrating", "no morning measurement", "")
    assert anna.readiness is None


def test_an_empty_message_changes_nothing() -> None:
    view = LiveView()
    for topic in (session_topic("anna"), "strapline/v1/anna/h10/beats"):
        view.take(topic, b"")
    assert view.people == {}


@pytest.mark.parametrize("broken", [{"kind": "swim"}, {"end_ns": None}, {"start_ns": -1}])
def test_a_session_that_can_not_be_read_changes_nothing(broken: dict[str, object]) -> None:
    view = LiveView()
    view.take(session_topic("anna"), encode_object(_RUN))
    before = view.people["anna"].session

    with pytest.raises(WireError, match="anna/session"):
        view.take(session_topic("anna"), encode_object(_RUN | broken))
    with pytest.raises(WireError, match="ben/session"):
        view.take(session_topic("ben"), encode_object(_RUN | broken))

    assert view.people["anna"].session is before
    assert "ben" not in view.people
