"""The courier: carries one strap's batches and statuses from the spool to the bus, through every outage."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ingest.backoff import Backoff
from ingest.bus import Bus, BusAddress, Message, Will, open_bus
from ingest.errors import BusError, BusRefused, BusUnavailable, ConfigError, WireError
from ingest.in_flight import InFlight, Sent
from ingest.model import StrapStatus
from ingest.spool import Spool
from ingest.spool_file import Held
from ingest.topics import PIPELINE, health_topic, strap_topic
from ingest.wire import decode_object, decode_stored, encode_status, with_held_from

_log = logging.getLogger(__name__)

WINDOW = 500
"""Batches sent and not confirmed while a backlog is drained; a broker drops what a slow reader has beyond 1000."""

MAX_UNCONFIRMED = 2 * WINDOW
"""Batches sent and not confirmed at all: with more, sending the newest first would only lengthen the broker's queue."""

_REFILL = WINDOW // 5
"""Room in the window that is worth reading the spool for."""

MAX_UNDER_WAY = 2 * WINDOW
"""Publications that may wait for the broker at once; beyond it the source is made to wait."""

MAX_STATUSES = 256

_BACKOFF = Backoff()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds."""

    first_s: float = 60.0  # for a confirmation, until a batch is sent again
    longest_s: float = 600.0  # the same, doubled each time while nothing is confirmed
    stored_s: float = 0.2  # after a connect, for the retained word of what the pipeline has


_PATIENCE = Patience()


@asynccontextmanager
async def collector_bus(address: BusAddress, person: str, strap: str) -> AsyncIterator[Bus]:
    """A bus with the strap's last will: a connection of its own for each strap, since MQTT has one will for each."""
    offline = StrapStatus(connected=False, reason="collector offline")
    will = Will(strap_topic(person, strap, "status"), encode_status(offline))
    async with open_bus(address, client_id=f"strapline-collect-{person}-{strap}", will=will) as bus:
        yield bus


