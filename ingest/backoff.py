"""How long to wait before trying again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each further attempt: growing up to a limit, each wait varied at random."""

    first_s: float = 1.0
    factor: float = 2.0
    max_s: float = 30.0
    jitter: float = 0.1  # share of the wait by which it varies, up and down

    def delays_s(self, uniform: Callable[[], float]) -> Iterator[float]:
        """The waits, without end; `uniform` gives numbers from 0 up to 1."""
        delay_s = self.first_s
        while True:
            yield delay_s * (1 + self.jitter * (2 * uniform() - 1))
            delay_s = min(delay_s * self.factor, self.max_s)
