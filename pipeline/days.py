"""The days of each person in the journal: which are due to be judged, what is known of them, and what was told of them.

The functions of `pipeline.scores` judge; here is what they are given, and what becomes of what they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from ingest.database import Connection
from ingest.model import MarkerKind
from ingest.topics import command_topic
from ingest.wire import decode_marker
from pipeline.journal import read_notes
from pipeline.minutes import add_to_minutes, create_minutes, minutes_of, read_trace
from pipeline.rows import pack_points, unpack_points
from pipeline.schema import EVENT, HEART, HRV, STRAP, Point
from pipeline.scores.day import AFTER_NS, BEFORE_NS, HISTORY_DAYS, Day, judge_day, read_day, without_holes
from pipeline.scores.local_days import DAY, day_of, start_of
from pipeline.scores.points import points_of, week_point
from pipeline.scores.profile import DatedProfile
from pipeline.scores.readings import DayFacts, Origin, Session
from pipeline.scores.report import report_of
from pipeline.scores.sessions import Said

JUDGE_EVERY_S = 15.0
"""How often a day that is under way is judged: some 40 ms each time, with a year of days before it."""

_DAYS_AT_ONCE = 10
"""Days that one transaction judges, so that a long backlog of them holds up no message."""

_SCORES_FORMAT = 2
"""Raised when a formula of the second level changes: every day is then judged anew."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS day (
        person TEXT NOT NULL, day TEXT NOT NULL,
        is_due INTEGER NOT NULL DEFAULT 1,
        facts TEXT,    -- what later days need to know
        points BLOB,   -- what the stores were told
        report BLOB,   -- what people are told
        PRIMARY KEY (person, day)
    ) STRICT, WITHOUT ROWID""",
    # What the stores were told of a week, which is of all its days, so that none of them can tell it alone.
    """CREATE TABLE IF NOT EXISTS week (
        person TEXT NOT NULL, monday TEXT NOT NULL, points BLOB NOT NULL, PRIMARY KEY (person, monday)
    ) STRICT, WITHOUT ROWID""",
    # What the days of a person were judged with: another profile, or another release's formulas, make all of them due.
    "CREATE TABLE IF NOT EXISTS judged_with (person TEXT PRIMARY KEY, basis BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS note_topic ON note (topic)",
)

_FACTS = TypeAdapter(DayFacts)
_BASIS = TypeAdapter(tuple[int, tuple[DatedProfile, ...]])
_REPORT = TypeAdapter(dict[str, Any])

Profiles = Mapping[str, Sequence[DatedProfile]]


def create_days(connection: Connection) -> None:
    """Make the tables of minutes and days where they are missing; those of the journal are there."""
    create_minutes(connection)
    for table in _TABLES:
        connection.execute(table)


@dataclass(slots=True)
class Told:
    """What judging has made known."""

    points: list[Point] = field(default_factory=list)  # new, or changed
    judged: dict[str, Day] = field(default_factory=dict)  # the newest day of each person, where it was judged
    due_in_s: float | None = None  # judge again then, with or without news; None: nothing is due


class Days:
    """Takes in points of the first level, and judges the days that they touch.

    Args:
        profiles: of the people that are known; the plain profile is for all others.
        judge_every_s: how long a day that was judged may wait to be judged again.
    """

    def __init__(self, profiles: Profiles, judge_every_s: float = JUDGE_EVERY_S) -> None:
        self._profiles = profiles
        self._judge_every_ns = round(judge_every_s * 1e9)
        self._judged_ns: dict[str, int] = {}
        self._known: set[str] = set()

    def take(self, connection: Connection, points: Sequence[Point], now_ns: int) -> Told:
        """Keep what points say, and judge the days that are due.

        A person's days are judged now and then, and at once when the person says something or a strap leaves.
        """
        for person in sorted({point.tags[0] for point in points if point.measurement in {HEART, HRV, EVENT}}):
            self._make_known(connection, person)
        for person, start_ns, _ in add_to_minutes(connection, points):
            self._mark(connection, person, start_ns)
        for person in {point.tags[0] for point in points if point.measurement is EVENT}:
            for time_ns in _moments_said_of(read_said(connection, person), points, person):
                self._mark(connection, person, time_ns)
        at_once = {point.tags[0] for point in points if point.measurement is EVENT or _has_left(point)}
        return self._judge_due(connection, now_ns, at_once)

    def forget(self) -> None:
        """Trust nothing in memory any more: a transaction has failed."""
        self._judged_ns.clear()
        self._known.clear()

    def _day(self, person: str, time_ns: int) -> date:
        return day_of(time_ns, self._profiles.get(person, ()))

    def _mark(self, connection: Connection, person: str, time_ns: int) -> None:
        """Make the day of a moment due; and those beside it that see it too, where they are known."""
        _mark(connection, person, self._day(person, time_ns))
        beside = {self._day(person, time_ns - AFTER_NS), self._day(person, time_ns + BEFORE_NS)}
        connection.executemany(
            "UPDATE day SET is_due = 1 WHERE person = ? AND day = ?", [(person, day.isoformat()) for day in beside]
        )

    def _make_known(self, connection: Connection, person: str) -> None:
        """All days of a person are due when they were judged with another profile, or by other formulas."""
        if person in self._known:
            return
        self._known.add(person)
        basis = _BASIS.dump_json((_SCORES_FORMAT, tuple(self._profiles.get(person, ()))))
        row = connection.execute("SELECT basis FROM judged_with WHERE person = ?", (person,)).fetchone()
        if row is not None and row[0] == basis:
            return
        connection.execute("INSERT OR REPLACE INTO judged_with VALUES (?, ?)", (person, basis))
        for day in sorted({self._day(person, start_ns) for start_ns in minutes_of(connection, person)}):
            _mark(connection, person, day)
        connection.execute("UPDATE day SET is_due = 1 WHERE person = ?", (person,))

    def _judge_due(self, connection: Connection, now_ns: int, at_once: set[str]) -> Told:
        told = Told()
        left = _DAYS_AT_ONCE
        waits_s = []
        for person in _people_due(connection):
            wait_ns = self._judged_ns.get(person, 0) + self._judge_every_ns - now_ns
            if person not in at_once and 0 < wait_ns <= self._judge_every_ns:
                waits_s.append(wait_ns / 1e9)
                continue
            while left and (day := _first_due(connection, person)) is not None:
                self._judge(connection, person, day, told)
                left -= 1
            if _first_due(connection, person) is None:
                self._judged_ns[person] = now_ns
            else:
                waits_s.append(0.0)
        told.due_in_s = min(waits_s, default=None)
        return told

    def _judge(self, connection: Connection, person: str, day: date, told: Told) -> None:
        self._make_known(connection, person)
        profiles = self._profiles.get(person, ())
        start_ns, end_ns = start_of(day, profiles), start_of(day + DAY, profiles)
        trace = read_trace(connection, person, start_ns - BEFORE_NS, end_ns + AFTER_NS)
        history = tuple(without_holes(read_facts(connection, person, day - HISTORY_DAYS * DAY, day), day))
        readings = read_day(day, trace, read_said(connection, person), profiles, history)
        judged = judge_day(readings, profiles, history, _runs_of_others(connection, person, day))
        points = points_of(person, judged)
        query = "SELECT facts, points FROM day WHERE person = ? AND day = ?"
        old_facts, old_points = connection.execute(query, (person, day.isoformat())).fetchone()
        facts = _FACTS.dump_json(judged.facts).decode()
        if facts != old_facts:
            connection.execute("UPDATE day SET is_due = 1 WHERE person = ? AND day > ?", (person, day.isoformat()))
        if _spans(judged.facts) != (_spans(_FACTS.validate_json(old_facts)) if old_facts else []):
            _mark_company(connection, person, day)
        connection.execute(
            "UPDATE day SET is_due = 0, facts = ?, points = ?, report = ? WHERE person = ? AND day = ?",
            (facts, pack_points(points), _REPORT.dump_json(report_of(person, judged)), person, day.isoformat()),
        )
        told.points += changes(unpack_points(old_points) if old_points else [], points)
        told.points += _news_of_week(connection, person, day - day.weekday() * DAY, profiles)
        if connection.execute("SELECT max(day) FROM day WHERE person = ?", (person,)).fetchone()[0] == day.isoformat():
            told.judged[person] = judged


def _news_of_week(connection: Connection, person: str, monday: date, profiles: Sequence[DatedProfile]) -> list[Point]:
    """What the stores do not know yet of a week."""
    facts = read_facts(connection, person, monday, monday + 7 * DAY)
    points = [week_point(person, facts, start_of(monday, profiles))]
    key = (person, monday.isoformat())
    row = connection.execute("SELECT points FROM week WHERE person = ? AND monday = ?", key).fetchone()
    connection.execute("INSERT OR REPLACE INTO week VALUES (?, ?, ?)", (*key, pack_points(points)))
    return changes(unpack_points(row[0]) if row else [], points)


def changes(before: Iterable[Point], after: Iterable[Point]) -> list[Point]:
    """The points that are new or say something else; what is no longer there is told to be void."""
    known = {_key(point): point for point in before}
    changed = []
    for point in after:
        old = known.pop(_key(point), None)
        if old is None or dict(old.fields) != dict(point.fields):
            changed.append(point)
    void = [Point(point.measurement, point.tags, {"valid": 0}, point.time_ns) for point in known.values()]
    return void + changed


def read_facts(connection: Connection, person: str, first: date, before: date) -> list[DayFacts]:
    """The facts of a person's days from one day up to, but not including, another, in order."""
    query = "SELECT facts FROM day WHERE person = ? AND day >= ? AND day < ? AND facts IS NOT NULL ORDER BY day"
    rows = connection.execute(query, (person, first.isoformat(), before.isoformat()))
    return [_FACTS.validate_json(facts) for (facts,) in rows]


