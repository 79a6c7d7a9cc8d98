"""Cuts, delay and loss between three hosts: collector, broker with pipeline, store."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.end_to_end.command import STRAPLINE
from tests.faults.household import Household, Plan
from tests.faults.parts import pause
from tests.faults.scenario import Found, Trial, Unavailable, disturbed, scenario
from tests.faults.wire import Wire
from tests.support import eventually

_WIRED = Plan(straps=2, wires=True)
_DELAY_S, _LOSS = 0.2, 0.08
_LOST_WITHIN_S = 60.0

_NETEM = ("netem", "delay", "100ms", "50ms", "loss", "8%")


async def _cut(home: Household) -> None:
    wire = home.random.choice(sorted(home.wires))
    home.note("cut", wire)
    await _cut_for(home.wires[wire], home.random.uniform(2, 6), breaks=home.random.random() < 0.5)


async def _cut_for(wire: Wire, seconds: float, *, breaks: bool) -> None:
    carried, broken = wire.carried, wire.broken
    wire.cut()
    await pause(seconds)
    assert wire.carried == carried, "bytes passed the cut"
    if breaks:
        wire.break_connections()
        assert wire.broken > broken, "there was no connection to break"
    wire.mend()


async def _slow(home: Household) -> None:
    before = sum(wire.held_up for wire in home.wires.values())
    for wire in home.wires.values():
        wire.delay_s, wire.loss = _DELAY_S, _LOSS
    await pause(home.random.uniform(4, 8))
    # Few packets pass in that time, and chance may spare all of them.
    async with asyncio.timeout(_LOST_WITHIN_S):
        while sum(wire.held_up for wire in home.wires.values()) == before:
            await pause(0.5)
    for wire in home.wires.values():
        wire.delay_s = wire.loss = 0.0


@scenario("net-cut", "one of the cables between collector, broker, pipeline and store is cut for 2 to 6 s", 20)
async def net_cut(trial: Trial) -> Found:
    return await disturbed(trial, _WIRED, _cut)


@scenario("net-slow", "200 ms of delay and 8 % of packets lost, on every cable", 10)
async def net_slow(trial: Trial) -> Found:
    return await disturbed(trial, _WIRED, _slow)


@dataclass(frozen=True)
class Namespace:
    """A network of the collector's own, with one cable to ours."""

    name: str
    link: str
    near: str  # our address
    has_netem: bool

    def set_link(self, *, up: bool) -> None:
        _ip("link", "set", self.link, "up" if up else "down")

    @property
    def is_up(self) -> bool:
        return "state UP" in _ip("link", "show", self.link)


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A network namespace and a cable to it; with delay and loss on it where the kernel has netem.

    Raises:
        Unavailable: this user or this kernel can't make one.
    """
    number = os.getpid() % 250
    name, link, far = f"strapline{number}", f"sl{number}a", f"sl{number}b"
    near = f"10.213.{number}.1"
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"no network namespace can be made: {error}") from error
    try:
        _ip("link", "add", link, "type", "veth", "peer", "name", far)
        _ip("link", "set", far, "netns", name)
        _ip("addr", "add", f"{near}/24", "dev", link)
        _ip("link", "set", link, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "addr", "add", f"10.213.{number}.2/24", "dev", far)
        _ip("-n", name, "link", "set", far, "up")
        slowed = subprocess.run(["tc", "qdisc", "add", "dev", link, "root", *_NETEM], capture_output=True, check=False)
        yield Namespace(name, link, near, has_netem=slowed.returncode == 0)
    finally:
        _ip("netns", "del", name)


@scenario("net-namespace", "the collector has a network of its own, and its cable is pulled for 3 to 8 s", 10)
async def net_namespace(trial: Trial) -> Found:
    with namespace() as own:

        async def pull(_: Household) -> None:
            own.set_link(up=False)
            await pause(trial.random.uniform(3, 8))
            assert not own.is_up, "the cable was not pulled"
            own.set_link(up=True)
            await eventually(lambda: own.is_up, "the cable is in again")

        command = ("ip", "netns", "exec", own.name, STRAPLINE, "collect")
        found = await disturbed(trial, Plan(straps=2, collector_command=command, collector_meets=own.near), pull)
    netem = "with tc netem: 100 ms, 8 % loss" if own.has_netem else "this kernel has no tc netem: cut only"
    return Found(found.tally, found.recovery_s, netem)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout
