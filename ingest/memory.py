"""The `memory:` bus: a broker inside one event loop, for tests and for trying things out.

It passes encoded bytes, retains, and redelivers as a broker does. A last will is never published: client and
broker die together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from ingest.bus import Message, Will
from ingest.errors import BusUnavailable
from ingest.topics import matches


@dataclass(slots=True)
class _Session:
    """What the broker keeps of one client."""

    patterns: set[str] = field(default_factory=set)
    waiting: deque[Message] = field(default_factory=deque)
    unacknowledged: dict[int, Message] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    delivered: int = 0

    def deliver(self, topic: str, payload: bytes, *, qos: int, retained: bool) -> None:
        self.delivered += 1
        ack = partial(self.unacknowledged.pop, self.delivered, None)
        message = Message(topic, payload, retained, ack=lambda: (ack(), None)[1])
        if qos > 0:
            self.unacknowledged[self.delivered] = message
        self.waiting.append(message)
        self.arrived.set()

    def resume(self) -> None:
        """Queue everything again that the client has not acknowledged, oldest first."""
        self.waiting = deque(replace(message) for message in self.unacknowledged.values())
        self.arrived = asyncio.Event()
        if self.waiting:
            self.arrived.set()


@dataclass(slots=True)
class _MemoryBroker:
    sessions: dict[str, _Session] = field(default_factory=dict)
    retained: dict[str, bytes] = field(default_factory=dict)


_brokers: dict[str, _MemoryBroker] = {}


class MemoryBus:
    """One client of a memory broker."""

    def __init__(self, broker: _MemoryBroker, session: _Session) -> None:
        self._broker = broker
        self._session = session
        self._open = True

    @property
    def is_connected(self) -> bool:
        """Always, as long as it is open: client and broker are one process."""
        return self._open

    @property
    def tells_refusals(self) -> bool:
        """Always: it refuses nothing."""
        return True

    async def reconnected(self) -> None:
        """Never return: this connection can't be lost."""
        await asyncio.Event().wait()

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Hand the payload to every session that wants it; see `Bus.publish`."""
        if not self._open:
            raise BusUnavailable("the memory bus is closed")
        if retain:
            self._broker.retained[topic] = payload
            if not payload:
                del self._broker.retained[topic]
        for session in self._broker.sessions.values():
            if any(matches(pattern, topic) for pattern in session.patterns):
                session.deliver(topic, payload, qos=qos, retained=False)
        await asyncio.sleep(0)  # a publisher in a tight loop must not starve its subscribers

    async def subscribe(self, *patterns: str) -> None:
        """Deliver what is retained, then what comes; see `Bus.subscribe`."""
        self._session.patterns.update(patterns)
        for topic, payload in self._broker.retained.items():
            if any(matches(pattern, topic) for pattern in patterns):
                self._session.deliver(topic, payload, qos=1, retained=True)

    async def receive(self, limit: int = 500) -> Sequence[Message]:
        """All waiting messages; see `Bus.receive`."""
        session = self._session
        await session.arrived.wait()
        messages = [session.waiting.popleft() for _ in range(min(limit, len(session.waiting)))]
        if not session.waiting:
            session.arrived.clear()
        return messages

    def close(self) -> None:
        """Publish nothing from now on."""
        self._open = False


@asynccontextmanager
async def memory_bus(url: str, client_id: str, will: Will | None, *, durable: bool) -> AsyncIterator[MemoryBus]:
    """A bus on the memory broker of that name; the broker goes when no session is left."""
    del will  # see the module's text
    broker = _brokers.setdefault(url, _MemoryBroker())
    session = broker.sessions.setdefault(client_id, _Session())
    session.resume()
    bus = MemoryBus(broker, session)
    try:
        yield bus
    finally:
        bus.close()
        if not durable:
            broker.sessions.pop(client_id, None)
        if not broker.sessions:
            _brokers.pop(url, None)
