"""The audit itself: it must find what went wrong, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from ingest.model import BeatBatch
from pipeline.schema import BEAT, HEART
from tests.bench.batches import batches
from tests.faults.audit import Points, Tally, compare_points, count_beats, derived, labelled
from tests.faults.wearer import Packet

SENT = {number: Packet(number, (350 + number, 53) if number == 3 else (350 + number,), 0.0) for number in range(1, 8)}
FOUND = [(number, ticks) for number, packet in SENT.items() for ticks in packet.rr_ticks]
STREAM = batches([350 + number % 40 for number in range(200)])


def twice(number: int) -> list[tuple[int, int]]:
    """What is found when one packet was kept twice."""
    return sorted([*FOUND, *(beat for beat in FOUND if beat[0] == number)], key=lambda beat: beat[0])


def derived_of(stream: list[BeatBatch]) -> Points:
    return derived([stream])


def test_what_was_sent_and_kept_once_is_clean() -> None:
    assert count_beats(SENT, FOUND) == Tally(beats_sent=8)


def test_a_lost_beat_is_found_also_within_a_packet() -> None:
    without_one = [beat for beat in FOUND if beat not in {(3, 53), (5, 355)}]
    assert count_beats(SENT, without_one).lost == 2


def test_a_doubled_beat_is_found() -> None:
    assert count_beats(SENT, twice(4)) == Tally(beats_sent=8, doubled=1)


def test_a_beat_that_was_never_sent_or_changed_or_out_of_order_is_found() -> None:
    assert count_beats(SENT, [*FOUND, (9, 300)]).strange == 1
    assert count_beats(SENT, [(2, 999) if beat == (2, 352) else beat for beat in FOUND]).strange == 1
    assert count_beats(SENT, [FOUND[1], FOUND[0], *FOUND[2:]]).strange == 1


def test_what_was_in_hand_may_be_missing_but_not_doubled_or_cut() -> None:
    without = [beat for beat in FOUND if beat[0] not in {3, 7}]
    assert count_beats(SENT, without, in_hand={3}) == Tally(beats_sent=8, lost=1, in_hand=2)
    assert count_beats(SENT, FOUND, in_hand={3}) == Tally(beats_sent=8)
    assert count_beats(SENT, [beat for beat in FOUND if beat != (3, 53)], in_hand={3}).lost == 1
    assert count_beats(SENT, twice(7), in_hand={7}).doubled == 1


def test_the_points_of_an_undisturbed_run_are_clean_however_its_streams_are_read() -> None:
    assert len(labelled(STREAM)) == 200
    assert compare_points(derived_of(STREAM), derived_of(STREAM)) == Tally()


def test_a_missing_an_additional_and_a_differing_point_are_found() -> None:
    expected, stored = derived_of(STREAM), derived_of(STREAM)
    beats = [key for key in stored if key[0] == BEAT.name]
    hearts = [key for key in stored if key[0] == HEART.name]
    del stored[beats[5]]
    stored[BEAT.name, beats[0][1], 17] = {"rr_ms": 400.0}
    stored[hearts[3]] = {"heart_rate_bpm": 1.0}
    del stored[hearts[4]]
    assert compare_points(expected, stored) == Tally(lost=1, doubled=1, differing=2)


def test_a_batch_that_was_processed_out_of_order_shows_in_the_points() -> None:
    swapped = [*STREAM[:50], replace(STREAM[51], sequence=50), replace(STREAM[50], sequence=51), *STREAM[52:]]
    assert not compare_points(derived_of(STREAM), derived_of(swapped)).is_clean
