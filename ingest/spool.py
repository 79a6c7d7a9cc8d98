"""The spool: every batch from its arrival until the pipeline has confirmed it, for all straps of a collector.

Nothing here makes the event loop wait for a disk: batches come into memory, and one worker thread writes what has
gathered there in one commit. While the disk refuses, they stay in memory, up to a bound.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ingest.backoff import Backoff
from ingest.database import move_aside
from ingest.errors import ConfigError, StoreBusy, StoreDamaged, StoreUnavailable
from ingest.model import SequenceRange
from ingest.ranges import contains, from_number_on, merged, up_to_number
from ingest.spool_file import First, Held, Limits, SpoolFile, StreamKey, Totals, salvage

_log = logging.getLogger(__name__)

T = TypeVar("T")

FILE_NAME = "spool.db"

MAX_IN_MEMORY = 10_000
"""Batches that wait for a disk that refuses them: almost three hours of one strap."""

_COMMITS_APART_S = 0.05
"""From one commit to the next: what comes meanwhile shares one, and a batch that comes after it is written at once."""

_MAX_MOVES = 5
"""Damaged files that one process moves aside; a disk that breaks the next one too is left alone."""

_SECOND_NS = 1_000_000_000
_FOR_EVER = Limits(max_age_ns=2**62, max_bytes=500_000_000)


@dataclass(frozen=True, slots=True)
class SpoolHealth:
    """What waits for the pipeline's confirmation, and what was lost meanwhile."""

    batches: int
    beats: int
    bytes: int  # of the payloads in the file
    oldest_ns: int | None  # when the oldest waiting batch was received
    dropped_batches: int  # beyond age, size or memory, or in a damaged file; since the file was made
    dropped_beats: int
    in_memory: int  # batches that are not in the file yet
    trouble: str | None  # why the file can't be written, or what was damaged in it


def limits(max_age_days: float, max_mb: float) -> Limits:
    """The limits that the settings give."""
    return Limits(int(max_age_days * 86_400 * _SECOND_NS), int(max_mb * 1_000_000))


@asynccontextmanager
async def open_spool(
    path: Path | None, bounds: Limits = _FOR_EVER, *, now_ns: Callable[[], int] = time.time_ns
) -> AsyncIterator[Spool]:
    """A spool that writes while the block runs; on leaving, everything received is in its file.

    Args:
        path: the file; None keeps all in memory, for replays.
        bounds: how much it holds.
        now_ns: the Unix clock, in nanoseconds.

    Raises:
        ConfigError: another collector uses the file.
    """
    spool = Spool(path, bounds, now_ns)
    try:
        await spool.open()
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(spool.keep_writing())
            try:
                yield spool
            finally:
                writing.cancel()
    finally:
        await spool.close()


