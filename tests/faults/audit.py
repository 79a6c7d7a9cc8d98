"""Compares what was sent with what was kept. Pure: records come in as arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ingest.model import BeatBatch
from pipeline.engine import Engine
from pipeline.schema import BEAT, FieldValue, Point
from tests.faults.wearer import Packet

Key = tuple[str, tuple[str, ...], int]  # measurement, tags, time_ns
Points = dict[Key, dict[str, FieldValue]]
Labelled = tuple[int, int]  # a packet's number, and one of its RR intervals in ticks


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the beats, and of the points that follow from them."""

    beats_sent: int = 0
    lost: int = 0
    doubled: int = 0
    strange: int = 0  # never sent, or not in the order of sending
    differing: int = 0  # points other than beats that an undisturbed run would not have given so
    in_hand: int = 0  # lost, but sent so shortly before the collector was killed that this was never promised

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.strange or self.differing)

    def __add__(self, other: Tally) -> Tally:
        names = self.__slots__
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in names})


def count_beats(
    sent: Mapping[int, Packet], found: Iterable[Labelled], in_hand: Collection[int] = (), *, in_order: bool = True
) -> Tally:
    """How the beats that were found stand to those that were sent.

    Args:
        sent: every packet that went to a collector, by number.
        found: each beat kept, in the order in which it is kept.
        in_hand: numbers that may be missing as a whole, and only so.
        in_order: whether the beats must be found in the order of sending; a clock that was set back disorders times.
    """
    kept: dict[int, list[int]] = defaultdict(list)
    strange, newest = 0, 0
    for number, ticks in found:
        kept[number].append(ticks)
        strange += int(number not in sent or (in_order and number < newest))
        newest = max(newest, number)
    lost = doubled = excused = 0
    for number, packet in sent.items():
        have, want = kept.get(number, []), packet.rr_ticks
        if not have and number in in_hand:
            excused += len(want)
            continue
        lost += max(0, len(want) - len(have))
        doubled += max(0, len(have) - len(want))
        strange += sum(1 for one, other in zip(have, want, strict=False) if one != other)
    total = sum(len(packet.rr_ticks) for packet in sent.values())
    return Tally(total, lost, doubled, strange, in_hand=excused)


def labelled(batches: Iterable[BeatBatch]) -> list[Labelled]:
    """The beats of batches, in order."""
    return [(beat.heart_rate_bpm, beat.rr_ticks) for batch in batches for beat in batch.beats]


def derived(streams: Iterable[Iterable[BeatBatch]]) -> Points:
    """What an undisturbed run gives: a fresh engine for each stream, its batches in order of sequence."""
    points: Points = {}
    for batches in streams:
        engine = Engine()
        for batch in batches:
            merge(points, engine.step(batch))
    return points


def merge(points: Points, more: Iterable[Point]) -> None:
    """Put points on top, field by field, as a store does."""
    for point in more:
        points.setdefault((point.measurement.name, point.tags, point.time_ns), {}).update(point.fields)


def compare_points(expected: Points, stored: Points) -> Tally:
    """A beat that has no point is lost, one that was not expected is doubled; anything else only differs."""
    lost = sum(1 for key in expected if key[0] == BEAT.name and key not in stored)
    doubled = sum(1 for key in stored if key[0] == BEAT.name and key not in expected)
    differing = sum(1 for key in expected.keys() ^ stored.keys() if key[0] != BEAT.name)
    differing += sum(1 for key in expected.keys() & stored.keys() if expected[key] != stored[key])
    return Tally(lost=lost, doubled=doubled, differing=differing)
