"""Days in the journal: whatever the order, the pieces and the restarts, the same beats give the same scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ingest.bus import Message
from ingest.database import Database
from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.topics import command_topic, strap_topic
from ingest.wire import encode_batch, encode_marker
from pipeline.days import Days, Profiles, read_report
from pipeline.importing import batches_of_stretches
from pipeline.intake import Intake
from pipeline.journal_tables import create_tables
from pipeline.schema import DAY, EFFORT, READINESS, RELIEF, SESSION, STRESS, WEEK, FieldValue, Point
from pipeline.scores.profile import DatedProfile, Profile
from pipeline.scores.simulated_beats import markers_of_day, rr_ticks_of_day
from pipeline.scores.simulated_person import Plan, live

Stored = dict[tuple[str, tuple[str, ...], int], dict[str, FieldValue]]

SECOND_NS = 1_000_000_000
PLAN = Plan(date(2026, 1, 5), days=5, seed=7, runs_per_week=7)
SCORES = {SESSION.name, EFFORT.name, STRESS.name, READINESS.name, DAY.name, WEEK.name, RELIEF.name}
PROFILES = {"anna": (DatedProfile(date.min, PLAN.profile),)}


def ignore() -> None:
    """Nobody waits for an acknowledgement here."""


@cache
def messages() -> tuple[tuple[int, Message], ...]:
    """All that five days of a simulated person send, with the time of each."""
    life = live(PLAN)
    found = []
    for day in range(PLAN.days):
        for batch in batches_of_stretches("anna", "h10", f"day-{day}", rr_ticks_of_day(life, day)):
            topic = strap_topic("anna", "h10", "beats")
            found.append((batch.received_ns, Message(topic, encode_batch(batch), retained=False, ack=ignore)))
        found += [(marker.time_ns or 0, said(marker)) for marker in markers_of_day(life, day)]
    return tuple(sorted(found, key=lambda each: each[0]))


def in_pieces(of: Sequence[tuple[int, Message]], size: int) -> Iterator[Sequence[tuple[int, Message]]]:
    return (of[first : first + size] for first in range(0, len(of), size))


def said(marker: Marker, person: str = "anna") -> Message:
    return Message(command_topic(person), encode_marker(marker), retained=False, ack=ignore)


def company() -> list[tuple[int, Message]]:
    """A day of two people with the same heart: anna breathes at noon, and only ben says that he runs."""
    life = live(PLAN)
    worn = rr_ticks_of_day(life, 0)
    found = []
    for person in ("anna", "ben"):
        for batch in batches_of_stretches(person, "h10", "day", worn):
            topic = strap_topic(person, "h10", "beats")
            found.append((batch.received_ns, Message(topic, encode_batch(batch), retained=False, ack=ignore)))
    noon_ns = worn[1].start_ns
    for action, time_ns in ((MarkerAction.START, noon_ns), (MarkerAction.STOP, noon_ns + 480 * SECOND_NS)):
        found.append((time_ns, said(Marker(MarkerKind.BREATHING, action, time_ns=time_ns))))
    runs = [marker for marker in markers_of_day(life, 0) if marker.kind is MarkerKind.RUN]
    found += [(marker.time_ns or 0, said(marker, "ben")) for marker in runs]
    return sorted(found, key=lambda each: each[0])


class Home:
    """A journal, and the stores' view of all that it was told."""

    def __init__(self, file: Path | None = None, stored: Stored | None = None) -> None:
        self.database = Database(file)
        self.stored: Stored = {key: dict(fields) for key, fields in (stored or {}).items()}
        with self.database.transaction() as connection:
            create_tables(connection)
        self.start()

    def start(self, profiles: Profiles = PROFILES, judge_every_s: float = 15.0) -> None:
        """As after a restart: nothing is left but the journal."""
        self.intake = Intake(self.database, days=Days(profiles, judge_every_s))

    def take(self, some: Iterable[Message], now_ns: int) -> None:
        again_in_s: float | None = 0.0
        waiting = list(some)
        while again_in_s == 0.0:
            taken = self.intake.take(waiting, now_ns)
            waiting, again_in_s = [], taken.again_in_s
            merge(self.stored, taken.points)

    def scores(self) -> Stored:
        """All scores that the stores have, but for what is void."""
        self.take([], 2**62)  # what is due is judged by then
        known = {key: fields for key, fields in self.stored.items() if key[0] in SCORES}
        return {key: fields for key, fields in known.items() if fields.get("valid") != 0}

    def report(self, day: date | None) -> dict[str, Any]:
        with self.database.transaction("BEGIN") as connection:
            report = read_report(connection, "anna", day)
        assert report is not None
        return report


def merge(stored: Stored, points: Iterable[Point]) -> None:
    for point in points:
        key = (point.measurement.name, tuple(point.tags), point.time_ns)
        stored.setdefault(key, {}).update(point.fields)


