"""Sliding windows of beats in event time. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.model import ticks_to_ns
from pipeline.time_domain import NnSums


class _Entry(NamedTuple):
    time_ns: int
    nn_ticks: int | None  # None: an artifact
    difference_ticks: int | None  # to the entry before it; None across a gap or an artifact


@dataclass(slots=True)
class SlidingWindow:
    """The beats of the last `span_ns`, with running sums: each beat costs the same, however long the window.

    A beat belongs to the window that ends at T if T - span < time <= T. A difference belongs to it if both of
    its intervals do.
    """

    span_ns: int
    sums: NnSums = field(default_factory=NnSums)
    artifact_count: int = 0
    _entries: deque[_Entry] = field(default_factory=deque)

    def add(self, time_ns: int, nn_ticks: int | None, difference_ticks: int | None) -> None:
        """Take in the newest beat.

        Args:
            time_ns: later than that of every beat before it.
            nn_ticks: its interval, None if it is an artifact.
            difference_ticks: its interval less the one before it, None where no difference may be taken.
        """
        if not self._entries:
            difference_ticks = None
        self._entries.append(_Entry(time_ns, nn_ticks, difference_ticks))
        self._count(nn_ticks, difference_ticks, 1)

    def slide_to(self, end_ns: int) -> None:
        """Let go of the beats that lie before the window ending at `end_ns`."""
        while self._entries and self._entries[0].time_ns <= end_ns - self.span_ns:
            _, nn_ticks, difference_ticks = self._entries.popleft()
            self._count(nn_ticks, difference_ticks, -1)
            if self._entries and self._entries[0].difference_ticks is not None:
                first = self._entries[0]
                self.sums.add_difference(first.difference_ticks or 0, -1)
                self._entries[0] = first._replace(difference_ticks=None)

    @property
    def beat_count(self) -> int:
        """Beats in the window, artifacts included."""
        return len(self._entries)

    def coverage_pct(self) -> float:
        """Share of the window's time that its NN intervals cover, 0 to 100."""
        return min(100.0, 100 * ticks_to_ns(self.sums.nn_sum) / self.span_ns)

    def artifact_pct(self) -> float:
        """Share of the window's beats that are artifacts, 0 to 100; 0 for an empty window."""
        return 100 * self.artifact_count / len(self._entries) if self._entries else 0.0

    def _count(self, nn_ticks: int | None, difference_ticks: int | None, sign: int) -> None:
        if nn_ticks is None:
            self.artifact_count += sign
        else:
            self.sums.add(nn_ticks, sign)
        if difference_ticks is not None:
            self.sums.add_difference(difference_ticks, sign)
