"""The verbs of a person's day: session, mark, morning, report."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from ingest.cli import State, console, emit, run
from ingest.errors import ConfigError
from ingest.model import Marker, MarkerAction, MarkerKind
from ingest.settings import Settings
from ingest.topics import check_name
from pipeline.verbs import parse_start

PERSON = Annotated[str | None, typer.Option(help="Whose it is; not needed where the settings name one person.")]
WHEN = Annotated[
    int | None, typer.Option(parser=parse_start, metavar="TIME", help="When it was (ISO 8601); by default now.")
]


class SessionKind(StrEnum):
    """What a session may be."""

    RUN = "run"
    MORNING = "morning"
    BREATHING = "breathing"
    REST = "rest"


class Place(StrEnum):
    """Where a run may be."""

    OUTDOORS = "outdoors"
    TREADMILL = "treadmill"
    TRACK = "track"


KIND = Annotated[SessionKind, typer.Argument(help="What it is.")]

sessions = typer.Typer(
    help="Start and stop sessions, and mend those that were.\n\nExample: strapline session start run",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.add_typer(sessions, name="session")
    app.command()(mark)
    app.command()(morning)
    app.command()(report)


@sessions.command()
def start(
    context: typer.Context,
    kind: KIND,
    person: PERSON = None,
    place: Annotated[Place | None, typer.Option(help="Where a run is.")] = None,
    text: Annotated[str, typer.Option(help="What to remember of it.")] = "",
    at: WHEN = None,
) -> None:
    """Start a session; one that is open ends.

    Example: strapline session start run --place outdoors
    """
    words = " ".join(word for word in (place or "", text) if word)
    _say(context, person, Marker(MarkerKind(kind), MarkerAction.START, words, _at(at)))


@sessions.command()
def stop(context: typer.Context, kind: KIND, person: PERSON = None, at: WHEN = None) -> None:
    """Stop a session.

    Example: strapline session stop run
    """
    _say(context, person, Marker(MarkerKind(kind), MarkerAction.STOP, "", _at(at)))


@sessions.command()
def edit(
    context: typer.Context,
    kind: KIND,
    of: Annotated[int, typer.Option(parser=parse_start, metavar="TIME", help="A moment within the session.")],
    start: Annotated[int | None, typer.Option(parser=parse_start, metavar="TIME", help="Its new start.")] = None,
    stop: Annotated[int | None, typer.Option(parser=parse_start, metavar="TIME", help="Its new end.")] = None,
    person: PERSON = None,
) -> None:
    """Give a session another range; all that follows from it is computed anew.

    Example: strapline session edit run --of 2026-11-25T18:10 --start 2026-11-25T18:02
    """
    try:
        marker = Marker(MarkerKind(kind), MarkerAction.EDIT, "", _at(None), session_ns=of, start_ns=start, end_ns=stop)
    except ValueError as error:
        raise typer.BadParameter("give --start, --stop or both, the start first") from error
    _say(context, person, marker)


@sessions.command()
def drop(
    context: typer.Context,
    kind: KIND,
    of: Annotated[int, typer.Option(parser=parse_start, metavar="TIME", help="A moment within the session.")],
    person: PERSON = None,
) -> None:
    """Say that a session was none; its beats stay.

    Example: strapline session drop run --of 2026-11-25T18:10
    """
    _say(context, person, Marker(MarkerKind(kind), MarkerAction.DROP, "", _at(None), session_ns=of))


def mark(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="What to remember.")],
    person: PERSON = None,
    at: WHEN = None,
) -> None:
    """Note something of a moment.

    Example: strapline mark "second coffee"
    """
    try:
        marker = Marker(MarkerKind.NOTE, MarkerAction.NOTE, text, _at(at))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _say(context, person, marker)


def morning(
    context: typer.Context,
    person: PERSON = None,
    standing: Annotated[
        bool, typer.Option("--standing", help="Stand up after lying, and record that too (orthostatic).")
    ] = False,
) -> None:
    """Guide a morning measurement: settle for a minute, record for three, and hear what the day may hold.

    It needs a strap that is being read, by `strapline run` or by a collector and a pipeline.

    Example: strapline morning --person anna
    """
    from pipeline.guide import guide_morning

    state: State = context.obj
    settings = state.settings()
    if run(guide_morning(settings, the_person(settings, person), console, standing=standing)) is None:
        console.print("Stopped before the end; what was recorded counts as far as it went.")


def report(
    context: typer.Context,
    person: PERSON = None,
    day: Annotated[
        str | None, typer.Option(metavar="DATE", help="A day such as 2026-11-25; by default the newest.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Today, this week and the last run of a person.

    Example: strapline report --person anna
    """
    from ingest.database import Database
    from pipeline.days import people_of, read_report
    from pipeline.journal import FILE_NAME, KIND
    from pipeline.today import show_report

    state: State = context.obj
    file = state.home / FILE_NAME
    if not file.exists():
        raise ConfigError(f"there is no journal at {file}", advice="Ask on the machine on which the pipeline runs.")
    try:
        wanted = None if day is None else date.fromisoformat(day)
    except ValueError as error:
        raise typer.BadParameter(f"{day!r} is no date, such as 2026-11-25") from error
    with closing(Database(file, kind=KIND)) as database, database.transaction("BEGIN") as connection:
        people = people_of(connection)
        if not people:
            raise ConfigError("no day of anybody is known yet", advice="Start `strapline process` or `strapline run`.")
        name = person or (people[0] if len(people) == 1 else the_person(state.settings(), None))
        record = read_report(connection, name, wanted)
    if record is None:
        known = f"Days are known of: {', '.join(people)}."
        raise ConfigError(f"nothing is known of {name}{f' on {day}' if day else ''}", advice=known)
    if as_json:
        emit(record)
    else:
        show_report(record, Console(highlight=False))


def the_person(settings: Settings, named: str | None) -> str:
    """Who is meant: the one that was named, or the only one that there is.

    Raises:
        ConfigError: nobody was named, and the settings know several, or none; or a name that no topic can carry.
    """
    if named is not None:
        return check_name("person", named)
    people = sorted({strap.person for strap in settings.straps.values()} | settings.people.keys())
    if len(people) == 1:
        return people[0]
    known = f"One of: {', '.join(people)}." if people else "The settings name nobody yet."
    raise ConfigError("it is not clear who is meant", advice=f"Say so with --person. {known}")


def _at(time_ns: int | None) -> int:
    return time.time_ns() if time_ns is None else time_ns


def _say(context: typer.Context, person: str | None, marker: Marker) -> None:
    from pipeline.guide import say

    state: State = context.obj
    settings = state.settings()
    name = the_person(settings, person)
    run(asyncio.wait_for(say(settings, name, marker), 10))
    console.print(f"{name}: {marker.kind} {marker.action}")
