"""How long points and beats are kept, where the settings put an end to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.database import Connection
from ingest.errors import ConfigError
from ingest.ranges import from_number_on
from pipeline.journal import Stream, save_stream
from pipeline.schema import MEASUREMENTS, Measurement

_JOURNAL = "journal"
_NS_PER_DAY = 86_400_000_000_000

BATCHES_AT_ONCE = 500
"""Batches of a stream that one transaction deletes, so that a first setting after years holds up no message."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Ages in ns beyond which something is deleted; without one it stays."""

    points_ns: Mapping[Measurement, int] = field(default_factory=dict)
    beats_ns: int | None = None  # of the journal


def retention_of(days: Mapping[str, float]) -> Retention:
    """What the settings say.

    Args:
        days: by table of the stores, or `journal`.

    Raises:
        ConfigError: there is no table of that name.
    """
    for name in days:
        if name not in MEASUREMENTS and name != _JOURNAL:
            known = ", ".join((*MEASUREMENTS, _JOURNAL))
            raise ConfigError(f"retention: there is no table {name!r}", advice=f"Take one of: {known}.")
    ages_ns = {name: round(age * _NS_PER_DAY) for name, age in days.items()}
    beats_ns = ages_ns.pop(_JOURNAL, None)
    return Retention({MEASUREMENTS[name]: age_ns for name, age_ns in ages_ns.items()}, beats_ns)


def forget_old_beats(connection: Connection, stream: Stream, before_ns: int) -> bool:
    """Delete the oldest batches of a stream, and have its record say that they will not come again.

    Only what the engine has behind it goes, up to the first batch that is not old enough: at most `BATCHES_AT_ONCE`.

    Args:
        connection: that of a transaction of the journal.
        stream: its record, which is changed and saved.
        before_ns: Unix time; what was received before is old.

    Returns:
        Whether there may be more to delete.
    """
    query = "SELECT sequence, received_ns FROM batch WHERE stream_id = ? AND sequence < ? ORDER BY sequence LIMIT ?"
    last = None
    rows = connection.execute(query, (stream.id, stream.snapshot_sequence, BATCHES_AT_ONCE)).fetchall()
    for sequence, received_ns in rows:
        if received_ns >= before_ns:
            break
        last = sequence
    if last is None:
        return False
    connection.execute("DELETE FROM batch WHERE stream_id = ? AND sequence <= ?", (stream.id, last))
    stream.ranges = from_number_on(stream.ranges, last + 1)
    stream.held_from = max(stream.held_from, last + 1)
    save_stream(connection, stream)
    return len(rows) == BATCHES_AT_ONCE and last == rows[-1][0]
