"""A Bluetooth heart-rate strap as a source of notifications: found, connected, watched, and found again."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable

from ingest.backoff import Backoff
from ingest.errors import BluetoothUnavailable, StrapError
from ingest.model import Notification, StrapStatus
from ingest.radio import Radio
from ingest.wanted import Timing, WantedStrap

_log = logging.getLogger(__name__)

_TIMING = Timing()
_BACKOFF = Backoff()  # a strap is put on minutes before a run: 30 s at most until it is looked for again


class Strap:
    """A strap that is kept connected: implements `Source`, and never ends by itself.

    Args:
        wanted: what to look for.
        radio: the one that all straps of the process share.
        now_ns: the Unix clock, in nanoseconds.
        timing: how long to scan, connect, bear silence.
        backoff: the waits between attempts; they start anew once a notification came.
        uniform: the random source of the waits.
    """

    def __init__(
        self,
        wanted: WantedStrap,
        *,
        radio: Radio,
        now_ns: Callable[[], int],
        timing: Timing = _TIMING,
        backoff: Backoff = _BACKOFF,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._wanted = wanted
        self._radio = radio
        self._now_ns = now_ns
        self._timing = timing
        self._backoff = backoff
        self._uniform = uniform

    async def events(self) -> AsyncGenerator[Notification | StrapStatus, None]:
        """Notifications and changes of state, in order.

        A connected status stands before each connection's notifications; a disconnected one, with its reason,
        after the old link is taken down, once for each reason of an outage. Close this iterator
        (`contextlib.aclosing`) or cancel the task that reads it to disconnect.

        Raises:
            BluetoothUnavailable: the radio can't be used at the first attempt; later that is an outage too.
        """
        delays_s = self._backoff.delays_s(self._uniform)
        told: str | None = None
        is_first = True
        while True:
            try:
                async with self._radio.link(self._wanted, now_ns=self._now_ns, timing=self._timing) as link:
                    yield await link.status()
                    told = None
                    while True:
                        yield await link.next()
                        delays_s = self._backoff.delays_s(self._uniform)
            except StrapError as error:
                if is_first and isinstance(error, BluetoothUnavailable):
                    raise
                reason = str(error)
            is_first = False
            if reason != told:
                yield StrapStatus(connected=False, time_ns=self._now_ns(), reason=reason)
                told = reason
            delay_s = next(delays_s)
            _log.info("strap=%s reason=%r retry_in_s=%.1f", self._wanted.address or self._wanted.name, reason, delay_s)
            await asyncio.sleep(delay_s)
