"""Jumps of the wall clock, and what is none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ingest.clock import JumpWatch, describe, steady_ns

SECOND_NS = 1_000_000_000


@dataclass
class Clocks:
    """A wall clock and a steady one, both turned by the test."""

    wall: int = 1_795_593_600 * SECOND_NS
    steady: int = 5 * SECOND_NS

    def watch(self) -> JumpWatch:
        return JumpWatch(lambda: self.wall, lambda: self.steady)

    def pass_s(self, seconds: float, *, wall_s: float | None = None) -> None:
        self.steady += int(seconds * SECOND_NS)
        self.wall += int((seconds if wall_s is None else wall_s) * SECOND_NS)


@pytest.mark.parametrize(
    ("set_by_s", "words"), [(3600.0, "clock set forward by 3600.0 s"), (-0.75, "clock set back by 0.8 s")]
)
def test_a_clock_that_was_set_is_noticed_once(set_by_s: float, words: str) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.pass_s(1)
    assert watch.jump_s() == 0
    clocks.pass_s(1, wall_s=1 + set_by_s)
    assert watch.jump_s() == pytest.approx(set_by_s)
    assert describe(set_by_s) == words
    clocks.pass_s(1)
    assert watch.jump_s() == 0


def test_slewing_is_followed_through_the_night_and_through_an_hour_without_a_look() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    for _ in range(8 * 3600):
        clocks.pass_s(1, wall_s=1.0005)
        assert watch.jump_s() == 0
    clocks.pass_s(3600, wall_s=3600 * 1.0005)
    assert watch.jump_s() == 0


def test_a_night_in_suspend_is_no_jump() -> None:
    clocks = Clocks()
    watch = clocks.watch()
    clocks.pass_s(8 * 3600, wall_s=8 * 3600 + 0.3)
    assert watch.jump_s() == 0


def test_the_clocks_of_this_machine_agree() -> None:
    watch = JumpWatch()
    assert watch.jump_s() == 0
    assert steady_ns() <= steady_ns()
