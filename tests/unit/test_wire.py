from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import MalformedPayload, UnknownVersion
from ingest.model import Beat, BeatBatch, Contact, Marker, MarkerAction, MarkerKind, Stored, StrapStatus
from ingest.wire import (
    decode_batch,
    decode_marker,
    decode_object,
    decode_status,
    decode_stored,
    encode_batch,
    encode_marker,
    encode_object,
    encode_refusal,
    encode_status,
    encode_stored,
    with_held_from,
)

times_ns = st.integers(0, 2**63 - 1)
names = st.text(min_size=1, max_size=20)
beats = st.builds(
    Beat,
    time_ns=times_ns,
    rr_ticks=st.integers(1, 0xFFFF),
    heart_rate_bpm=st.integers(0, 0xFFFF),
    contact=st.sampled_from(Contact),
    segment=st.integers(0, 1000),
    gap_before=st.booleans(),
)
batches = st.builds(
    BeatBatch,
    person=names,
    strap=names,
    stream=names,
    sequence=st.integers(0, 2**40),
    received_ns=times_ns,
    beats=st.lists(beats, min_size=1, max_size=9).map(tuple),
    held_from=st.integers(0, 2**40),
)
statuses = st.builds(
    StrapStatus,
    connected=st.booleans(),
    time_ns=st.none() | times_ns,
    battery_pct=st.none() | st.integers(0, 100),
    rssi_dbm=st.none() | st.integers(-127, 20),
    model=st.none() | st.text(max_size=20),
    location=st.none() | st.text(max_size=20),
    reason=st.none() | st.text(max_size=20),
)
sessions = st.sampled_from([kind for kind in MarkerKind if kind is not MarkerKind.NOTE])
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=500)
said = st.builds(
    Marker,
    kind=sessions,
    action=st.sampled_from([MarkerAction.START, MarkerAction.STOP, MarkerAction.NOTE]),
    text=texts,
    time_ns=st.none() | times_ns,
)


def edit_of(kind: MarkerKind, session_ns: int, ends: list[int], *, open_ended: bool) -> Marker:
    start_ns, end_ns = sorted(ends)
    return Marker(
        kind, MarkerAction.EDIT, session_ns=session_ns, start_ns=start_ns, end_ns=None if open_ended else end_ns
    )


two_times = st.lists(times_ns, min_size=2, max_size=2, unique=True)
mended = st.builds(edit_of, sessions, times_ns, two_times, open_ended=st.booleans())
dropped = st.builds(Marker, kind=sessions, action=st.just(MarkerAction.DROP), session_ns=times_ns)
markers = said | mended | dropped

BATCH = BeatBatch("anna", "h10", "s1", 3, 5, (Beat(4, 1024, 60, Contact.GOOD, 0, gap_before=True),))


@given(batches)
def test_a_batch_survives_the_wire_exactly(batch: BeatBatch) -> None:
    assert decode_batch(encode_batch(batch), "t") == batch


@given(batches, st.integers(0, 2**40))
def test_an_encoded_batch_can_be_told_from_where_batches_are_held(batch: BeatBatch, held_from: int) -> None:
    told = with_held_from(encode_batch(batch), held_from)
    assert decode_batch(told, "t") == replace(batch, held_from=held_from)
    assert told == encode_batch(replace(batch, held_from=held_from))


@given(st.dictionaries(names, st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40))).map(tuple)))
def test_a_confirmation_survives_the_wire_exactly(streams: dict[str, tuple[tuple[int, int], ...]]) -> None:
    assert decode_stored(encode_stored(Stored(streams)), "t") == Stored(streams)


@given(statuses)
def test_a_status_survives_the_wire_exactly(status: StrapStatus) -> None:
    assert decode_status(encode_status(status), "t") == status


@given(markers)
def test_a_marker_survives_the_wire_exactly(marker: Marker) -> None:
    assert decode_marker(encode_marker(marker), "t") == marker


