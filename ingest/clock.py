"""Notices that the machine's clock was set: by NTP on a Raspberry Pi that booted without network, or by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SECOND_NS = 1_000_000_000

JUMP_NS = _SECOND_NS // 2
"""A change of the wall clock beyond this is a jump; NTP steps from 0.128 s on, and slews what is less."""

_SLEW_DIVISOR = 1000
"""NTP slews by at most 500 ppm: twice that, over the time since the last look, is followed without a word."""


def steady_ns() -> int:
    """Nanoseconds on a clock that nobody sets and that goes on while the machine sleeps, where there is one."""
    # time.monotonic stands still in a sleep on Linux and macOS; these clocks do not.
    clock = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    return time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)


@dataclass(slots=True)
class JumpWatch:
    """Compares the wall clock with a steady one, at each look."""

    wall_ns: Callable[[], int] = time.time_ns
    steady_ns: Callable[[], int] = steady_ns
    _last: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        """The first look."""
        self._last = (self.wall_ns(), self.steady_ns())

    def jump_s(self) -> float:
        """By how many seconds the wall clock was set since the last look: forward above 0, back below, 0 if not."""
        wall_ns, steady_ns = now = (self.wall_ns(), self.steady_ns())
        elapsed_ns = steady_ns - self._last[1]
        jump_ns = wall_ns - self._last[0] - elapsed_ns
        self._last = now
        return jump_ns / _SECOND_NS if abs(jump_ns) > JUMP_NS + elapsed_ns // _SLEW_DIVISOR else 0.0


def describe(jump_s: float) -> str:
    """A jump in words, for a status."""
    return f"clock set {'forward' if jump_s > 0 else 'back'} by {abs(jump_s):.1f} s"
