"""Somebody who wears a strap: sends a known, numbered series of beats at its true pace, and remembers what was sent.

A heart of 150 to 190 bpm, one packet a beat. The packet's own heart rate figure (16 bits) carries the packet's number:
it is stored as sent and nothing is derived from it, so an audit can tell which beat it has before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ingest.gatt import encode_heart_rate_measurement
from ingest.model import TICKS_PER_SECOND, Contact, HeartRateMeasurement
from tests.ble.fake_bluez import FakeBluez, FakeStrap

_SHORTEST_TICKS, _LONGEST_TICKS = 320, 408  # 312 to 398 ms: above a phantom, and many beats in a short time
_PHANTOM_TICKS = 53  # 52 ms, as Garmin's HRM-Dual adds them
_PHANTOM_EVERY = 7
_MOST_NUMBERS = 0xFFFF


@dataclass(frozen=True, slots=True)
class Packet:
    """One notification that went to a collector."""

    number: int
    rr_ticks: tuple[int, ...]
    at_s: float  # monotonic


class Wearer:
    """One strap and the heart under it. What happens to it is set from outside while it beats.

    Beats that find nobody subscribed are gone, as they are with a strap: they were not sent while connected.
    """

    def __init__(self, bluez: FakeBluez, index: int, random: Random) -> None:
        self.person, self.name = f"runner{index}", f"strap{index}"
        self.strap = FakeStrap(f"A0:9E:1A:00:{index // 256:02X}:{index % 256:02X}", f"Polar H10 {index:08d}")
        self.sent: dict[int, Packet] = {}
        self.in_hand: set[int] = set()  # numbers of packets that a killed collector may or may not have kept
        self.audited_from = 0  # packets of a lower number are no part of the books any more
        self.unheard = 0  # packets that found nobody subscribed
        self.zero_packets = 0
        self.extra_copies = 0
        self.copies = 1
        self.phantoms = False
        self.off_body = False
        self.silent = False
        self.holding = False  # packets gather in the strap, as they do in a stall of the radio
        self._held: list[tuple[int, tuple[int, ...]]] = []
        self._number = 0
        self._bluez = bluez
        self._walk = _walk(random)

    @property
    def number(self) -> int:
        """Of the last beat."""
        return self._number

    @property
    def beats_sent(self) -> int:
        return sum(len(packet.rr_ticks) for packet in self.sent.values())

    async def beat(self) -> None:
        """Beat until cancelled; a late moment is not made up for by a later one."""
        due_s = time.monotonic()
        for ticks in self._walk:
            due_s += ticks / TICKS_PER_SECOND
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await self._beat(ticks)

    async def release(self) -> int:
        """Send at once what was held back; how many packets went out."""
        self.holding = False
        held, self._held = self._held, []
        for number, rr_ticks in held:
            await self._send(number, rr_ticks)
        return len(held)

    def begin_anew(self) -> None:
        """Close the books: what was sent so far has been audited, and its record is about to be destroyed."""
        self.audited_from = self._number + 1
        self.sent.clear()
        self.in_hand.clear()

    def collector_died(self, at_s: float, in_hand_s: float) -> None:
        """Note which packets may not have been kept: those sent less than `in_hand_s` before."""
        self.in_hand |= {number for number, packet in self.sent.items() if packet.at_s > at_s - in_hand_s}

    async def _beat(self, ticks: int) -> None:
        self._number += 1
        assert self._number <= _MOST_NUMBERS, "packets can't be told apart any more"
        if self.off_body:
            await self._send_zeros()
        elif self.silent:
            self.unheard += 1
        elif self.holding:
            self._held.append((self._number, (ticks,)))
        elif self.phantoms and self._number % _PHANTOM_EVERY == 0:
            await self._send(self._number, (ticks, _PHANTOM_TICKS))
        else:
            await self._send(self._number, (ticks,))

    async def _send(self, number: int, rr_ticks: tuple[int, ...]) -> None:
        if not self.strap.notifying:
            self.unheard += 1
            return
        self.sent[number] = Packet(number, rr_ticks, time.monotonic())
        self.extra_copies += self.copies - 1
        await self._bluez.notify(self.strap, *[_payload(number, rr_ticks)] * self.copies)

    async def _send_zeros(self) -> None:
        """What straps send off the body: no heart rate, and an interval of 0 or none at all."""
        if self.strap.notifying:
            self.zero_packets += 1
            await self._bluez.notify(self.strap, _payload(0, (0,) if self._number % 2 else ()))


def _payload(heart_rate_bpm: int, rr_ticks: tuple[int, ...]) -> bytes:
    measurement = HeartRateMeasurement(heart_rate_bpm, rr_ticks, Contact.UNSUPPORTED, energy_kj=None)
    return encode_heart_rate_measurement(measurement)


def _walk(random: Random) -> Iterator[int]:
    ticks = 360.0
    while True:
        ticks = min(_LONGEST_TICKS, max(_SHORTEST_TICKS, ticks + random.gauss(0.0, 5.0)))
        yield round(ticks)
