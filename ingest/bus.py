"""The bus port: how a process publishes and receives MQTT messages, whichever broker carries them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from ingest.backoff import Backoff
from ingest.errors import BusUnavailable, ConfigError

_log = logging.getLogger(__name__)

_BACKOFF = Backoff()

SCHEMES = ("memory", "embedded", "mqtt", "mqtts")


def is_in_process(url: str) -> bool:
    """Whether a bus lives and ends with the process that opens it."""
    return urlsplit(url).scheme in {"memory", "embedded"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message received; a QoS 1 message that is not acknowledged comes again in the next session."""

    topic: str
    payload: bytes
    retained: bool  # True: it was on the broker before this subscription
    ack: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Will:
    """The retained message that the broker publishes if this client dies without saying goodbye."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class BusAddress:
    """Which broker, and who we are to it."""

    url: str
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None  # only for mqtts; None: the system's authorities

    def __repr__(self) -> str:
        """The address without its password."""
        return f"BusAddress({self.url!r}, username={self.username!r})"


class Bus(Protocol):
    """An open connection to a broker. One consumer at a time calls `receive`."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there at this moment; a message sent while it is not waits in memory."""
        ...

    @property
    def tells_refusals(self) -> bool:
        """Whether a `publish` that the broker does not allow is told; MQTT 3.1.1 acknowledges it all the same."""
        ...

    async def reconnected(self) -> None:
        """Return when the connection has been lost and is there again: what was sent before may be gone.

        A broker that died forgets messages that it had acknowledged, unless it had written them to its disk.
        """
        ...

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Send a message; with QoS 1, return when the broker has acknowledged it.

        Calls started in order are sent in order, so several may be under way at once.

        Raises:
            BusRefused: the broker answered that this client may not publish there.
            BusUnavailable: the connection is down and its queue is full, or was closed.
        """
        ...

    async def subscribe(self, *patterns: str) -> None:
        """Ask for messages at QoS 1; retained ones follow at once.

        Raises:
            BusRefused: the broker refused a pattern.
            BusUnavailable: the broker did not answer in time.
        """
        ...

    async def receive(self, limit: int = 500) -> Sequence[Message]:
        """All messages waiting, at most `limit`; waits for the first one."""
        ...


@asynccontextmanager
async def open_bus(
    address: BusAddress, *, client_id: str, will: Will | None = None, durable: bool = False
) -> AsyncIterator[Bus]:
    """An open bus for the address's scheme; closed on leaving.

    Args:
        address: `memory:name`, `embedded://host:port`, `mqtt://host:port` or `mqtts://host:port`.
        client_id: unique at the broker; a second client with the same one replaces the first.
        will: published by the broker if this process dies.
        durable: the broker keeps this client's subscriptions and unacknowledged messages while it is away.

    Raises:
        ConfigError: no such scheme, or the extra that it needs is not installed.
        BusUnavailable: nothing answers at the address.
        BusRefused: the broker turned us away (user, password, client id).
    """
    scheme = urlsplit(address.url).scheme
    if scheme == "memory":
        from ingest.memory import memory_bus

        async with memory_bus(address.url, client_id, will, durable=durable) as bus:
            yield bus
    elif scheme in {"embedded", "mqtt", "mqtts"}:
        from ingest.mqtt import mqtt_bus

        async with mqtt_bus(address, client_id, will, durable=durable) as bus:
            yield bus
    else:
        message = f"bus_url {address.url!r} names no bus that Strapline knows"
        raise ConfigError(message, advice=f"Use one of: {', '.join(SCHEMES)} (for example mqtt://localhost:1883).")


@asynccontextmanager
async def patient_bus(
    address: BusAddress, *, client_id: str, will: Will | None = None, durable: bool = False
) -> AsyncIterator[Bus]:
    """The same for a process that runs for ever: where nothing answers, it waits and tries again.

    Raises:
        ConfigError, BusRefused: as from `open_bus`.
    """
    async with AsyncExitStack() as stack:
        for delay_s in _BACKOFF.delays_s(random.random):
            try:
                bus = await stack.enter_async_context(
                    open_bus(address, client_id=client_id, will=will, durable=durable)
                )
            except BusUnavailable as error:
                _log.warning("%s; trying again in %.0f s. %s", error, delay_s, error.advice)
                await asyncio.sleep(delay_s)
            else:
                break
        yield bus
