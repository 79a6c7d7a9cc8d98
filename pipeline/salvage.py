"""What can be saved of a journal that was damaged: by a dying SD card, by a power cut on a disk that lies."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

from ingest.database import Database, move_aside
from ingest.errors import StoreDamaged, StoreError
from pipeline.journal import KIND, Journal, Stream, add_batch, add_note, find_stream, save_stream

_log = logging.getLogger(__name__)

_AT_ONCE = 200
"""Batches that are given up together where one of them can't be read."""


def open_or_start_anew(file: Path) -> tuple[Database, Path | None]:
    """The database of a journal, new where there is none or a damaged one, whose new name comes with it.

    Raises:
        StoreUnavailable: the file can't be used.
        StoreTooNew: a newer release wrote it.
    """
    try:
        return Database(file, kind=KIND), None
    except StoreDamaged:
        aside = move_aside(file)
        return Database(file, kind=KIND), aside


def save_what_can_be_read(damaged: Path, database: Database) -> None:
    """Copy what can be read of a damaged journal into a new one, whose engines then start from the first beat."""
    saved = lost = 0
    try:
        with closing(Journal.open_to_read(damaged)) as old:
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
