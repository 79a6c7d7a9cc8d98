"""The audit finds what it is there to find: otherwise no scenario could fail."""

from __future__ import annotations

from dataclasses import replace

from ingest.model import Beat, BeatBatch, Contact
from tests.faults.audit import Points, Tally, compare_points, count_beats, derived
from tests.faults.wearer import Packet

_START_NS = 1_764_000_000_000_000_000
_RR_TICKS = 800

SENT = {number: Packet(number, (_RR_TICKS + number,), 0.0) for number in range(1, 8)}
FOUND = [(number, _RR_TICKS + number) for number in SENT]


def batches() -> list[BeatBatch]:
    beats = [
        Beat(_START_NS + number * 800_000_000, _RR_TICKS + number, number, Contact.GOOD, 0, gap_before=number == 0)
        for number in range(20)
    ]
    return [BeatBatch("anna", "h10", "s", beat.heart_rate_bpm, beat.time_ns, (beat,)) for beat in beats]


def test_beats_that_are_all_there_once_and_in_order_are_clean() -> None:
    assert count_beats(SENT, FOUND) == Tally(beats_sent=7)


def test_a_beat_that_is_missing_is_lost_unless_it_was_in_hand() -> None:
    assert count_beats(SENT, FOUND[:-1]) == Tally(beats_sent=7, lost=1)
    assert count_beats(SENT, FOUND[:-1], in_hand=[7]) == Tally(beats_sent=7, in_hand=1)


def test_a_beat_that_is_there_twice_is_doubled_and_one_that_was_changed_is_strange() -> None:
    assert count_beats(SENT, [*FOUND[:3], *FOUND[2:]]).doubled == 1
    assert count_beats(SENT, [*FOUND[:-1], (7, 1)]).strange == 1
    assert count_beats(SENT, [FOUND[1], FOUND[0], *FOUND[2:]]).strange == 1


def test_a_point_that_is_missing_added_or_changed_is_found() -> None:
    expected = derived([batches()])
    assert compare_points(expected, expected) == Tally()
    beat = next(key for key in expected if key[0] == "beat")
    heart = next(key for key in expected if key[0] == "heart")
    without_beat: Points = {key: fields for key, fields in expected.items() if key != beat}
    assert compare_points(expected, without_beat).lost == 1
    assert compare_points(without_beat, expected).doubled == 1
    assert compare_points(expected, expected | {heart: {"heart_rate_bpm": 1.0}}).differing == 1


def test_a_batch_out_of_the_middle_changes_what_is_derived() -> None:
    whole, holed = batches(), [one for one in batches() if one.sequence != 9]
    assert not compare_points(derived([whole]), derived([holed])).is_clean
    assert derived([[replace(one) for one in whole]]) == derived([whole])
