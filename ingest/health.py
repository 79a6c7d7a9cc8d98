"""How a process is: told on the bus every ten seconds, to Prometheus and to systemd."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from importlib.metadata import version

from ingest.bus import Bus, BusAddress, Will, patient_bus
from ingest.errors import BusError, BusRefused
from ingest.model import Figures, ProcessHealth
from ingest.settings import Settings
from ingest.topics import health_topic
from ingest.watchdog import keep_informed
from ingest.wire import encode_health

_log = logging.getLogger(__name__)

EVERY_S = 10.0

_RELEASE = version("strapline")
_GOODBYE_S = 2.0


def last_will(process: str) -> Will:
    """What the broker publishes if a process that starts now dies."""
    gone = ProcessHealth(
        state="died or lost its network", process=process, online=False, release=_RELEASE, started_ns=time.time_ns()
    )
    return Will(health_topic(process), encode_health(gone))


class Health:
    """Reads a process's figures and publishes them, retained.

    Args:
        process: its name in the topic and in every table.
        read: its figures as they are now; also called from the thread that answers Prometheus, so it only looks.
        now_ns: Unix time.
        every_s: from one publication to the next.
    """

    def __init__(
        self,
        process: str,
        read: Callable[[], Figures],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        every_s: float = EVERY_S,
    ) -> None:
        self.process = process
        self.read = read
        self._now_ns = now_ns
        self._every_s = every_s
        self._started_ns = now_ns()
        self._reconnects = 0
        self._reconnected = asyncio.Event()
        self._is_refused = False
        self._topic = health_topic(process)

    def now(self) -> ProcessHealth:
        """How the process is at this moment."""
        return self._health(self.read(), online=True)

    async def run(self, bus: Bus, works: asyncio.Event | None = None) -> None:
        """Publish until cancelled, and then say goodbye; while the broker is away, one message waits and no more.

        Args:
            bus: an open one.
            works: set once the process does its work, which is not told before; None: it does.
        """
        if works is not None:
            await works.wait()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._count_reconnects(bus))
                while True:
                    await self._publish(bus, self.now())
                    await self._due()
        finally:
            if bus.is_connected:
                await self._say_goodbye(bus)

    def _health(self, figures: Figures, *, online: bool) -> ProcessHealth:
        return ProcessHealth(
            **{**asdict(figures), "reconnects": self._reconnects},
            process=self.process,
            online=online,
            release=_RELEASE,
            started_ns=self._started_ns,
            time_ns=self._now_ns(),
        )

    async def _due(self) -> None:
        """Return when it is time to publish again: at once after a reconnect, which tells others that we listen."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._reconnected.wait()
        self._reconnected.clear()

    async def _count_reconnects(self, bus: Bus) -> None:
        while True:
            await bus.reconnected()
            self._reconnects += 1
            self._reconnected.set()

    async def _publish(self, bus: Bus, health: ProcessHealth) -> None:
        try:
            await bus.publish(self._topic, encode_health(health), retain=True)
        except BusError as error:
            # Beats matter more than word of them: a user without the right to this topic still collects.
            if not self._is_refused:
                _log.warning("health is not told process=%s error=%r advice=%r", self.process, str(error), error.advice)
            self._is_refused = True
        else:
            self._is_refused = False

    async def _say_goodbye(self, bus: Bus) -> None:
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._publish(bus, self._health(Figures(state="stopped"), online=False))
        except TimeoutError:
            _log.warning("could not say goodbye process=%s", self.process)


async def tell(health: Health, address: BusAddress) -> None:
    """Publish over a connection of its own, whose will is the process's; a broker that is away is waited for."""
    client_id = f"strapline-health-{health.process}-{secrets.token_hex(4)}"
    try:
        async with patient_bus(address, client_id=client_id, will=last_will(health.process)) as bus:
            await health.run(bus)
    except BusRefused as error:
        _log.warning("health is not told process=%s error=%r advice=%r", health.process, str(error), error.advice)


async def attend(health: Health, settings: Settings) -> None:
    """Serve the figures to Prometheus if the settings say so, and keep systemd informed, until cancelled.

    Args:
        health: of this process, or of a part of it: several in one process share the port.
        settings: where to listen.

    Raises:
        ConfigError: the port can't be listened on.
    """
    with _metrics(health, settings):
        await keep_informed(lambda: f"{health.process}: {health.now().state}", every_s=EVERY_S)


def _metrics(health: Health, settings: Settings) -> AbstractContextManager[object]:
    if settings.metrics_port is None:
        return nullcontext()
    from ingest.metrics import serve_metrics

    return serve_metrics(settings.metrics_host, settings.metrics_port, health.now)


class Delays:
    """The delays of the last minute, of the newest thousand at most."""

    _SPAN_S = 60.0
    _KEPT = 1000

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=self._KEPT)

    def add(self, delay_s: float, at_s: float) -> None:
        """Take in one delay, seen at a moment of a clock that never goes back."""
        self._recent.append((at_s, delay_s))

    def quantiles(self, *shares: float, at_s: float) -> list[float | None]:
        """The delay in s that each share of the last minute's did not exceed; None where there were none."""
        # One copy first: a list of a deque is made in one step, whichever thread adds to it meanwhile.
        recent = sorted(delay_s for seen_s, delay_s in list(self._recent) if seen_s > at_s - self._SPAN_S)
        return [recent[math.ceil(share * len(recent)) - 1] if recent else None for share in shares]
