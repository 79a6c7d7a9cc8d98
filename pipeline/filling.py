"""All points that the journal gives, derived anew: for a store that is new, or was away for too long."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.days import points_of_days
from pipeline.engine import Engine
from pipeline.journal import Journal, Stream
from pipeline.notes import point_of_note
from pipeline.schema import Point


def points_of_stream(journal: Journal, stream: Stream) -> Iterator[list[Point]]:
    """The points of a stream's batches, as far as its engine has come, batch by batch."""
    engine = Engine()
    for batch in journal.batches(stream, last=stream.next_sequence - 1):
        yield engine.step(batch)


def points_of_journal(journal: Journal, after_stream: int = 0) -> Iterator[tuple[int, list[Point]]]:
    """Every point, with the id of the last stream that is complete; notes and what was judged of days come last.

    Args:
        journal: where the beats are.
        after_stream: the id of the last stream that is not wanted any more.
    """
    done = after_stream
    for stream in journal.streams():
        if stream.id > after_stream:
            for points in points_of_stream(journal, stream):
                yield done, points
            done = stream.id
    for note in journal.notes():
        yield done, [point_of_note(note.topic, note.payload, note.received_ns)]
    for points in journal.read(points_of_days):
        yield done, points
