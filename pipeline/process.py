"""The pipeline as a process: messages into the journal, then acknowledged and confirmed; points on to every store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ingest.backoff import Backoff
from ingest.bus import Bus, Message
from ingest.errors import (
    BusError,
    BusRefused,
    ConfigError,
    MalformedPayload,
    StoreDamaged,
    StoreUnavailable,
    WireError,
)
from ingest.health import Delays
from ingest.model import Figures
from ingest.topics import (
    BEATS,
    COMMAND,
    HEALTH,
    STATUS,
    command_error_topic,
    live_topic,
    parse_command_topic,
    strap_topic,
)
from ingest.wire import encode_object, encode_refusal, encode_stored
from pipeline.days import Days
from pipeline.delivery import Delivery
from pipeline.health import ClockWatch
from pipeline.home_assistant import Introductions
from pipeline.journal import FILE_NAME, Journal
from pipeline.live import LiveValues, RetainedRecords
from pipeline.lock import only_pipeline_of
from pipeline.outbox import Outbox
from pipeline.retention import Retention
from pipeline.salvage import open_or_start_anew, save_what_can_be_read
from pipeline.schema import STRAP
from pipeline.store import Store

try:
    from pipeline.intake import Intake, Taken
    from pipeline.journal_tables import create_tables
except ModuleNotFoundError as missing:
    raise ConfigError("the pipeline is not installed", advice="pip install 'strapline[pipeline]'") from missing

_log = logging.getLogger(__name__)

CLIENT_ID = "strapline-pipeline"

_BACKOFF = Backoff(first_s=0.5)
_COUNT_EVERY_S = 5.0
_SILENCE_S = 60.0
"""After this long without a word of a strap, what it has sent and is not here will not come."""
_BUSY = 10
_GATHER_S = 0.05
"""After a transaction of more messages than a household's straps send at once, more are let come for the next: it costs
about the same with fifty."""
_CONFIRMATIONS_APART_S = 0.05
"""From one round of confirmations to the next: a strap whose batches come faster gets one word for many of them."""


@dataclass(slots=True)
class PipelineCounts:
    """What one pipeline has done since its start."""

    batches: int = 0
    beats: int = 0
    duplicates: int = 0  # batches that were in the journal already
    duplicate_beats: int = 0
    unreadable: int = 0


class Pipeline:
    """Keeps every message in the journal, derives points, and delivers them.

    A message is acknowledged, and its batch confirmed to the collector, when it is in the journal. A store that is away
    costs nothing: its points wait in the outbox. While the journal can't be written, nothing is acknowledged, and the
    collectors and the broker hold what comes.

    Args:
        bus: an open one; durable, so that the broker holds messages while the pipeline is away.
        stores: a function for each store that opens it, by a name that stays the same.
        home: the data directory.
        days: who judges people's days; by default one that knows nobody's profile.
        introductions: of people and straps to Home Assistant; None: it is not to be told.
        retention: when to delete what is old; None: never.
        ready: set once the pipeline hears the bus.

    Raises:
        ConfigError: another pipeline uses the data directory.
        StoreUnavailable: the journal can't be opened.
    """

    def __init__(
        self,
        bus: Bus,
        stores: Mapping[str, Callable[[], Store]],
        home: Path,
        *,
        days: Days | None = None,
        introductions: Introductions | None = None,
        retention: Retention | None = None,
        ready: asyncio.Event | None = None,
    ) -> None:
        self.counts = PipelineCounts()
        self.ready = ready or asyncio.Event()
        self.journal_state = ""  # why the journal can't be written; empty where all is well
        self._bus = bus
        self._days = days or Days({})
        self._introductions = introductions
        self._retention = retention or Retention()
        self._live = LiveValues()
        self._retained = RetainedRecords()
        self._clocks = ClockWatch()
        self._delays = Delays()
        self._points_waiting: int | None = None  # as last counted
        self._left: set[tuple[str, ...]] = set()  # straps whose last status said that they are not connected
        self._heard: Counter[tuple[str, ...]] = Counter()  # how often something of a strap was taken in
        self._progress = asyncio.Condition()
        self._confirmations: dict[str, bytes] = {}
        self._to_confirm = asyncio.Event()
        self._all_confirmed = asyncio.Event()
        self._all_confirmed.set()
        self._lock = only_pipeline_of(home)
        self._database, aside = open_or_start_anew(home / FILE_NAME)
        self._outbox = Outbox(self._database)
        self._stores = tuple(stores)
        self._intake = self._begin(aside)
        journal = Journal(self._database)
        self.deliveries = [
            Delivery(name, opener, journal, self._outbox, keep_ns=self._retention.points_ns)
            for name, opener in stores.items()
        ]

    @property
    def points_waiting(self) -> int:
        """Points on their way to the store that has the most to get."""
        return max((delivery.outbox.waiting(delivery.name) for delivery in self.deliveries), default=0)

    def figures(self) -> Figures:
        """What it has done, and how it is, for its health."""
        p50_s, p95_s, p99_s = self._delays.quantiles(0.5, 0.95, 0.99, at_s=time.monotonic())
        troubles = [f"store {one.name} away: {one.state}" for one in self.deliveries if one.state]
        if self.journal_state:
            troubles.insert(0, f"the journal can't be written: {self.journal_state}")
        return Figures(
            state="; ".join(troubles) or "ok",
            beats_in=self.counts.beats + self.counts.duplicate_beats,
            beats_stored=self.counts.beats,
            beats_duplicated=self.counts.duplicate_beats,
            points_waiting=self._points_waiting,
            points_rejected=sum(delivery.points_rejected for delivery in self.deliveries),
            delay_p50_s=p50_s,
            delay_p95_s=p95_s,
            delay_p99_s=p99_s,
            clock_offsets_s=self._clocks.offsets_s,
        )

    async def run(self) -> None:
        """Process until cancelled.

        Raises:
            BusError: in a group; the broker refuses the subscription, or a message of ours.
        """
        await self._bus.subscribe(BEATS, STATUS, COMMAND, HEALTH)
        self.ready.set()
        try:
            async with asyncio.TaskGroup() as group:
                for delivery in self.deliveries:
                    group.create_task(delivery.run())
                group.create_task(self._confirm())
                group.create_task(self._count_waiting())
                await self._take_in()
        finally:
            self._database.close()
            self._lock.close()

    async def strap_delivered(self, person: str, strap: str, stream: str, batches: int) -> None:
        """Return when a strap has left, and all that it sent before is confirmed and in every store.

        Args:
            person: who wears it.
            strap: its name.
            stream: in which its batches are numbered.
            batches: how many it has sent, numbered from 0 on.

        Raises:
            BusError: nothing comes any more, and not all is here.
            StoreError: the journal can't be read.
        """
        lacks = partial(Journal(self._database).lacks, person, strap, stream, batches)
        async with self._progress:
            while not ((person, strap) in self._left and await asyncio.to_thread(lacks) == 0):
                if not await self._hears_more(person, strap):
                    missing = f"{await asyncio.to_thread(lacks)} of {batches} batches are missing"
                    message = f"the broker has not brought all that {strap} of {person} sent: {missing}"
                    raise BusError(message, advice="Play it again, slower: --speed 100.")
        for delivery in self.deliveries:
            await delivery.idle.wait()
        await self._all_confirmed.wait()

    async def _hears_more(self, person: str, strap: str) -> bool:
        """Whether something more of a strap is taken in soon; a journal that can't be written is waited for."""
        heard = self._heard[person, strap]
        while True:
            try:
                async with asyncio.timeout(_SILENCE_S):
                    await self._progress.wait_for(lambda: self._heard[person, strap] > heard)
            except TimeoutError:
                if not self.journal_state:
                    return False
            else:
                return True

    async def _count_waiting(self) -> None:
        """Count now and then, so that whoever asks for the figures need not wait for the database."""
        while True:
            try:
                self._points_waiting = await asyncio.to_thread(lambda: self.points_waiting)
            except StoreUnavailable:  # `journal_state` says why
                self._points_waiting = None
            await asyncio.sleep(_COUNT_EVERY_S)

    async def _take_in(self) -> None:
        again_in_s: float | None = None
        while True:
            messages = await self._messages_within(again_in_s)
            taken = await self._take(messages)
            again_in_s = taken.again_in_s
            for message in messages:
                message.ack()
            await self._tell(taken)
            if len(messages) > _BUSY:
                await asyncio.sleep(_GATHER_S)

    async def _messages_within(self, seconds: float | None) -> Sequence[Message]:
        """The next messages; none where there are none by then, and more is to be derived from those before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._bus.receive()
        return ()

    async def _take(self, messages: Sequence[Message]) -> Taken:
        """Store messages, however long the journal can't be written."""
        for delay_s in _BACKOFF.delays_s(random.random):
            try:
                if any(delivery.journal_is_damaged for delivery in self.deliveries):
                    await asyncio.to_thread(self._start_anew)
                taken = await asyncio.to_thread(self._intake.take, messages, time.time_ns())
            except StoreDamaged as error:
                _log.error("the journal is damaged error=%r", str(error))
                await asyncio.to_thread(self._start_anew)
            except StoreUnavailable as error:
                if str(error) != self.journal_state:
                    _log.error("the journal can't be written error=%r advice=%r", str(error), error.advice)
                self.journal_state = str(error)
                await asyncio.sleep(delay_s)
            else:
                if self.journal_state:
                    _log.warning("the journal can be written again")
                    self.journal_state = ""
                return taken
        raise AssertionError("waits end")  # pragma: no cover

    def _begin(self, aside: Path | None) -> Intake:
        """The intake of the journal; of a new one, once it holds what can be read of a damaged one.

        Args:
            aside: where the damaged one is now; None: there is none, as far as is known yet.
        """
        while True:
            try:
                with self._database.transaction() as connection:
                    create_tables(connection)
                if aside is not None:
                    save_what_can_be_read(aside, self._database)
                self._outbox.register(self._stores)
                self._days.forget()
                return Intake(self._database, self._clocks, self._days, self._retention.beats_ns)
            except StoreDamaged:
                if aside is not None:
                    raise  # the new file as well: a disk that breaks what it is given
                aside = self._database.start_anew()

    def _start_anew(self) -> None:
        """Go on with a new journal that holds what can be read of the old one; every store gets its points again."""
        self._intake = self._begin(self._database.start_anew())
        for delivery in self.deliveries:
            delivery.journal_is_damaged = False

    async def _tell(self, taken: Taken) -> None:
        """Log, count, and pass on what a transaction has stored."""
        for topic, error in taken.unreadable:
            _log.error("message set aside error=%r advice=%r", str(error), error.advice)
            await self._answer(topic, error)
        self.counts.unreadable += len(taken.unreadable)
        self.counts.batches += taken.batches
        self.counts.beats += taken.beats
        self.counts.duplicates += taken.duplicates
        self.counts.duplicate_beats += taken.duplicate_beats
        now_ns, now_s = time.time_ns(), time.monotonic()
        for received_ns in taken.received_ns:
            self._delays.add((now_ns - received_ns) / 1e9, now_s)
        for (person, strap), stored in taken.stored.items():
            self._confirmations[strap_topic(person, strap, "stored")] = encode_stored(stored)
            self._all_confirmed.clear()
            self._to_confirm.set()
        if taken.points:
            for delivery in self.deliveries:
                delivery.wake()
        await self._show(taken)
        async with self._progress:
            self._heard.update(taken.stored.keys())
            for point in taken.points:
                if point.measurement is STRAP:
                    self._heard[point.tags] += 1
                    (self._left.discard if point.fields["connected"] else self._left.add)(point.tags)
            self._progress.notify_all()

    async def _show(self, taken: Taken) -> None:
        """Publish what other tools see; what is missed without a broker is told by the next."""
        for person, day in taken.judged.items():
            self._live.know(person, day.live)
        self._retained.take(taken.judged)
        live = self._live.update(taken.live)
        if self._introductions is not None:
            self._introductions.take(live.keys() | taken.judged.keys(), _straps_heard(taken))
        if not self._bus.is_connected:
            return
        for person, record in live.items():
            await self._bus.publish(live_topic(person), encode_object(record), qos=0, retain=True)
        for topic, told in self._retained.news():
            await self._bus.publish(topic, encode_object(told), retain=True)
        if self._introductions is not None:
            await self._introduce(self._introductions)

    async def _introduce(self, introductions: Introductions) -> None:
        """Tell of people and straps, each once; a broker that forbids it forbids nothing else."""
        for topic, payload in introductions.news():
            try:
                await self._bus.publish(topic, payload, retain=True)
            except BusRefused as error:
                _log.error("nobody was told of a device topic=%r error=%r advice=%r", topic, str(error), error.advice)

    async def _answer(self, topic: str, error: WireError) -> None:
        """Tell whoever sent a command that it can't be read."""
        with contextlib.suppress(MalformedPayload):  # no command, or one that names no person: nobody to tell
            person = parse_command_topic(topic)
            if self._bus.is_connected:
                await self._bus.publish(command_error_topic(person), encode_refusal(error))

    async def _confirm(self) -> None:
        """Publish what is stored; while the broker is away, only the newest word for each strap waits."""
        while True:
            await self._to_confirm.wait()
            self._to_confirm.clear()
            while self._confirmations:
                topic = next(iter(self._confirmations))
                await self._bus.publish(topic, self._confirmations.pop(topic), retain=True)
            self._all_confirmed.set()
            await asyncio.sleep(_CONFIRMATIONS_APART_S)


def _straps_heard(taken: Taken) -> dict[tuple[str, str], str | None]:
    """Person, strap and, where a status tells it, model of the straps that a transaction is about."""
    heard: dict[tuple[str, str], str | None] = dict.fromkeys(taken.stored)
    for point in taken.points:
        if point.measurement is STRAP:
            person, strap = point.tags
            model = point.fields.get("model")  # a status of one that left tells none
            heard[person, strap] = heard.get((person, strap)) if model is None else str(model)
    return heard
