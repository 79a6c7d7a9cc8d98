"""Which sequences of a stream are there, as few inclusive ranges. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A set of sequences, kept as ascending ranges that neither overlap nor touch."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges = [(first, last) for first, last in ranges]

    def __contains__(self, sequence: int) -> bool:
        return self.from_on(sequence)[0] == sequence

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._ranges)

    def from_on(self, sequence: int) -> tuple[int, int]:
        """The first unbroken stretch at or after a sequence, cut to begin there; (-1, -1) where nothing follows."""
        at = bisect_right(self._ranges, sequence, key=_first)
        if at and sequence <= self._ranges[at - 1][1]:
            return sequence, self._ranges[at - 1][1]
        return self._ranges[at] if at < len(self._ranges) else (-1, -1)

    def add(self, sequence: int) -> bool:
        """Take a sequence in; False if it was there."""
        at = bisect_right(self._ranges, sequence, key=_first)
        first = last = sequence
        if at and self._ranges[at - 1][1] >= sequence - 1:
            first, before_last = self._ranges[at - 1]
            if before_last >= sequence:
                return False
            at -= 1
            del self._ranges[at]
        if at < len(self._ranges) and self._ranges[at][0] == sequence + 1:
            last = self._ranges.pop(at)[1]
        self._ranges.insert(at, (first, last))
        return True


def _first(one: tuple[int, int]) -> int:
    return one[0]
