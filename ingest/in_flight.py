"""What was sent and not confirmed yet, and when it is time to send it again. Pure: time comes in as an argument."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from ingest.model import SequenceRange
from ingest.ranges import contains

Sent = tuple[str, int]
"""A stream and a sequence in it."""


@dataclass(slots=True)
class InFlight:
    """Batches that wait for confirmation, in the order of their sending.

    The time-out doubles each time that it passes without any confirmation, up to `longest_s`.
    """

    first_s: float
    longest_s: float
    timeout_s: float = field(init=False)
    _since_s: dict[Sent, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with the shortest time-out."""
        self.timeout_s = self.first_s

    def __len__(self) -> int:
        """How many wait."""
        return len(self._since_s)

    def __contains__(self, sent: object) -> bool:
        """Whether this one waits."""
        return sent in self._since_s

    def add(self, sent: Sent, now_s: float) -> None:
        """It is sent at this moment, not earlier than those before it."""
        self._since_s.pop(sent, None)
        self._since_s[sent] = now_s

    def forget(self, sent: Sent) -> None:
        """It is not under way any more."""
        self._since_s.pop(sent, None)

    def clear(self) -> None:
        """Nothing is under way, and patience is new."""
        self._since_s.clear()
        self.timeout_s = self.first_s

    def confirm(self, streams: Mapping[str, Sequence[SequenceRange]]) -> int:
        """Forget what the ranges of each stream hold; how many those were."""
        confirmed = [sent for sent in self._since_s if contains(streams.get(sent[0], ()), sent[1])]
        for sent in confirmed:
            del self._since_s[sent]
        if confirmed:
            self.timeout_s = self.first_s
        return len(confirmed)

    def expire(self, now_s: float, spared: Container[Sent]) -> int:
        """Forget what has waited for too long, but for those spared; how many those were."""
        old = takewhile(lambda item: item[1] + self.timeout_s <= now_s, self._since_s.items())
        expired = [sent for sent, _ in old if sent not in spared]
        for sent in expired:
            del self._since_s[sent]
        if expired:
            self.timeout_s = min(2 * self.timeout_s, self.longest_s)
        return len(expired)

    def next_expiry_s(self) -> float | None:
        """When the oldest will have waited for too long; None where nothing waits."""
        return next((since_s + self.timeout_s for since_s in self._since_s.values()), None)
