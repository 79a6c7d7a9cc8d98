"""A source that plays notifications again, at any speed, on a clock of its own."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Iterable

from ingest.model import Notification, StrapStatus


class PlaybackClock:
    """Event time that starts at `start_ns` and runs `speed` times as fast as the wall clock.

    With an infinite speed it shows whatever moment playback has reached.
    """

    def __init__(self, start_ns: int, speed: float) -> None:
        """A clock that begins to run with the first call.

        Args:
            start_ns: Unix time that it shows first.
            speed: above 0; `math.inf` for as fast as can be.

        Raises:
            ValueError: a speed of 0 or less, or not a number.
        """
        if not speed > 0:
            message = f"speed {speed} is not above 0"
            raise ValueError(message)
        self._speed = speed
        self.start_ns = start_ns
        self._reached_ns = start_ns
        self._began_s: float | None = None

    def now_ns(self) -> int:
        """The event time that playback has reached."""
        if math.isinf(self._speed):
            return self._reached_ns
        return self.start_ns + int(self._elapsed_s() * self._speed * 1e9)

    async def until(self, time_ns: int) -> None:
        """Return when event time has reached `time_ns`."""
        self._reached_ns = max(self._reached_ns, time_ns)
        delay_s = (time_ns - self.start_ns) / 1e9 / self._speed - self._elapsed_s()
        await asyncio.sleep(max(0.0, delay_s))

    def _elapsed_s(self) -> float:
        if self._began_s is None:
            self._began_s = time.monotonic()
        return time.monotonic() - self._began_s


class Replay:
    """Notifications that arrive when their own time stamps say so, by a playback clock."""

    def __init__(self, notifications: Iterable[Notification], clock: PlaybackClock, *, model: str) -> None:
        self._notifications = notifications
        self._clock = clock
        self._model = model

    async def events(self) -> AsyncGenerator[Notification | StrapStatus, None]:
        """Connected, every notification at its time, disconnected; see `Source.events`."""
        last_ns = self._clock.start_ns
        yield StrapStatus(connected=True, time_ns=last_ns, model=self._model)
        for notification in self._notifications:
            await self._clock.until(notification.arrival_ns)
            last_ns = notification.arrival_ns
            yield notification
        yield StrapStatus(connected=False, time_ns=last_ns, model=self._model, reason="end of the recording")
