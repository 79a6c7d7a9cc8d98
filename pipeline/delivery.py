"""From the outbox to one store: in order, however long it is away, and with the newest first when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, TypeVar

from ingest.backoff import Backoff
from ingest.database import move_aside
from ingest.errors import StoreDamaged, StoreError, StoreRejected
from pipeline.filling import points_of_journal
from pipeline.journal import Journal
from pipeline.outbox import POINTS_AT_ONCE, Outbox
from pipeline.schema import Measurement, Point
from pipeline.store import Store

_log = logging.getLogger(__name__)

_BACKOFF = Backoff(first_s=0.5, max_s=60.0, jitter=0.3)
_LOOK_EVERY_S = 5.0
"""`strapline doctor` puts points back into the outbox from a process of its own, which no event tells of."""

_PREVIEW_ENTRIES = 20
_FORGET_EVERY_S = 86_400.0

_T = TypeVar("_T")

Rejected = list[tuple[Point, str, str]]  # with reason and advice


@dataclass(slots=True)
class Delivery:
    """Keeps one store up to date, for ever.

    The outbox is delivered in order, since a later point may say more of an earlier one. While that takes time, what
    is newest is written ahead, and once more in its turn: a board shows the heart of now although days are missing.
    """

    name: str
    open: Callable[[], Store]
    journal: Journal
    outbox: Outbox
    idle: asyncio.Event = field(default_factory=asyncio.Event)  # set while the store has everything
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    state: str = ""  # why points wait; empty where all is well
    journal_is_damaged: bool = False  # found out here; whoever writes the journal mends it
    keep_ns: Mapping[Measurement, int] = field(default_factory=dict)  # ages beyond which points are deleted
    points_rejected: int = 0
    first_refusal: StoreRejected | None = None
    _store: Store | None = None
    _previewed_id: int = 0
    _filling: Iterator[tuple[int, list[Point]]] | None = None
    _forgot_at_s: float = -math.inf

    async def run(self) -> None:
        """Deliver until cancelled; trouble with the store is logged once for each change, and retried."""
        delays_s = _BACKOFF.delays_s(random.random)
        try:
            while True:
                self._news.clear()
                try:
                    has_more = await _in_daemon_thread(self._round)
                except StoreError as error:
                    _log.warning("store %s waits for the journal error=%r", self.name, str(error))
                    self.journal_is_damaged |= isinstance(error, StoreDamaged)
                    await asyncio.sleep(next(delays_s))
                    continue
                if self.state:
                    await asyncio.sleep(next(delays_s))
                    continue
                delays_s = _BACKOFF.delays_s(random.random)
                if not has_more:
                    if not self._news.is_set():
                        self.idle.set()
                    await self._news_within(_LOOK_EVERY_S)
        finally:
            self._close()

    def wake(self) -> None:
        """Say that there are new points in the outbox."""
        self.idle.clear()
        self._news.set()

    async def _news_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    def _round(self) -> bool:
        """Write the next points; True where there are more.

        Raises:
            StoreError: the journal is in trouble. That of the store is kept in `state`.
        """
        filled = self.outbox.filled_stream(self.name)
        due = None if filled is not None else self.outbox.due(self.name)
        try:
            store = self._opened()
            if filled is not None:
                self._preview(store)
                self._fill(store, filled)
            elif due is not None:
                if len(due.points) >= POINTS_AT_ONCE:
                    self._preview(store)
                refused = self._write(store, due.points)
            elif self.keep_ns and time.monotonic() - self._forgot_at_s >= _FORGET_EVERY_S:
                self._forget_old(store)
        except _StoreTrouble as trouble:
            self._give_up(trouble.error)
            return True
        if due is not None:
            self.outbox.delivered(self.name, due.entry_id, refused)
        return filled is not None or due is not None

    def _opened(self) -> Store:
        """The store, asked whether it would take our points if it was just opened."""
        with _of_store():
            if self._store is None:
                self._store = self.open()
                self._store.check()
        if self.state:
            _log.warning("store %s is there again", self.name)
            self.state = ""
        return self._store

    def _give_up(self, error: StoreError) -> None:
        """Take note of trouble; a broken file of ours is moved away, since all that it held can be derived again."""
        if str(error) != self.state:
            _log.warning("store %s away, points wait error=%r advice=%r", self.name, str(error), error.advice)
        self.state = str(error)
        self._filling = None
        self._close()
        # A file that we have never written to may be somebody's letter, and stays where it is.
        if isinstance(error, StoreDamaged) and error.path and self.name in self.outbox.known_stores():
            aside = move_aside(error.path)
            _log.error("store %s was damaged, and is filled anew; the old file is %s", self.name, aside)
            self.outbox.set_filled(self.name, 0)

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _preview(self, store: Store) -> None:
        newest = self.outbox.newest(self._previewed_id, _PREVIEW_ENTRIES)
        if newest is not None:
            with _of_store():
                _write_all(store, newest.points)  # what is refused is set aside in its turn
            self._previewed_id = newest.entry_id

    def _fill(self, store: Store, filled: int) -> None:
        """Write the next points of the journal."""
        if self._filling is None:
            _log.warning("store %s is being filled from the journal", self.name)
            self._filling = points_of_journal(self.journal, filled)
        points: list[Point] = []
        done: int | None = None
        for done_stream, some in self._filling:
            done = done_stream
            points += some
            if len(points) >= POINTS_AT_ONCE:
                break
        else:
            done, self._filling = None, None
            self._forgot_at_s = -math.inf  # what it was filled with may be old
        # The stream that these points belong to is not complete: after a crash it is filled once more.
        self.outbox.set_filled(self.name, done, self._write(store, points))

    def _forget_old(self, store: Store) -> None:
        """Delete what is too old; a store that can't is left as it is, and said so once a day."""
        self._forgot_at_s = time.monotonic()
        for measurement, age_ns in self.keep_ns.items():
            try:
                with _of_store():
                    store.forget_before(measurement, time.time_ns() - age_ns)
            except _StoreTrouble as trouble:
                if not isinstance(trouble.error, StoreRejected):
                    raise
                text = "store %s keeps what is too old error=%r advice=%r"
                _log.error(text, self.name, str(trouble.error), trouble.error.advice)
                return

    def _write(self, store: Store, points: Sequence[Point]) -> Rejected:
        with _of_store():
            refused = _write_all(store, points)
        for point, error in refused[:1]:
            self.first_refusal = self.first_refusal or error
            text = "store %s refuses %d of %d points, set aside; the first: %s error=%r advice=%r"
            _log.error(text, self.name, len(refused), len(points), point, str(error), error.advice)
        self.points_rejected += len(refused)
        return [(point, str(error), error.advice) for point, error in refused]


