"""Ranges against plain sets, and what is in flight against a plain account of it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.in_flight import InFlight
from ingest.ranges import contains, from_number_on, merged, up_to_number

NUMBERS = st.integers(0, 40)
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair))), max_size=8)


def numbers(ranges: list[tuple[int, int]] | tuple[tuple[int, int], ...]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(RANGES)
def test_merged_ranges_hold_the_same_numbers_in_order_and_as_few_as_can_be(ranges: list[tuple[int, int]]) -> None:
    result = merged(ranges)
    assert numbers(result) == numbers(ranges)
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(result))


@given(RANGES, NUMBERS)
def test_a_number_is_contained_when_it_is_in_a_range(ranges: list[tuple[int, int]], number: int) -> None:
    assert contains(merged(ranges), number) == (number in numbers(ranges))
    assert numbers(from_number_on(merged(ranges), number)) == {n for n in numbers(ranges) if n >= number}
    assert numbers(up_to_number(merged(ranges), number)) == {n for n in numbers(ranges) if n <= number}


def test_what_waits_too_long_expires_and_patience_doubles_until_something_is_confirmed() -> None:
    waiting = InFlight(first_s=60, longest_s=200)
    waiting.add(("a", 0), 0)
    waiting.add(("a", 1), 30)
    assert (waiting.next_expiry_s(), waiting.expire(59, ())) == (60, 0)
    assert (waiting.expire(60, ()), ("a", 0) in waiting, ("a", 1) in waiting) == (1, False, True)
    assert waiting.timeout_s == 120
    waiting.add(("a", 0), 60)
    assert waiting.expire(180, ()) == 2
    assert waiting.timeout_s == 200
    waiting.add(("a", 0), 180)
    assert waiting.confirm({"a": ((0, 5),), "b": ((0, 5),)}) == 1
    assert (len(waiting), waiting.timeout_s) == (0, 60)


def test_what_the_broker_itself_has_not_acknowledged_does_not_expire() -> None:
    waiting = InFlight(first_s=60, longest_s=600)
    waiting.add(("a", 0), 0)
    assert waiting.expire(100, {("a", 0)}) == 0
    assert waiting.timeout_s == 60