def test_a_command_typed_by_hand_needs_no_more_than_its_kind() -> None:
    assert decode_marker(b'{"v": 1, "kind": "run"}', "t") == Marker(MarkerKind.RUN, MarkerAction.NOTE)


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "edit"},
        {"action": "edit", "session_ns": 5},
        {"action": "edit", "session_ns": 5, "start_ns": 9, "end_ns": 9},
        {"action": "drop"},
        {"action": "drop", "session_ns": 5, "end_ns": 9},
        {"action": "start", "session_ns": 5},
        {"end_ns": 9},
    ],
)
def test_an_edit_names_a_session_and_its_new_range_and_nothing_else_does(fields: dict[str, object]) -> None:
    with pytest.raises(MalformedPayload):
        decode_marker(encode_object({"kind": "run", **fields}), "t")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ('"kind": "swim"', "kind: Input should be 'run'"),
        ('"action": "start"', "kind: Field required"),
        ('"kind": "run", "action": "begin"', "action: Input should be 'start'"),
        ('"kind": "note", "action": "start"', "a note can't start"),
        ('"kind": "note", "text": "a\\u0000b"', "text holds a NUL"),
        ('"kind": "note", "text": "' + 501 * "x" + '"', "text: String should have at most 500 characters"),
        ('"kind": "run", "time_ns": -1', "time_ns: Input should be greater"),
    ],
)
def test_a_bad_command_is_refused_with_a_reason_that_can_be_sent_back(fields: str, reason: str) -> None:
    topic = "strapline/v1/anna/command"
    with pytest.raises(MalformedPayload) as caught:
        decode_marker(f'{{"v": 1, {fields}}}'.encode(), topic)
    refusal = decode_object(encode_refusal(caught.value), f"{topic}/error")
    assert str(refusal["reason"]).startswith(f"{topic}: ")
    assert reason in str(refusal["reason"])
    assert refusal["advice"]


@pytest.mark.parametrize("text", ["\ud800", "x" * 501])
def test_a_text_that_no_store_keeps_is_not_sent(text: str) -> None:
    with pytest.raises(ValueError, match=r"surrogates|500"):
        encode_marker(Marker(MarkerKind.RUN, text=text))


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(encode_batch(BATCH)), **fields}).encode()


@pytest.mark.parametrize("version", [2, 0, None, "1", 1.5, True, [1]])
def test_another_wire_version_is_named_in_the_error(version: object) -> None:
    with pytest.raises(UnknownVersion) as caught:
        decode_batch(changed(v=version), "strapline/v1/anna/h10/beats")
    assert caught.value.version == version
    assert "same release" in caught.value.advice


@pytest.mark.parametrize(
    "fields",
    [
        {"beats": []},
        {"beats": [{"time_ns": 1}]},
        {"sequence": -1},
        {"sequence": "3"},
        {"sequence": 3.0},
        {"person": ""},
        {"person": None},
        {"received_ns": 2**63},
        {"beats": [{**json.loads(encode_batch(BATCH))["beats"][0], "rr_ticks": 0}]},
        {"beats": [{**json.loads(encode_batch(BATCH))["beats"][0], "rr_ticks": 65536}]},
        {"beats": [{**json.loads(encode_batch(BATCH))["beats"][0], "contact": "maybe"}]},
    ],
    ids=str,
)
def test_a_field_of_the_wrong_kind_or_range_is_refused_with_its_topic(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedPayload) as caught:
        decode_batch(changed(**fields), "strapline/v1/anna/h10/beats")
    assert caught.value.topic == "strapline/v1/anna/h10/beats"
    assert next(iter(fields)) in str(caught.value)


def test_a_field_that_this_release_does_not_know_is_passed_over() -> None:
    assert decode_batch(changed(temperature_c=37), "t") == BATCH


def test_a_batch_that_breaks_its_own_rules_is_not_sent() -> None:
    with pytest.raises(ValueError, match="rr_ticks"):
        encode_batch(BeatBatch("a", "s", "x", 0, 5, (Beat(4, 0, 60, Contact.GOOD, 0, gap_before=True),)))
