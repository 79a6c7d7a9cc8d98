"""A SQLite file of our own: opened, guarded and explained in one place. The only module that imports sqlite3."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from threading import RLock

from ingest.errors import StoreBusy, StoreDamaged, StoreError, StoreRejected, StoreTooNew, StoreUnavailable

Connection = sqlite3.Connection

_ADVICE = {
    sqlite3.SQLITE_BUSY: "Another program holds the file; close it, or wait until it is done.",
    sqlite3.SQLITE_CANTOPEN: "Check that the folder exists and that this user may write in it.",
    sqlite3.SQLITE_FULL: "Make room on the disk; nothing is lost meanwhile.",
    sqlite3.SQLITE_IOERR: "Check the disk or SD card, and the room on it; nothing is lost meanwhile.",
    sqlite3.SQLITE_PERM: "Give this user the right to write the file.",
    sqlite3.SQLITE_READONLY: "Give this user the right to write the file and its folder.",
}
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT: "Move the file away: a new one is made in its place.",
    sqlite3.SQLITE_NOTADB: "Move the file away, or name another file: this one is no SQLite database.",
}


_NEWER = (
    "Install the release that wrote it, or a newer one; or restore a backup from before the upgrade into an empty data "
    "directory."
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file, and the newest version of its tables that this release knows."""

    name: str
    version: int


class Database:
    """One SQLite file in write-ahead mode, whose commits outlive a power cut.

    Threads may share it; their transactions take turns.

    Args:
        path: the file; it and its folder are created where they are missing. None: in memory, gone with the process.
        busy_timeout_s: how long to wait for another program's lock.
        exclusive: no other program may use the file from the first transaction on until it is closed.
        kind: what the file is; None: nothing that has versions.

    Raises:
        StoreBusy: another program holds the file.
        StoreUnavailable: the file can't be opened.
        StoreDamaged: the file is no SQLite file, or a broken one.
        StoreTooNew: a newer release wrote it; nothing was changed.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        busy_timeout_s: float = 5.0,
        exclusive: bool = False,
        kind: Kind | None = None,
    ) -> None:
        self.path = path and path.absolute()
        self._kind = kind
        self._busy_timeout_s = busy_timeout_s
        self._exclusive = exclusive
        self._turn = RLock()
        if self.path is not None:
            _make_folder(self.path.parent)
        with self._translated():
            self._connection = self._connect()

    @contextmanager
    def transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
        """All or nothing: commits on leaving, takes everything back on an error.

        Raises:
            StoreUnavailable: the file can't be used now (locked, read-only, no room, removed); later it may.
            StoreDamaged: the file is broken.
            StoreRejected: a constraint of the file's tables says no.
        """
        with self._turn, self._translated():
            self._connection.execute(begin)
            if self.path is not None and not self.path.exists():
                self._connection.execute("ROLLBACK")
                message = f"{self.path} was removed while it was open"
                raise StoreUnavailable(message, advice="Start Strapline again: it makes a new one.")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                # A full disk has ended the transaction already; most other errors have not.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def start_anew(self) -> Path | None:
        """Go on with an empty file; returns the new name of the damaged one, None for a database in memory."""
        with self._turn, self._translated():
            self._connection.close()
            aside = move_aside(self.path) if self.path is not None else None
            self._connection = self._connect()
            return aside

    def copy_to(self, path: Path) -> None:
        """Write the file as it is at one moment to another one, while others go on to use it.

        Raises:
            StoreUnavailable: the file can't be read, or the other one can't be written.
        """
        with self._turn, self._translated(), contextlib.closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)

    def find_damage(self) -> str:
        """What SQLite finds wrong with the whole file; empty where all is well.

        Raises:
            StoreDamaged: it is so broken that it can't be examined.
        """
        with self._turn, self._translated():
            (found,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        return "" if found == "ok" else str(found)

    def compact(self) -> None:
        """Write the file anew without what was deleted, of which no byte is left in it or beside it.

        Raises:
            StoreUnavailable: another program uses the file, or the disk has no room for a copy of it.
        """
        with self._turn, self._translated():
            self._connection.execute("VACUUM")
            (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            message = f"{self.path} is in use, so that deleted data stays beside it"
            raise StoreBusy(message, advice=_ADVICE[sqlite3.SQLITE_BUSY])

    def close(self) -> None:
        """Release the file; safe to call twice."""
        with self._turn:
            self._connection.close()

    def _connect(self) -> Connection:
        # isolation_level=None: transactions begin and end where this module says so.
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            if self._exclusive:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._check_version(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL, not NORMAL: what has been committed is acknowledged to others, so it must outlive a power cut.
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_version(self, connection: Connection) -> None:
        version = version_of(connection)
        if self._kind is not None and version > self._kind.version:
            message = (
                f"{self.path} is a {self._kind.name} of version {version}, and this release reads up to version "
                f"{self._kind.version}; nothing was written"
            )
            raise StoreTooNew(message, advice=_NEWER)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            found = self._store_error(error)
            if found is None:
                raise
            raise found from error

    def _store_error(self, error: sqlite3.DatabaseError) -> StoreError | None:
        primary_code = _primary_code(error)
        message = f"{self.path}: {error}"
        if primary_code == sqlite3.SQLITE_CONSTRAINT:
            return StoreRejected(message, advice="The file keeps this field as another type; move the file away.")
        if primary_code == sqlite3.SQLITE_BUSY:
            return StoreBusy(message, advice=_ADVICE[primary_code])
        if primary_code in _DAMAGED:
            return StoreDamaged(message, path=self.path, advice=_DAMAGED[primary_code])
        if primary_code in _ADVICE:
            return StoreUnavailable(message, advice=_ADVICE[primary_code])
        return None


def version_of(connection: Connection) -> int:
    """The version of the tables that stands in the file; 0 in one that is empty, or older than the first release."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _primary_code(error: sqlite3.DatabaseError) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def move_aside(path: Path) -> Path:
    """Rename a damaged database, and what belongs to it, so that a new one can take its place; returns the new name."""
    stamp = f"{path.name}.damaged-{time.time_ns() // 1_000_000_000}"
    names = (path.with_name(stamp + more) for more in chain([""], (f"-{number}" for number in count(2))))
    aside = next(name for name in names if not name.exists())
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"folder {folder} can't be created: {error.strerror}"
        raise StoreUnavailable(message, advice=_ADVICE[sqlite3.SQLITE_CANTOPEN]) from error