@dataclass(frozen=True)
class Lived:
    """The five days, taken in as they came: a message at a time."""

    file: Path
    stored: Stored
    scores: Stored

    def again(self, folder: Path) -> Home:
        """A copy, to go on with."""
        copy = folder / "journal.db"
        shutil.copy(self.file, copy)
        return Home(copy, self.stored)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    file = tmp_path_factory.mktemp("lived") / "journal.db"
    home = Home(file)
    for time_ns, message in messages():
        home.take([message], time_ns)
    scores = home.scores()
    home.database.close()
    return Lived(file, home.stored, scores)


def of(measurement: str, scores: Stored) -> list[dict[str, FieldValue]]:
    return [fields for key, fields in sorted(scores.items()) if key[0] == measurement]


def test_days_give_sessions_stress_readiness_and_load(lived: Lived) -> None:
    sessions = of("session", lived.scores)
    assert sum(1 for key in lived.scores if key[:2] == ("session", ("anna", "run"))) == PLAN.days
    assert all(session["valid"] == 1 and session["is_open"] == 0 for session in sessions)
    readiness = of("readiness", lived.scores)
    assert [bool(each["reason"]) for each in readiness] == [True] * 4 + [False]
    assert 0 <= float(readiness[-1]["readiness"]) <= 100
    days = of("day", lived.scores)
    assert [each["runs"] for each in days] == [1] * PLAN.days
    assert all(float(each["load"]) > 0 for each in days)
    assert len(of("stress", lived.scores)) > 20 * PLAN.days


def test_a_week_is_the_sum_of_its_days_and_a_run_has_an_effort_every_ten_seconds(lived: Lived) -> None:
    days, (week,) = of("day", lived.scores), of("week", lived.scores)
    for name in ("runs", "run_minutes", "load", "zone2_minutes"):
        assert float(week[name]) == pytest.approx(sum(float(day[name]) for day in days))
    run_minutes = sum(float(each["minutes"]) for each in of("session", lived.scores) if "load" in each)
    assert len(of("effort", lived.scores)) == pytest.approx(6 * run_minutes, rel=0.02)
    second_day_ns = sorted(key[2] for key in lived.scores if key[0] == "day")[1]
    floors_bpm = [float(days[0][f"zone{zone}_from_bpm"]) for zone in range(1, 6)]
    for (name, _, time_ns), effort in lived.scores.items():
        if name == "effort" and time_ns < second_day_ns:
            assert effort["zone"] == sum(float(effort["heart_rate_bpm"]) >= floor for floor in floors_bpm)