class _StoreTrouble(Exception):
    """What the store said, told apart from what the journal says: both are files or servers that may be away."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(str(error))
        self.error = error


@contextlib.contextmanager
def _of_store() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise _StoreTrouble(error) from error


async def _in_daemon_thread(call: Callable[[], _T]) -> _T:
    """What a blocking call returns, from a thread that does not keep the process when it is stopped.

    A store that hangs keeps a request for 10 s; what was under way is delivered again after the next start.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_T] = loop.create_future()

    def settle(give: Callable[[Any], None], result: object) -> None:
        if not answer.done():
            give(result)

    def work() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            try:
                result = call()
            except Exception as error:  # noqa: BLE001 - passed on to the caller
                loop.call_soon_threadsafe(settle, answer.set_exception, error)
            else:
                loop.call_soon_threadsafe(settle, answer.set_result, result)

    Thread(target=work, name="delivery", daemon=True).start()
    return await answer


def _write_all(store: Store, points: Sequence[Point]) -> list[tuple[Point, StoreRejected]]:
    """Write all points that the store takes; return the others, each with the reason.

    Raises:
        StoreUnavailable: the store is away.
        StoreRejected: it would take nothing from us at all.
    """
    if not points:
        return []
    try:
        store.write(points)
    except StoreRejected as error:
        store.check()
        return _bisect(store, points, error)
    return []


def _bisect(store: Store, points: Sequence[Point], error: StoreRejected) -> list[tuple[Point, StoreRejected]]:
    """Find the points that the store refuses, halving; writing the others twice is harmless, since they overwrite."""
    if len(points) == 1 or error.dropped == len(points):
        return [(point, error) for point in points]
    refused = []
    middle = len(points) // 2
    for half in (points[:middle], points[middle:]):
        try:
            store.write(half)
        except StoreRejected as error_of_half:
            refused += _bisect(store, half, error_of_half)
    return refused
