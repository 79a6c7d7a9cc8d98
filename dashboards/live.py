"""What the live page shows: folded from the bus, without a web framework."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from ingest.bus import Bus, Message
from ingest.errors import MalformedPayload, WireError
from ingest.model import MS_PER_TICK, BeatBatch, MarkerKind, StrapStatus, TimeNs
from ingest.newest import Newest
from ingest.topics import BEATS, LIVE, READINESS, SESSION, STATUS, matches, parse_strap_topic
from ingest.wire import decode_batch, decode_object, decode_status
from pipeline.artifacts import BeatKind, Corrector, is_artifact
from pipeline.scores.readings import Origin
from pipeline.scores.sessions import FORGOTTEN_AFTER_MINUTES

T = TypeVar("T")

_log = logging.getLogger(__name__)

TACHOGRAM_S = 60
STALE_AFTER_S = 10.0
"""A value whose newest beat is older is not shown: what is not measured now has no place on a live page."""


@dataclass(frozen=True, slots=True)
class ToldSession:
    """What the pipeline says of a person's running or last session."""

    kind: MarkerKind
    start_ns: TimeNs
    end_ns: TimeNs  # so far, where it is open
    is_open: bool
    origin: Origin = Origin.COMMAND  # only a run can show by itself and be open, and only a run says so

    @property
    def is_said(self) -> bool:
        """Whether the person started it: what shows by itself can't be stopped by word."""
        return self.origin is Origin.COMMAND

    def goes_on(self, now_ns: int) -> bool:
        """Whether it is under way: one whose data ended long ago ends there, when new data come."""
        return self.is_open and now_ns - self.end_ns < FORGOTTEN_AFTER_MINUTES * 60_000_000_000


@dataclass(frozen=True, slots=True)
class ToldReadiness:
    """What the pipeline says of a person's readiness on their newest day."""

    day: date
    value: float | None
    state: str
    confidence: str
    reason: str
    advice_text: str


_SESSION = TypeAdapter(ToldSession)
_READINESS = TypeAdapter(ToldReadiness)


@dataclass(slots=True)
class TachogramBeat:
    """One dot of the tachogram; `artifact` may become true some beats later."""

    time_ns: int
    rr_ms: float
    artifact: bool


@dataclass(slots=True)
class _Judge:
    """Marks the beats of one unbroken stream that the corrector finds to be artifacts."""

    segment: int
    corrector: Corrector = field(default_factory=Corrector)
    unsettled: deque[TachogramBeat] = field(default_factory=deque)
    settled_count: int = 0

    def take(self, beat: TachogramBeat, *, gap_before: bool) -> None:
        """Take in the newest beat, and mark those on which the verdict is out."""
        self.unsettled.append(beat)
        for nn in self.corrector.step(beat.rr_ms, gap_before=gap_before):
            while self.settled_count <= nn.end:
                self.unsettled.popleft().artifact |= nn.kind is not BeatKind.OK
                self.settled_count += 1


@dataclass(slots=True)
class PersonView:
    """What is known of one person right now."""

    values: Mapping[str, object] = field(default_factory=dict)
    beats: deque[TachogramBeat] = field(default_factory=deque)
    straps: dict[str, StrapStatus] = field(default_factory=dict)
    session: ToldSession | None = None
    readiness: ToldReadiness | None = None
    _judge: _Judge | None = None
    _newest: Newest = field(default_factory=Newest)

    def age_s(self, now_ns: int) -> float | None:
        """Seconds since the newest beat; None before the first."""
        return max(0.0, (now_ns - self.beats[-1].time_ns) / 1e9) if self.beats else None

    def number(self, name: str, now_ns: int) -> float | None:
        """A live value, if it is known and its beats are not stale."""
        age_s = self.age_s(now_ns)
        value = self.values.get(name)
        if age_s is None or age_s > STALE_AFTER_S or not isinstance(value, int | float):
            return None
        return float(value)

    def take_beats(self, batch: BeatBatch) -> None:
        """Add beats, and forget those that have left the tachogram or come from a clock set back.

        What a strap had kept while it was away is no news, and is not shown.
        """
        if not self._newest.accepts(batch):
            return
        for beat in batch.beats:
            while self.beats and self.beats[-1].time_ns >= beat.time_ns:
                self.beats.pop()
                self._judge = None
            if self._judge is None or self._judge.segment != beat.segment:
                self._judge = _Judge(beat.segment)
            shown = TachogramBeat(beat.time_ns, beat.rr_ticks * MS_PER_TICK, is_artifact(beat.rr_ticks))
            self.beats.append(shown)
            self._judge.take(shown, gap_before=beat.gap_before)
        while self.beats[0].time_ns < self.beats[-1].time_ns - TACHOGRAM_S * 1_000_000_000:
            self.beats.popleft()


class LiveView:
    """Every person that the bus speaks of."""

    def __init__(self) -> None:
        self.people: dict[str, PersonView] = {}

    def take(self, topic: str, payload: bytes) -> None:
        """Fold in one message of a `live`, `session`, `readiness`, `beats` or `status` topic; empty ones say nothing.

        Raises:
            WireError: the message can't be read; nothing has changed.
        """
        if not payload:
            return
        if matches(LIVE, topic):
            values = decode_object(payload, topic)
            self._person_of(topic).values = values
        elif matches(SESSION, topic):
            session = _decode(_SESSION, payload, topic)
            self._person_of(topic).session = session
        elif matches(READINESS, topic):
            readiness = _decode(_READINESS, payload, topic)
            self._person_of(topic).readiness = readiness
        else:
            self._take_of_strap(topic, payload)

    def _take_of_strap(self, topic: str, payload: bytes) -> None:
        person, strap, kind = parse_strap_topic(topic)
        if kind == "status":
            self._person(person).straps[strap] = decode_status(payload, topic)
        else:
            self._person(person).take_beats(decode_batch(payload, topic))

    def _person_of(self, topic: str) -> PersonView:
        return self._person(topic.split("/")[-2])

    def _person(self, name: str) -> PersonView:
        return self.people.setdefault(name, PersonView())


async def follow(bus: Bus, view: LiveView) -> None:
    """Keep a view up to date from a bus, until cancelled."""
    await bus.subscribe(LIVE, SESSION, READINESS, BEATS, STATUS)
    while True:
        for message in await bus.receive():
            _fold(view, message)
            message.ack()


def _fold(view: LiveView, message: Message) -> None:
    try:
        view.take(message.topic, message.payload)
    except WireError as error:
        _log.warning("message not shown error=%r", str(error))


def _decode(adapter: TypeAdapter[T], payload: bytes, topic: str) -> T:
    fields = decode_object(payload, topic)
    try:
        return adapter.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise MalformedPayload(f"{topic}: {first['loc']}: {first['msg']}", topic=topic) from error
