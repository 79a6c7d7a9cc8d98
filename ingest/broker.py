"""The embedded MQTT broker: amqtt, in this process, on the loopback address.

It speaks MQTT 3.1.1 and keeps nothing for clients that are away: for the demo, and for a single machine where
collector and pipeline share this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ingest.errors import BusUnavailable, ConfigError

_log = logging.getLogger(__name__)

_LISTENER = "default"  # amqtt demands one of this name


@dataclass(slots=True)
class _Shared:
    """A broker, and the connections to it.

    amqtt does not close a connection that its client has reset, or that it refuses; from Python 3.12 on a server of its
    own would wait for such a one for ever. So the server is ours, and amqtt is given each connection.
    """

    broker: Any
    users: int = 0
    server: asyncio.Server | None = None
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError: something else does so there."""
        self.server = await asyncio.start_server(self._connected, host, port, reuse_address=True, start_serving=False)
        await self.broker.start()
        await self.server.start_serving()

    async def stop(self) -> None:
        """Let every client go."""
        if self.server is not None:
            self.server.close()
        await self.broker.shutdown()
        left = dict(self.connections)
        for task, writer in left.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not left to start_server, which in Python 3.11 logs the end of a task of its own as an error.
        task = asyncio.create_task(self._serve(reader, writer))
        self.connections[task] = writer
        task.add_done_callback(self.connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter

        try:
            await self.broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER)
        finally:
            writer.close()
            with contextlib.suppress(OSError):  # it was reset
                await writer.wait_closed()


_running: dict[tuple[str, int], _Shared] = {}
_starting = asyncio.Lock()


@asynccontextmanager
async def embedded_broker(host: str, port: int) -> AsyncIterator[None]:
    """Have a broker listening while the block runs; users of one address in a process share one broker.

    Raises:
        ConfigError: amqtt is not installed, or the address can be reached from other machines.
        BusUnavailable: something else listens there.
    """
    if not ipaddress.ip_address(host).is_loopback:
        message = f"the embedded broker has no passwords, so it must not listen on {host}"
        raise ConfigError(message, advice="Use 127.0.0.1, or run mosquitto with a password and set bus_url to mqtt://.")
    key = (host, port)
    async with _starting:
        if key not in _running:
            _running[key] = await _start(host, port)
        shared = _running[key]
        shared.users += 1
    try:
        yield
    finally:
        shared.users -= 1
        if shared.users == 0:
            del _running[key]
            await shared.stop()


async def _start(host: str, port: int) -> _Shared:
    try:
        from amqtt.broker import Broker
    except ModuleNotFoundError as error:
        advice = "pip install 'strapline[embedded]', or set bus_url to the broker that you run (mqtt://host:1883)."
        raise ConfigError("the embedded broker is not installed", advice=advice) from error
    # They log each packet's journey, and what they raise.
    for library in ("amqtt", "transitions"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    config = {
        "listeners": {_LISTENER: {"type": "external"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    shared = _Shared(Broker(config))
    try:
        await shared.start(host, port)
    except OSError as error:
        message = f"the embedded broker can't listen on {host}:{port}: {error}"
        advice = f"If another broker runs there, set bus_url = mqtt://{host}:{port}; else choose another port."
        raise BusUnavailable(message, advice=advice) from error
    _log.info("embedded broker started host=%s port=%d", host, port)
    return shared