class Courier:
    """Sends new batches at once, and the unconfirmed ones of before as fast as the pipeline confirms them.

    With a spool in memory, as a replay has, nothing outlives the process: then the broker's acknowledgement counts
    as confirmation, and a broker that is away at the start is an error.

    Args:
        address: the broker.
        person: who wears the strap.
        strap: its name.
        spool: where the batches are, appended before they are sent.
        patience: how long to wait for what.
        backoff: the waits between attempts to reach the broker.
        uniform: the random source of the waits.
    """

    def __init__(
        self,
        address: BusAddress,
        person: str,
        strap: str,
        spool: Spool,
        *,
        patience: Patience = _PATIENCE,
        backoff: Backoff = _BACKOFF,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self.person = person
        self.strap = strap
        self.spool = spool
        self.on_acknowledged: Callable[[Held], None] = lambda _: None  # each time that the broker has taken a batch
        self.pipeline_online: bool | None = None  # None: nothing is known of it
        self.has_met_broker = asyncio.Event()  # set once the first connection stands
        self._address = address
        self._patience = patience
        self._delays_s: Callable[[], Iterator[float]] = lambda: backoff.delays_s(uniform)
        self._topics = {kind: strap_topic(person, strap, kind) for kind in ("beats", "status", "stored")}
        self._pipeline_topic = health_topic(PIPELINE)
        self._bus: Bus | None = None
        self._publications: asyncio.TaskGroup | None = None
        self._under_way: set[Sent] = set()  # published, and not acknowledged by the broker
        self._in_flight = InFlight(patience.first_s, patience.longest_s)  # published, and not confirmed
        self._statuses: deque[StrapStatus] = deque(maxlen=MAX_STATUSES)
        self._statuses_under_way = 0
        self._newest: StrapStatus | None = None
        self._position: Held | None = None  # how far the backlog has been read
        self._is_drained = False
        self._drains = 0  # counts how often draining began anew
        self._not_before_s = 0.0  # on the loop's clock: when draining may begin
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._trouble: str | None = None
        self._is_heard = False  # the pipeline has spoken since we connected
        self._has_acknowledged = False  # the broker has taken a batch

    @property
    def is_connected(self) -> bool:
        """Whether there is a broker at this moment."""
        return self._bus is not None and self._bus.is_connected

    async def run(self) -> None:
        """Carry until cancelled, whatever happens to the broker.

        Raises:
            BusRefused, ConfigError: at the first attempt; or, in a group, at the very first publication.
            BusUnavailable: at the first attempt, with a spool in memory.
        """
        delays_s = self._delays_s()
        is_first = True
        while True:
            try:
                async with collector_bus(self._address, self.person, self.strap) as bus:
                    await bus.subscribe(self._topics["stored"], self._pipeline_topic)
                    await self._carry(bus)
            except (BusError, ConfigError) as error:
                if is_first and not (isinstance(error, BusUnavailable) and self.spool.is_durable):
                    raise
                self._tell(error)
            is_first = False
            await asyncio.sleep(next(delays_s))

    def send(self, held: Held) -> None:
        """Publish a batch that was just appended to the spool, if broker and pipeline keep up; else it is backlog."""
        if self.is_connected and len(self._in_flight) < MAX_UNCONFIRMED:
            self._start(held)
        elif self._is_drained:
            self._is_drained = False
            self._wake.set()

    def announce(self, status: StrapStatus) -> None:
        """Publish a status, now or, in order, when there is a broker again."""
        self._newest = status
        self._statuses.append(status)
        self._send_statuses()

    def drain_anew(self) -> None:
        """Send everything unconfirmed once more, oldest first."""
        self._in_flight.clear()
        self._read_again()

    async def room(self) -> None:
        """Return when the broker has not too much to acknowledge."""
        while len(self._under_way) >= MAX_UNDER_WAY:
            await self.progress()

    async def progress(self) -> None:
        """Return when a publication has ended. One caller at a time."""
        self._progress.clear()
        await self._progress.wait()

    @property
    def is_idle(self) -> bool:
        """Whether the broker has acknowledged every status and every batch that was published."""
        return not (self._statuses or self._statuses_under_way or self._under_way)

    async def _carry(self, bus: Bus) -> None:
        try:
            async with asyncio.TaskGroup() as self._publications:
                self._bus = bus
                self._connected()
                self.has_met_broker.set()
                self._publications.create_task(self._listen(bus))
                self._publications.create_task(self._drain())
                while True:
                    await bus.reconnected()
                    self._connected()
        finally:
            self._bus = None

    def _connected(self) -> None:
        self._is_heard = False
        self._tell(None)
        self._not_before_s = _now_s() + (self._patience.stored_s if self.spool.is_durable else 0.0)
        self.drain_anew()
        if self._newest is not None and not self._statuses:
            self._statuses.append(self._newest)  # a broker that died may have published the will, or forgotten all
        self._send_statuses()

    async def _listen(self, bus: Bus) -> None:
        while True:
            for message in await bus.receive():
                try:
                    self._hear(message)
                except WireError as error:
                    _log.warning("a message can't be read error=%r advice=%r", str(error), error.advice)
                message.ack()

    def _hear(self, message: Message) -> None:
        if message.topic == self._pipeline_topic:
            was, self.pipeline_online = self.pipeline_online, None
            if message.payload:  # an empty one takes back what was retained
                self.pipeline_online = decode_object(message.payload, message.topic).get("online") is not False
            if self._pipeline_is_away:
                self._in_flight.clear()
            elif was is not self.pipeline_online or not (message.retained or self._is_heard):
                # What was sent before the pipeline listened at this broker is gone, and now it listens.
                self.drain_anew()
            self._is_heard |= not message.retained
            return
        self._is_heard |= not message.retained
        stored = decode_stored(message.payload, message.topic)
        self.spool.confirm(self.person, self.strap, stored.streams)
        self._in_flight.confirm(stored.streams)
        self._wake.set()

    @property
    def _pipeline_is_away(self) -> bool:
        return self.pipeline_online is False and self.spool.is_durable

    async def _drain(self) -> None:
        while True:
            self._send_again_what_timed_out()
            room = WINDOW - len(self._in_flight)
            if self._is_drained or self._pipeline_is_away or room < _REFILL or _now_s() < self._not_before_s:
                await self._woken()
                continue
            drains = self._drains
            self._is_drained = True  # unless there is more, or `send` leaves a batch to us meanwhile
            batches = await self.spool.read(self.person, self.strap, self._position, room)
            if drains == self._drains:
                self._is_drained &= len(batches) < room
                self._send_backlog(batches)

    def _send_backlog(self, batches: Sequence[Held]) -> None:
        for held in batches:
            if not self.is_connected:
                self._is_drained = True  # until the reconnect, which begins anew
                return
            self._position = held
            sent = (held.key.stream, held.sequence)
            if sent not in self._in_flight and sent not in self._under_way:
                self._start(held)

    def _send_again_what_timed_out(self) -> None:
        expired = self._in_flight.expire(_now_s(), self._under_way)
        if expired:
            _log.warning("strap=%s batches=%d not confirmed in time, sent again", self.strap, expired)
            self._read_again()

    async def _woken(self) -> None:
        """Return when something has happened, or the next time-out or the begin of draining is there."""
        now_s, expiry_s = _now_s(), self._in_flight.next_expiry_s()
        delays_s = [] if expiry_s is None else [max(1.0, expiry_s - now_s)]  # what the broker keeps waiting stays on
        if now_s < self._not_before_s:
            delays_s.append(self._not_before_s - now_s)
        try:
            async with asyncio.timeout(min(delays_s, default=None)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _read_again(self) -> None:
        self._position = None
        self._is_drained = False
        self._drains += 1
        self._wake.set()

    def _start(self, held: Held) -> None:
        sent = (held.key.stream, held.sequence)
        self._under_way.add(sent)
        if not self._pipeline_is_away:  # else all is sent anew when it is back
            self._in_flight.add(sent, _now_s())
        self._publish(self._publish_batch(held))

    def _publish(self, publication: Coroutine[None, None, None]) -> None:
        # Tasks start in the order of their creation, and await nothing before publish(): so order is kept.
        assert self._publications is not None  # noqa: S101 - there is a bus
        self._publications.create_task(publication)

    async def _publish_batch(self, held: Held) -> None:
        assert self._bus is not None  # noqa: S101
        sent = (held.key.stream, held.sequence)
        held_from = self.spool.held_from(held.key)
        payload = with_held_from(held.payload, held.sequence if held_from is None else held_from)
        try:
            await self._bus.publish(self._topics["beats"], payload)
        except BusUnavailable:
            self._in_flight.forget(sent)
            self._read_again()
        except BusRefused as error:
            self._refused(error)
        else:
            self._has_acknowledged = True
            if not self.spool.is_durable:
                self._confirm(held)
            self.on_acknowledged(held)
        finally:
            self._under_way.discard(sent)
            self._progress.set()

    def _confirm(self, held: Held) -> None:
        streams = {held.key.stream: ((held.sequence, held.sequence),)}
        self.spool.confirm(self.person, self.strap, streams)
        if self._in_flight.confirm(streams):
            self._wake.set()

    def _send_statuses(self) -> None:
        while self._statuses and self.is_connected:
            self._statuses_under_way += 1
            self._publish(self._publish_status(self._statuses.popleft()))

    async def _publish_status(self, status: StrapStatus) -> None:
        assert self._bus is not None  # noqa: S101
        try:
            await self._bus.publish(self._topics["status"], encode_status(status), retain=True)
        except BusUnavailable:
            self._statuses.appendleft(status)
        except BusRefused as error:
            self._refused(error)
        finally:
            self._statuses_under_way -= 1
            self._progress.set()

    def _refused(self, error: BusRefused) -> None:
        """A broker that has taken nothing yet has wrong rules, and ends the collector; later the spool keeps all."""
        if not self._has_acknowledged:
            raise error
        self._tell(error)

    def _tell(self, error: BusError | ConfigError | None) -> None:
        """Log trouble with the broker, once for each change."""
        trouble = None if error is None else str(error)
        if trouble == self._trouble:
            return
        if error is None:
            _log.warning("strap=%s the broker is there", self.strap)
        else:
            _log.error("strap=%s batches stay in the spool error=%r advice=%r", self.strap, str(error), error.advice)
        self._trouble = trouble


def _now_s() -> float:
    return asyncio.get_running_loop().time()
