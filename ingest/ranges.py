"""Sets of sequence numbers as inclusive ranges. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from ingest.model import SequenceRange


def merged(ranges: Iterable[SequenceRange]) -> tuple[SequenceRange, ...]:
    """The same numbers, ascending, in as few ranges as can be."""
    joined: list[SequenceRange] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def contains(ranges: Sequence[SequenceRange], number: int) -> bool:
    """Whether a number is in one of the ranges, which are ascending and do not overlap."""
    index = bisect_right(ranges, number, key=lambda pair: pair[0]) - 1
    return index >= 0 and number <= ranges[index][1]


def from_number_on(ranges: Iterable[SequenceRange], number: int) -> tuple[SequenceRange, ...]:
    """What the ranges hold from a number on."""
    return tuple((max(first, number), last) for first, last in ranges if last >= number)


def up_to_number(ranges: Iterable[SequenceRange], number: int) -> tuple[SequenceRange, ...]:
    """What the ranges hold up to a number."""
    return tuple((first, min(last, number)) for first, last in ranges if first <= number)
