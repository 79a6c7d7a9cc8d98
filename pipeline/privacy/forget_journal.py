"""What a journal holds of a person, and how it is deleted. The functions take the connection of a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ingest.database import Connection
from ingest.topics import person_root
from pipeline.journal import Note
from pipeline.privacy.company import is_among, without
from pipeline.rows import pack_points, point_of, unpack_points
from pipeline.schema import SESSION, Point

_OF_STREAM = "stream_id IN (SELECT id FROM stream WHERE person = :person)"
_OF_TOPIC = "substr(topic, 1, length(:root)) = :root"
# A message on someone else's topic may name the person inside.
_UNREADABLE = f"({_OF_TOPIC} OR instr(payload, CAST(:quoted AS BLOB)) OR instr(reason, :named))"

_TABLES = (
    ("batches of beats", "batch", _OF_STREAM),
    ("streams with their engine", "stream", "person = :person"),
    ("notes", "note", _OF_TOPIC),
    ("unreadable messages", "unreadable", _UNREADABLE),
    ("minutes", "minute", "person = :person"),
    ("days", "day", "person = :person"),
    ("weeks", "week", "person = :person"),
    ("profiles that days were judged with", "judged_with", "person = :person"),
)


def count_in_journal(connection: Connection, person: str) -> dict[str, int]:
    """How much there is of a person, by what it is; what there is none of is absent."""
    found = {
        what: connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", _values(person)).fetchone()[0]  # noqa: S608
        for what, table, where in _TABLES
    }
    found["points on their way to a store"] = sum(
        _names(point, person) for _, points in _entries(connection) for point in points
    )
    found["refused points"] = sum(_names(point, person) for _, point in _rejected(connection))
    found["days of others that name the person"] = len(_days_of_company(connection, person))
    return {what: count for what, count in found.items() if count}


def unreadable_of(connection: Connection, person: str) -> list[Note]:
    """The messages that could not be read, of a person or with the person's name inside."""
    query = f"SELECT topic, payload, last_ns FROM unreadable WHERE {_UNREADABLE} ORDER BY last_ns"  # noqa: S608
    return [Note(*row) for row in connection.execute(query, _values(person))]


def points_of_company(connection: Connection, person: str) -> list[Point]:
    """The sessions of others that name a person, as they are without the name."""
    return [
        _without(point, person)
        for _, _, points, _ in _days_of_company(connection, person)
        for point in points
        if point.measurement is SESSION and _names(point, person)
    ]


def forget_in_journal(connection: Connection, person: str) -> None:
    """Delete all that there is of a person; that of others stays, without the name."""
    for _, table, where in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE {where}", _values(person))  # noqa: S608
    for entry_id, points in _entries(connection):
        _keep_entry(connection, entry_id, points, person)
    for row_id, point in _rejected(connection):
        if _names(point, person):
            connection.execute("DELETE FROM rejected WHERE id = ?", (row_id,))
    for other, day, points, report in _days_of_company(connection, person):
        kept = pack_points(_without(point, person) for point in points)
        query = "UPDATE day SET points = ?, report = ? WHERE person = ? AND day = ?"
        connection.execute(query, (kept, json.dumps(record_without(report, person)).encode(), other, day))


def record_without(record: Any, person: str) -> Any:
    """A report or a session as people are told it, without a person among those who ran together."""
    if isinstance(record, list):
        return [record_without(each, person) for each in record]
    if not isinstance(record, dict):
        return record
    return {
        key: without(person, kept) if key == "together" and isinstance(kept, str) else record_without(kept, person)
        for key, kept in record.items()
    }


def _values(person: str) -> dict[str, str]:
    return {
        "person": person,
        "root": person_root(person),
        "quoted": json.dumps(person, ensure_ascii=False),
        "named": f"names {person}/",
    }


def _entries(connection: Connection) -> Iterator[tuple[int, list[Point]]]:
    last = 0
    while row := connection.execute("SELECT id, points FROM entry WHERE id > ? ORDER BY id", (last,)).fetchone():
        last, packed = row
        yield last, unpack_points(packed)


def _keep_entry(connection: Connection, entry_id: int, points: list[Point], person: str) -> None:
    kept = [_without(point, person) for point in points if not _is_of(point, person)]
    if not kept:
        connection.execute("DELETE FROM entry WHERE id = ?", (entry_id,))
    elif kept != points:
        connection.execute("UPDATE entry SET points = ? WHERE id = ?", (pack_points(kept), entry_id))


def _rejected(connection: Connection) -> list[tuple[int, Point]]:
    rows = connection.execute("SELECT id, point FROM rejected").fetchall()
    return [(row_id, point_of(json.loads(row))) for row_id, row in rows]


def _days_of_company(connection: Connection, person: str) -> list[tuple[str, str, list[Point], Any]]:
    """Days of others that name a person: whose, which, its points and its report."""
    query = "SELECT person, day, points, report FROM day WHERE person != ? AND points IS NOT NULL"
    days = []
    for other, day, packed, report in connection.execute(query, (person,)):
        points, told = unpack_points(packed), json.loads(report)
        if any(_names(point, person) for point in points) or record_without(told, person) != told:
            days.append((other, day, points, told))
    return days


def _is_of(point: Point, person: str) -> bool:
    return "person" in point.measurement.tags and point.tags[0] == person


def _names(point: Point, person: str) -> bool:
    return _is_of(point, person) or is_among(person, str(point.fields.get("together", "")))


def _without(point: Point, person: str) -> Point:
    if "together" not in point.fields:
        return point
    return replace(point, fields={**point.fields, "together": without(person, str(point.fields["together"]))})