def read_said(connection: Connection, person: str) -> list[Said]:
    """Everything that a person has said by command, in the order of receipt."""
    topic = command_topic(person)
    said = []
    for note in read_notes(connection, topic):
        marker = decode_marker(note.payload, topic)
        said.append(Said(note.received_ns if marker.time_ns is None else marker.time_ns, marker))
    return said


def read_report(connection: Connection, person: str, day: date | None = None) -> dict[str, Any] | None:
    """What people are told of a day, or of the newest one, with the last run up to then; None where it is not known."""
    query = "SELECT report FROM day WHERE person = ? AND day <= ? AND report IS NOT NULL ORDER BY day DESC"
    rows = connection.execute(query, (person, (day or date.max).isoformat()))
    reports = (_REPORT.validate_json(packed) for (packed,) in rows)
    newest = next(reports, None)
    if newest is None or (day is not None and newest["day"] != day.isoformat()):
        return None
    if newest["last_run"] is None:
        newest["last_run"] = next((each["last_run"] for each in reports if each["last_run"] is not None), None)
    return newest


def people_of(connection: Connection) -> list[str]:
    """Everyone who has a day; nobody in a journal of an earlier release, until its pipeline has been started."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'day'").fetchone() is None:
        return []
    return [person for (person,) in connection.execute("SELECT DISTINCT person FROM day ORDER BY person")]


def points_of_days(connection: Connection, person: str | None = None) -> list[list[Point]]:
    """What the stores were told of each day, and of each week; of one person, or of all."""
    whose = "points IS NOT NULL AND (?1 IS NULL OR person = ?1)"
    days = connection.execute(f"SELECT points FROM day WHERE {whose} ORDER BY person, day", (person,)).fetchall()  # noqa: S608
    weeks = connection.execute(f"SELECT points FROM week WHERE {whose} ORDER BY person, monday", (person,)).fetchall()  # noqa: S608
    return [unpack_points(packed) for (packed,) in (*days, *weeks)]


def _key(point: Point) -> tuple[str, tuple[str, ...], int]:
    return point.measurement.name, tuple(point.tags), point.time_ns


def _has_left(point: Point) -> bool:
    return point.measurement is STRAP and not point.fields["connected"]


def _moments_said_of(said: Sequence[Said], points: Iterable[Point], person: str) -> set[int]:
    """The moments that a person's new markers, and all edits, speak of."""
    moments = {point.time_ns for point in points if point.measurement is EVENT and point.tags[0] == person}
    for _, marker in said:
        moments |= {ns for ns in (marker.session_ns, marker.start_ns) if ns is not None}
    return moments


