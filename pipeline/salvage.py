"""What can be saved of a journal that was damaged: by a dying SD card, by a power cut on a disk that lies."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

from ingest.database import Database
from ingest.errors import StoreError
from pipeline.journal import Journal, Stream, add_batch, add_note, create_journal, find_stream, save_stream
from pipeline.outbox import Outbox, create_outbox

_log = logging.getLogger(__name__)

_AT_ONCE = 200
"""Batches that are given up together where one of them can't be read."""


def open_journal(file: Path) -> Database:
    """The database of a journal, new where there is none; one that is damaged gives way to what can be saved of it.

    Raises:
        StoreUnavailable: the file can't be used.
    """
    database = Database(file, damaged_gives_way=True)
    if database.aside is not None:
        with database.transaction() as connection:
            create_journal(connection)
        save_what_can_be_read(database.aside, database)
    return database


def known_stores(file: Path) -> set[str]:
    """The stores that have taken points from a journal's outbox before; none where there is no journal."""
    if not file.exists():
        return set()
    try:
        with closing(Database(file)) as database:
            with database.transaction() as connection:
                create_outbox(connection)  # a process that was killed at its first start leaves an empty file
            return Outbox(database).known_stores()
    except StoreError:
        return set()  # a journal in trouble says so when it is opened to be used


def save_what_can_be_read(damaged: Path, database: Database) -> None:
    """Copy what can be read of a damaged journal into a new one, whose engines then start from the first beat."""
    saved = lost = 0
    try:
        old = Journal.open_to_read(damaged)
        for stream in old.streams():
            kept = _copy_stream(old, stream, database)
            known = sum(last - first + 1 for first, last in stream.ranges)
            saved, lost = saved + kept, lost + known - kept
        notes = old.notes()
        with database.transaction() as connection:
            for note in notes:
                add_note(connection, note)
    except StoreError as error:
        _log.error("not all of the damaged journal could be read error=%r", str(error))
    text = "the journal was damaged: %d batches saved, %d known to be lost; the old file is kept as %s"
    _log.error(text, saved, lost, damaged)


def _copy_stream(old: Journal, stream: Stream, database: Database) -> int:
    kept = 0
    ranges = list(stream.ranges)
    with database.transaction() as connection:
        new = find_stream(connection, stream.person, stream.strap, stream.stream)
        # The collector has forgotten what was confirmed, so nobody will send again what can't be read here.
        new.held_from = max([stream.held_from, *(last + 1 for _, last in ranges)])
        for first, last in ranges:
            for start in range(first, last + 1, _AT_ONCE):
                try:
                    batches = list(old.batches(stream, start, min(last, start + _AT_ONCE - 1)))
                except StoreError:
                    continue  # counted as lost by the caller
                kept += sum(add_batch(connection, new, batch) for batch in batches)
        save_stream(connection, new)
    return kept