class Spool:
    """See `open_spool`, which makes it."""

    def __init__(self, path: Path | None, bounds: Limits, now_ns: Callable[[], int]) -> None:
        self.trouble: str | None = None
        self._path = path
        self._bounds = bounds
        self.now_ns = now_ns
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._file: SpoolFile | None = None  # only the worker touches it
        self._moved: list[Path] = []  # damaged files, of which nothing has been salvaged yet
        self._moves = 0
        self._damage: str | None = None
        self._cause: str | None = None  # of the trouble that was told last
        self._totals = Totals()
        self._firsts: Mapping[StreamKey, First] = {}
        self._buffer: dict[tuple[StreamKey, int], Held] = {}
        self._confirmed: dict[StreamKey, tuple[SequenceRange, ...]] = {}
        self._lost = (0, 0)  # batches and beats, to be counted in the file
        self._told_dropped = 0
        self._own: dict[StreamKey, int] = {}  # streams of this process, each with its last sequence
        self._began_s = time.monotonic()
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()  # replaced by a new one each time it has happened

    @property
    def is_durable(self) -> bool:
        """Whether batches outlive this process."""
        return self._path is not None

    async def open(self) -> None:
        """Open the file; see `open_spool`. A disk that refuses is trouble, and no error."""
        try:
            await self._in_worker(self._use, lambda _: None)
        except StoreBusy as error:
            message = f"another collector uses {self._path}"
            advice = "Stop the other one, or give this one a data directory of its own (--home, STRAPLINE_HOME)."
            raise ConfigError(message, advice=advice) from error
        except StoreUnavailable as error:
            self._trouble_is(error)
        else:
            self._written()

    def append(self, held: Held) -> None:
        """Take a batch; it is in the file after the next commit."""
        self._buffer[held.key, held.sequence] = held
        self._own[held.key] = held.sequence
        if len(self._buffer) > MAX_IN_MEMORY:
            oldest = self._buffer.pop(next(iter(self._buffer)))
            self._lost = (self._lost[0] + 1, self._lost[1] + oldest.beats)
        self._wake.set()

    def confirm(self, person: str, strap: str, streams: Mapping[str, Sequence[SequenceRange]]) -> None:
        """Forget batches that the pipeline has; streams and sequences that are not held are passed over."""
        for stream, ranges in streams.items():
            key = StreamKey(person, strap, stream)
            lowest = self.held_from(key)
            confirmed = () if lowest is None else from_number_on(ranges, lowest)
            if key in self._own:  # whatever it says, nobody has what was not there to be sent
                confirmed = up_to_number(confirmed, self._own[key])
            if confirmed:
                self._confirmed[key] = merged((*self._confirmed.get(key, ()), *confirmed))
                self._wake.set()

    def held_from(self, key: StreamKey) -> int | None:
        """The lowest sequence of a stream that may still be held; None if none is."""
        first = self._firsts.get(key)
        in_file = [] if first is None else [first.sequence]
        # Sequences come in order, so the buffer's first of a stream is its lowest.
        in_buffer = islice((sequence for held_key, sequence in self._buffer if held_key == key), 1)
        return min((*in_file, *in_buffer), default=None)

    async def read(self, person: str, strap: str, after: Held | None, limit: int) -> list[Held]:
        """Unconfirmed batches of a strap, oldest first, at most `limit`; fewer where these are all that there are.

        Args:
            person: who wears the strap.
            strap: its name.
            after: the last one of the part that was read before; None: from the beginning.
            limit: above 0.
        """
        rest: list[Held] = []
        while True:
            confirmed = dict(self._confirmed)  # they may be committed, and so forgotten here, while this reads
            wanted = limit - len(rest)
            found = await self._read(person, strap, after, wanted)
            rest = [
                held
                for held in (*rest, *found)
                if not contains(confirmed.get(held.key, ()), held.sequence)
                and not contains(self._confirmed.get(held.key, ()), held.sequence)
            ]
            if len(found) < wanted or len(rest) == limit:
                return rest
            after = found[-1]  # some of this part is confirmed, but what follows may not be

    async def _read(self, person: str, strap: str, after: Held | None, limit: int) -> list[Held]:
        # In this order: a batch that moves into the file meanwhile is seen twice rather than never.
        waiting = [held for held in self._buffer.values() if held.key[:2] == (person, strap)]
        damage = self._damage
        try:
            found: list[Held] = await self._in_worker(self._use, lambda file: file.read(person, strap, after, limit))
        except StoreUnavailable as error:
            found = []
            self._trouble_is(error)
            self._wake.set()  # the next commit tells when the trouble is over, and what was not read is read then
        if damage != self._damage:
            self._written()  # to a new file, in place of one of which a part could not be read
        if len(found) < limit:
            seen = {(held.key, held.sequence) for held in found}
            found += [held for held in waiting if (held.key, held.sequence) not in seen and _is_past(held, after)]
        return found[:limit]

    async def changed(self) -> None:
        """Return when the spool's trouble has come, changed or gone, or its file was replaced."""
        await self._changed.wait()

    def health(self) -> SpoolHealth:
        """Counters at this moment."""
        totals, in_memory = self._totals, list(self._buffer.values())
        oldest = [ns for ns in (totals.oldest_ns, in_memory[0].received_ns if in_memory else None) if ns is not None]
        return SpoolHealth(
            batches=totals.batches + len(in_memory),
            beats=totals.beats + sum(held.beats for held in in_memory),
            bytes=totals.bytes,
            oldest_ns=min(oldest, default=None),
            dropped_batches=totals.dropped_batches + self._lost[0],
            dropped_beats=totals.dropped_beats + self._lost[1],
            in_memory=len(in_memory),
            trouble=self.trouble,
        )

    async def keep_writing(self) -> None:
        """Write whatever comes, until cancelled."""
        backoff = Backoff()
        delays_s = backoff.delays_s(random.random)
        while True:
            await self._wake.wait()
            if await self._write():
                delays_s = backoff.delays_s(random.random)
                await asyncio.sleep(_COMMITS_APART_S)
            else:
                await asyncio.sleep(next(delays_s))

    async def close(self) -> None:
        """Write what still waits, and release the file."""
        if (self._buffer or self._confirmed) and not await self._write():
            _log.error("%d batches could not be written at the end and may be lost", len(self._buffer))
        await self._in_worker(self._close_file)
        self._worker.shutdown()

    async def _write(self) -> bool:
        """Bring the file up to date in one commit; whether the disk took it."""
        self._wake.clear()
        batches, confirmed, lost = list(self._buffer.values()), dict(self._confirmed), self._lost
        spared = self._spared()

        def write(file: SpoolFile) -> None:
            file.write(batches, confirmed, lost)
            file.keep_within(self._bounds, self.now_ns(), spared)

        try:
            await self._in_worker(self._use, write)
        except StoreUnavailable as error:
            self._forget_confirmed_in_memory()
            self._wake.set()
            self._trouble_is(error)
            return False
        for held in batches:
            self._buffer.pop((held.key, held.sequence), None)
        for key, ranges in confirmed.items():
            if self._confirmed.get(key) == ranges:
                del self._confirmed[key]
        self._lost = (self._lost[0] - lost[0], self._lost[1] - lost[1])
        self._written()
        return True

    def _spared(self) -> set[StreamKey]:
        """Streams of this process, as long as it can't be older than the age limit itself."""
        runs_ns = (time.monotonic() - self._began_s) * _SECOND_NS
        return set(self._own) if runs_ns < self._bounds.max_age_ns else set()

    def _forget_confirmed_in_memory(self) -> None:
        for key, sequence in list(self._buffer):
            if contains(self._confirmed.get(key, ()), sequence):
                del self._buffer[key, sequence]

    def _written(self) -> None:
        self._say(self._damage, self._damage)
        dropped = self._totals.dropped_batches
        if dropped > self._told_dropped * 2:  # a spool that is full drops with every beat
            _log.error("the spool has dropped batches=%d beats=%d", dropped, self._totals.dropped_beats)
            self._told_dropped = dropped

    def _trouble_is(self, error: StoreUnavailable) -> None:
        in_memory = len(self._buffer)
        if self._cause != str(error):
            _log.error("the spool can't be written error=%r advice=%r", str(error), error.advice)
        self._say(str(error), f"the spool can't be written: {error}; {in_memory} batches in memory")

    def _say(self, cause: str | None, trouble: str | None) -> None:
        had, self._cause, self.trouble = self._cause, cause, trouble
        if had != cause:
            if had is not None and cause == self._damage:
                _log.warning("the spool is written again")
            self._changed.set()
            self._changed = asyncio.Event()

    async def _in_worker(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, partial(function, *arguments))

    # What follows runs in the worker thread.

    def _use(self, operation: Callable[[SpoolFile], T]) -> T:
        """Do something with the open file, or with a new one where it is damaged."""
        try:
            return self._do(operation)
        except StoreDamaged as error:
            self._replace(error)
            return self._do(operation)

    def _do(self, operation: Callable[[SpoolFile], T]) -> T:
        try:
            file = self._opened()
            result = operation(file)
        except StoreUnavailable:
            if self.is_durable:
                self._close_file()  # a disk that was mounted anew needs a new connection
            raise
        self._totals, self._firsts = file.totals, file.firsts
        return result

    def _opened(self) -> SpoolFile:
        if self._file is None:
            self._file = SpoolFile(self._path)
            while self._moved:
                count = salvage(self._moved[0], self._file)
                self._damage = (
                    f"the spool was damaged: {count} batches salvaged, the rest is in {self._moved.pop(0).name}"
                )
                _log.error("%s", self._damage)
            missing = self._totals.batches - self._file.totals.batches
            if missing > 0:
                self._file.write([], {}, (missing, self._totals.beats - self._file.totals.beats))
        return self._file

    def _replace(self, error: StoreDamaged) -> None:
        if self._path is None or self._moves == _MAX_MOVES:
            raise error
        self._moves += 1
        aside = move_aside(self._path)
        advice = (
            f"What can be read goes into a new file; check the disk or SD card, and keep {aside.name} to ask about it."
        )
        _log.error("the spool's file is damaged error=%r moved_to=%s advice=%r", str(error), aside, advice)
        self._moved.append(aside)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _is_past(held: Held, after: Held | None) -> bool:
    return after is None or held.key != after.key or held.sequence > after.sequence