def _mark(connection: Connection, person: str, day: date) -> None:
    connection.execute(
        "INSERT INTO day (person, day) VALUES (?, ?) ON CONFLICT DO UPDATE SET is_due = 1", (person, day.isoformat())
    )


def _spans(facts: DayFacts) -> list[tuple[int, int]]:
    return [(run.start_ns, run.end_ns) for run in facts.runs]


def _runs_of_others(connection: Connection, person: str, day: date) -> dict[str, list[Session]]:
    """The runs of everybody else around a day."""
    query = "SELECT person, facts FROM day WHERE person != ? AND day BETWEEN ? AND ? AND facts IS NOT NULL"
    around = ((day - DAY).isoformat(), (day + DAY).isoformat())
    runs: dict[str, list[Session]] = {}
    for other, facts in connection.execute(query, (person, *around)):
        for start_ns, end_ns in _spans(_FACTS.validate_json(facts)):
            runs.setdefault(other, []).append(Session(MarkerKind.RUN, start_ns, end_ns, Origin.DETECTED))
    return runs


def _mark_company(connection: Connection, person: str, day: date) -> None:
    """Make due the days of everybody else who ran around that day: they may have run together."""
    for other in _runs_of_others(connection, person, day):
        around = ((day - DAY).isoformat(), (day + DAY).isoformat())
        connection.execute("UPDATE day SET is_due = 1 WHERE person = ? AND day BETWEEN ? AND ?", (other, *around))


def _people_due(connection: Connection) -> list[str]:
    return [person for (person,) in connection.execute("SELECT DISTINCT person FROM day WHERE is_due ORDER BY person")]


def _first_due(connection: Connection, person: str) -> date | None:
    query = "SELECT min(day) FROM day WHERE person = ? AND is_due"
    (day,) = connection.execute(query, (person,)).fetchone()
    return day and date.fromisoformat(day)
