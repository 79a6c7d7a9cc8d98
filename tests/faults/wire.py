"""A network cable between two hosts that can be cut, that delays, and that loses packets: a TCP proxy.

TCP itself never loses a byte: a lost packet comes again after a while, and holds up all that follow. That is what the
users of a lossy network see, and what is done here. Bytes that are under way when a connection breaks are gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from tests.support import free_port

_CHUNK = 16_384
_AGAIN_S = 0.3  # a lost packet is sent again after this long


class Wire:
    """Takes connections on `port` and carries their bytes to a port on this machine; faults are set while it runs."""

    def __init__(self, target_port: int, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = free_port()
        self.delay_s = 0.0  # each way; up to half of it more or less
        self.loss = 0.0  # share of packets that have to be sent again
        self.carried = self.held_up = self.broken = 0  # bytes, packets, connections
        self._target_port = target_port
        self._random = Random(target_port)
        self._whole = asyncio.Event()
        self._whole.set()
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take connections; on leaving, break them all."""
        server = await asyncio.start_server(self._accept, self.host, self.port)
        try:
            yield
        finally:
            server.close()
            self.break_connections()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def cut(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._whole.clear()

    def mend(self) -> None:
        """What waited at the cut passes."""
        self._whole.set()

    def break_connections(self) -> None:
        """Every connection is reset, with what was under way on it."""
        for connection in self._connections:
            connection.cancel()
        self.broken += len(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._whole.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        ways = [asyncio.create_task(self._carry(*way)) for way in ((reader, far_writer), (far_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            far_writer.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._hold_up()
                self.carried += len(chunk)
                writer.write(chunk)
                await writer.drain()
            await writer.drain()

    async def _hold_up(self) -> None:
        wait_s = self.delay_s * self._random.uniform(0.5, 1.5)
        while self.loss and self._random.random() < self.loss:
            self.held_up += 1
            wait_s += _AGAIN_S
        if wait_s:
            await asyncio.sleep(wait_s)
        await self._whole.wait()
