"""The verb `simulate`: days of a simulated person, in which running has an effect of known size, into the stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ingest.cli import State, console, emit, run
from ingest.errors import ConfigError
from ingest.model import BeatBatch, Marker
from ingest.settings import Settings, in_clear
from ingest.topics import check_name
from pipeline.store import check_store, store_openers

if TYPE_CHECKING:
    from pipeline.importing import Imported
    from pipeline.scores.simulated_person import Life, Plan

STRAP = "simulated"

_DAY_NS = 86_400_000_000_000


class Episode(NamedTuple):
    """Days on end of illness or overload."""

    first_day: date
    days: int


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command()(simulate)


def parse_day(text: str) -> date:
    """A date from the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no date, such as 2026-02-10"
        raise typer.BadParameter(message) from error


def parse_episode(text: str) -> Episode:
    """A date and a number of days from the command line."""
    first, _, days = text.partition(":")
    if not days.isdecimal():
        message = f"{text!r} is no date and number of days, such as 2026-02-10:5"
        raise typer.BadParameter(message)
    return Episode(parse_day(first), int(days))


EPISODES = Annotated[
    list[Episode] | None, typer.Option(parser=parse_episode, metavar="DATE:DAYS", help="Days of it; may be repeated.")
]
START = Annotated[
    date | None, typer.Option(parser=parse_day, metavar="DATE", help="The first day; by default the last is yesterday.")
]


def simulate(
    context: typer.Context,
    person: Annotated[str, typer.Option(help="Whose days they are.")] = "sim",
    days: Annotated[int, typer.Option(help="How many days.")] = 365,
    seed: Annotated[int, typer.Option(help="The same seed gives the same life.")] = 7,
    relief: Annotated[float, typer.Option(help="Points of stress less through a run; 0: running does nothing.")] = 8.0,
    runs_per_week: Annotated[float, typer.Option(help="How often the person runs.")] = 4.0,
    illness: EPISODES = None,
    overload: EPISODES = None,
    start: START = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Live days of a simulated person, whose runs have an effect of known size, into journal and stores.

    The same command again adds nothing; another life of the same person would lie on top, so give it another name.

    Example: strapline simulate --person sim --days 365 --seed 7 --relief 8 --illness 2026-02-10:5
    """
    try:
        from pipeline.scores.simulated_person import Plan, live
    except ModuleNotFoundError as error:
        raise ConfigError("the pipeline is not installed", advice="pip install 'strapline[pipeline]'") from error

    state: State = context.obj
    settings = state.settings()
    check_name("person", person)
    today = datetime.now(UTC).date()
    try:
        first_day = start or today - timedelta(days)
        plan = Plan(first_day, days, seed, relief, runs_per_week, tuple(illness or ()), tuple(overload or ()))
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from error
    if plan.last_day >= today:
        message = f"the last day would be {plan.last_day}, which is not over yet"
        raise typer.BadParameter(message)
    life = live(plan)
    began_s = time.monotonic()
    with _progress() as progress:
        imported = run(_import(life, person, settings, state.home, progress))
    if imported is None:
        console.print("Stopped before the end; the same command goes on from there.")
    elif as_json:
        emit(_record(plan, person, len(life.runs.kind), imported, time.monotonic() - began_s))
    else:
        of = f"{plan.days} days of {person}, {plan.first_day} to {plan.last_day}, with {len(life.runs.kind)} runs"
        console.print(f"{of}: {imported.beats} new beats, {imported.beats_there_already} that were there already.")


def _record(plan: Plan, person: str, runs: int, imported: Imported, seconds: float) -> dict[str, object]:
    return {
        "person": person,
        "first_day": plan.first_day.isoformat(),
        "last_day": plan.last_day.isoformat(),
        "runs": runs,
        "true_effect": plan.true_effect,
        **asdict(imported),
        "seconds": round(seconds, 2),
    }


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


async def _import(life: Life, person: str, settings: Settings, home: Path, progress: Progress) -> Imported:
    from pipeline.importing import import_batches
    from pipeline.people import profiles_of

    stores = store_openers(settings.store_url, token=in_clear(settings.store_token), home=home)
    for opener in stores.values():
        check_store(opener)
    start_ns, days = int(life.midnight_ns[0]), life.plan.days
    task = progress.add_task(f"Living {days} days", total=days)
    return await import_batches(
        _batches(life, person),
        _markers(life, person),
        stores,
        home,
        profiles=profiles_of(settings.people),
        progress=lambda time_ns: progress.update(task, completed=(time_ns - start_ns) / _DAY_NS),
    )


def _batches(life: Life, person: str) -> Iterator[BeatBatch]:
    """The beats of all days: one stream a day, known by what it holds."""
    from pipeline.importing import batches_of_stretches
    from pipeline.scores.simulated_beats import rr_ticks_of_day

    for index in range(life.plan.days):
        worn = rr_ticks_of_day(life, index)
        digest = sha256(repr([(part.start_ns, part.rr_ticks.tolist()) for part in worn]).encode()).hexdigest()
        yield from batches_of_stretches(person, STRAP, f"simulated-{digest[:16]}", worn)


def _markers(life: Life, person: str) -> Iterator[tuple[str, Marker]]:
    from pipeline.scores.simulated_beats import markers_of_day

    for index in range(life.plan.days):
        for marker in markers_of_day(life, index):
            yield person, marker