def test_a_morning_s_readiness_says_when_it_was_measured(lived: Lived) -> None:
    mornings = {key[2]: fields for key, fields in lived.scores.items() if key[:2] == ("session", ("anna", "morning"))}
    readiness = of("readiness", lived.scores)
    assert [each["measured_from_ms"] for each in readiness] == [time_ns // 1_000_000 for time_ns in sorted(mornings)]
    assert all(each["measured_to_ms"] == int(each["measured_from_ms"]) + 240_000 for each in readiness)


def test_replayed_at_once_the_days_are_the_same_to_the_last_bit(lived: Lived) -> None:
    home = Home()
    home.start(judge_every_s=0.0)
    for some in in_pieces(messages(), 200):
        home.take([message for _, message in some], some[-1][0])
    assert home.scores() == lived.scores


def test_in_any_order_the_days_are_the_same_to_the_last_bit(lived: Lived) -> None:
    shuffled = list(messages())
    Random(1).shuffle(shuffled)
    home = Home()
    for some in in_pieces(shuffled, 50):
        home.take([message for _, message in some], 0)
    assert home.scores() == lived.scores


def test_a_restart_within_a_run_or_a_morning_changes_nothing(lived: Lived) -> None:
    home = Home()
    middles = iter(sorted(middles_of_sessions(lived.scores)))
    middle_ns = next(middles)
    for time_ns, message in messages():
        if time_ns > middle_ns:
            home.start()
            middle_ns = next(middles, 2**62)
        home.take([message], time_ns)
    assert home.scores() == lived.scores


def middles_of_sessions(scores: Stored) -> Iterator[int]:
    for (name, _, start_ns), fields in scores.items():
        if name == "session":
            yield start_ns + round(float(fields["minutes"]) * 30 * SECOND_NS)


def test_runs_together_breathing_and_what_shows_by_itself_are_the_same_in_any_order() -> None:
    in_order, shuffled = Home(), Home()
    for time_ns, message in company():
        in_order.take([message], time_ns)
    mixed = company()
    Random(2).shuffle(mixed)
    for number, (_, message) in enumerate(mixed):
        if number % 40 == 0:
            shuffled.start()
        shuffled.take([message], 0)
    scores = in_order.scores()
    assert scores == shuffled.scores()
    sessions = {key[1]: fields for key, fields in scores.items() if key[0] == "session"}
    assert sessions["anna", "run"]["origin"] == "detected"
    assert sessions["anna", "run"]["together"] == "ben"
    assert sessions["ben", "run"]["together"] == "anna"
    assert sessions["anna", "breathing"]["minutes"] == 8
    assert sessions["ben", "morning"]["origin"] == "detected"


def test_recomputed_for_another_profile_and_back_the_days_are_the_same_to_the_last_bit(
    lived: Lived, tmp_path: Path
) -> None:
    home = lived.again(tmp_path)
    for profiles in ({"anna": (DatedProfile(date.min, Profile(birth_year=1950)),)}, PROFILES):
        home.start(profiles)
        home.take([messages()[0][1]], 2**62)  # a repeat of what is known makes the person known
        assert (home.scores() == lived.scores) == (profiles is PROFILES)


def test_a_profile_that_changes_on_a_day_leaves_the_days_before_as_they_were(lived: Lived, tmp_path: Path) -> None:
    home = lived.again(tmp_path)
    home.start({"anna": (*PROFILES["anna"], DatedProfile(date(2026, 1, 8), Profile(birth_year=1950)))})
    home.take([messages()[0][1]], 2**62)
    loads = [each["load"] for each in of("day", home.scores())]
    before = [each["load"] for each in of("day", lived.scores)]
    assert loads[:3] == before[:3]
    assert all(one != other for one, other in zip(loads[3:], before[3:], strict=True))


def test_an_edited_run_is_computed_anew_and_its_old_point_is_void(lived: Lived, tmp_path: Path) -> None:
    home = lived.again(tmp_path)
    start_ns = min(key[2] for key in lived.scores if key[:2] == ("session", ("anna", "run")))
    edit = Marker(
        MarkerKind.RUN,
        MarkerAction.EDIT,
        time_ns=messages()[-1][0],
        session_ns=start_ns + SECOND_NS,
        start_ns=start_ns + 300 * SECOND_NS,
    )
    home.take([said(edit)], 2**62)
    old, new = (home.stored["session", ("anna", "run"), start_ns + shift * SECOND_NS] for shift in (0, 300))
    assert (old["valid"], new["valid"]) == (0, 1)
    efforts = {key[2]: each["valid"] for key, each in home.stored.items() if key[0] == "effort"}
    assert {valid for time_ns, valid in efforts.items() if 0 <= time_ns - start_ns < 300 * SECOND_NS} == {0}
    assert {valid for time_ns, valid in efforts.items() if 310 <= (time_ns - start_ns) // SECOND_NS < 600} == {1}
    assert float(new["minutes"]) == pytest.approx(float(old["minutes"]) - 5)
    report = home.report(date(2026, 1, 5))
    assert report["last_run"]["start_ns"] == start_ns + 300 * SECOND_NS


def test_a_run_that_moves_to_the_day_before_and_back_stays_in_its_week(lived: Lived, tmp_path: Path) -> None:
    home = lived.again(tmp_path)
    run_ns = max(key[2] for key in lived.scores if key[:2] == ("session", ("anna", "run")))
    midnight_ns = max(key[2] for key in lived.scores if key[0] == "day")
    said_ns = messages()[-1][0]
    for number, minutes in enumerate((-20, 20), 1):
        start_ns = midnight_ns + minutes * 60 * SECOND_NS
        edit = Marker(
            MarkerKind.RUN,
            MarkerAction.EDIT,
            time_ns=said_ns + number * SECOND_NS,
            session_ns=run_ns,
            start_ns=start_ns,
            end_ns=start_ns + 600 * SECOND_NS,
        )
        home.take([said(edit)], 2**62)
        run_ns = start_ns
        days, (week,) = of("day", home.scores()), of("week", home.scores())
        assert [day["runs"] for day in days[-2:]] == ([2, 0] if number == 1 else [1, 1])
        assert week["runs"] == PLAN.days


def test_a_time_zone_that_is_told_later_moves_midnights_and_each_day_is_there_once(
    lived: Lived, tmp_path: Path
) -> None:
    home = lived.again(tmp_path)
    home.start({"anna": (DatedProfile(date.min, replace(PLAN.profile, time_zone="Europe/Berlin")),)})
    home.take([messages()[0][1]], 2**62)
    for measurement in (DAY, READINESS):
        midnights_ns = sorted(key[2] for key in home.scores() if key[0] == measurement.name)
        assert len(midnights_ns) == PLAN.days
        assert all(ns % (86_400 * SECOND_NS) == 82_800 * SECOND_NS for ns in midnights_ns)  # 23:00 UTC


def test_a_day_without_a_run_reports_the_last_one_before(lived: Lived, tmp_path: Path) -> None:
    home = lived.again(tmp_path)
    before, last = sorted(key[2] for key in lived.scores if key[:2] == ("session", ("anna", "run")))[-2:]
    assert home.report(None)["last_run"]["start_ns"] == last
    home.take([said(Marker(MarkerKind.RUN, MarkerAction.DROP, session_ns=last + SECOND_NS))], 2**62)
    assert home.report(None)["last_run"]["start_ns"] == before


def test_a_report_has_the_parts_that_its_readers_rely_on(lived: Lived, tmp_path: Path) -> None:
    report = lived.again(tmp_path).report(None)
    parts = ("person", "day", "readiness", "stress", "last_run", "week", "relief", "routine", "goals")
    assert set(parts) <= report.keys()
    assert report["day"] == "2026-01-09"
    for score in (report["readiness"], report["stress"]):
        assert {"value", "state", "confidence", "inputs", "reason"} <= score.keys()
    json.dumps(report, allow_nan=False)
