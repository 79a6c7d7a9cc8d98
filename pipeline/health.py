"""What the pipeline hears of the processes' health: points, and how far each collector's clock is off."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict, deque

from ingest.bus import Message
from ingest.errors import MalformedPayload
from ingest.model import ProcessHealth
from ingest.topics import PIPELINE, process_of
from ingest.wire import decode_health
from pipeline.schema import HEALTH, FieldValue, Point

_log = logging.getLogger(__name__)

MAX_OFFSET_S = 1.0
"""Farther off, a collector's clock is a finding."""

_HEARD = 6
_ENOUGH = 3
_MAX_LAG_S = 1.0
_COLLECTORS_KEPT = 64
"""More than a household's, bounded whatever comes."""


class ClockWatch:
    """How far the collectors' clocks are behind ours: the lower envelope of arrival - time, over a minute.

    A message that has waited in a queue says nothing of a clock. The pipeline's own messages come the same way, and
    tell whether one waits: until one of them comes at once, no other counts.
    """

    def __init__(self) -> None:
        self._behind_s: OrderedDict[str, deque[float]] = OrderedDict()
        self._lag_s = math.inf
        self._found: set[str] = set()

    @property
    def offsets_s(self) -> dict[str, float]:
        """Of each collector that has been heard often enough; with a message's own way in it, so never quite 0."""
        # Also read by the thread that answers Prometheus: lists are copied in one step.
        return {name: min(list(heard)) for name, heard in list(self._behind_s.items()) if len(heard) >= _ENOUGH}

    def take(self, process: str, behind_s: float) -> None:
        """Take in one message that was just published, and how much later than its time it came."""
        if process == PIPELINE:
            self._lag_s = behind_s
            return
        if abs(self._lag_s) > _MAX_LAG_S:
            return
        self._behind_s.setdefault(process, deque(maxlen=_HEARD)).append(behind_s)
        self._behind_s.move_to_end(process)
        if len(self._behind_s) > _COLLECTORS_KEPT:
            forgotten, _ = self._behind_s.popitem(last=False)
            self._found.discard(forgotten)
        self._log_what_is_new(process)

    def _log_what_is_new(self, process: str) -> None:
        offset_s = self.offsets_s.get(process, 0.0)
        if abs(offset_s) <= MAX_OFFSET_S:
            self._found.discard(process)
        elif process not in self._found:
            self._found.add(process)
            _log.warning("a collector's clock is off collector=%s behind_s=%.1f advice=%r", process, offset_s, ADVICE)


ADVICE = "Set up time synchronisation (NTP) on both machines: beats are stored at the collector's time."


def health_points(message: Message, now_ns: int, clocks: ClockWatch) -> list[Point]:
    """The point of one health message; none where it is not known when it was true.

    Args:
        message: of a `health` topic.
        now_ns: Unix time of its arrival.
        clocks: takes in what the message says of its sender's clock.

    Raises:
        WireError: the message can't be read.
    """
    process = process_of(message.topic)
    health = decode_health(message.payload, message.topic)
    if process is None or health.process != process:
        # The broker's access rules speak of topics, so the topic decides who may speak here.
        raise MalformedPayload(f"{message.topic}: names {health.process} inside", topic=message.topic)
    if health.time_ns is None:  # a last will: it carries no time, and ours or an old one may be from days ago
        known = not message.retained and process != PIPELINE
        return [_point(health, now_ns, None)] if known else []
    if health.online and not message.retained:
        clocks.take(process, (now_ns - health.time_ns) / 1e9)
    offset_s = clocks.offsets_s.get(process)
    # A wrong clock must not hide its own finding at another time of the board.
    shift_s = offset_s if offset_s is not None and abs(offset_s) > MAX_OFFSET_S else 0.0
    return [_point(health, health.time_ns + round(shift_s * 1e9), offset_s)]


def _point(health: ProcessHealth, time_ns: int, offset_s: float | None) -> Point:
    fields: dict[str, FieldValue] = {"online": int(health.online), "state": health.state}
    for field in HEALTH.fields[2:]:
        figure = offset_s if field.name == "clock_offset_s" else getattr(health, field.name)
        if figure is not None:
            fields[field.name] = figure
    return Point(HEALTH, (health.process,), fields, time_ns)
