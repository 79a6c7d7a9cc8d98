"""The verbs of a person's rights: everything about them in a file, and none of it left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import State, console, emit
from ingest.errors import ConfigError
from ingest.settings import FILE_NAME, Settings, in_clear
from ingest.topics import check_name

if TYPE_CHECKING:
    from ingest.forget import Place

_SAY_AFTER_S = 2.0

_Counts = dict[str, dict[str, int]]

PERSON = Annotated[str, typer.Argument(help="Whose.")]


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(forget)
    app.command()(export)


def forget(
    context: typer.Context,
    person: PERSON,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what there is, and remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the name once more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what there was and what is left as JSON.")] = False,
) -> None:
    """Remove everything about a person from journal, spool, stores, broker and Grafana, and show that it is gone.

    On a machine with a collector alone: from its spool. Collector and pipeline of this data directory have to be
    stopped; exit code 1 if anything is left.

    Example: strapline forget anna --dry-run
    """
    state: State = context.obj
    settings = state.settings()
    check_name("person", person)
    from ingest.forget import files_with

    with _places(person, state.home, settings) as everywhere:
        before = {place.name: place.count() for place in everywhere}
        _show(before, as_json=as_json)
        if dry_run:
            _finish(before, before, as_json=as_json)
            return
        if not yes and typer.prompt(f"Type the name once more to remove all of it ({person})", err=True) != person:
            raise ConfigError("that is another name; nothing was removed", advice="Try again, or give --yes.")
        for place in everywhere:
            console.print(f"removing: {place.name}", markup=False)
            place.remove()  # also where nothing was counted: messages that wait for the pipeline are not
        after = {place.name: place.count() for place in everywhere}
    left = files_with(state.home, person)
    if left:
        names = ", ".join(path.name for path in left)
        console.print(f"the letters of the name still stand in: {names}; perhaps within another word", markup=False)
    _say_of_settings(settings, person, state.home / FILE_NAME)
    _finish(before, after, as_json=as_json)
    if any(after.values()):
        raise typer.Exit(1)


def export(
    context: typer.Context,
    person: PERSON,
    into: Annotated[Path, typer.Option(metavar="FILE.zip", help="The file to write; none is overwritten.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what is in it as JSON.")] = False,
) -> None:
    """Write everything about a person into a ZIP file: beats, notes, points, settings.

    Example: strapline export anna --into anna.zip
    """
    state: State = context.obj
    settings = state.settings()
    check_name("person", person)
    _require_pipeline()
    from pipeline.journal import FILE_NAME as JOURNAL
    from pipeline.journal import Journal, check_up_to_date
    from pipeline.privacy.export import export_person

    began_s = time.monotonic()

    def progress(what: str) -> None:
        if time.monotonic() - began_s > _SAY_AFTER_S:
            console.print(f"writing: {what}", markup=False)

    with closing(Journal.open_to_read(state.home / JOURNAL)) as journal:
        journal.read(check_up_to_date)
        now = datetime.now(UTC)
        counts = export_person(person, journal, into, settings.people, settings.straps, now=now, progress=progress)
    if as_json:
        emit({"file": str(into), "holds": counts})
    else:
        beats = sum(count for name, count in counts.items() if name.startswith("rr/"))
        points = sum(count for name, count in counts.items() if name.startswith("points/"))
        console.print(f"{into}: {beats} beats, {counts['notes.json']} notes, {points} points", markup=False)


@contextmanager
def _places(person: str, home: Path, settings: Settings) -> Iterator[list[Place]]:
    """Where something of a person may be, as far as it is this machine's business."""
    from ingest.forget import places_of_collector
    from pipeline.journal import FILE_NAME as JOURNAL

    if not _has_pipeline() and not (home / JOURNAL).exists():
        console.print(
            "There is no pipeline here, so this is about the spool alone: do it on the pipeline's machine too."
        )
        with places_of_collector(person, home) as here:
            yield here
        return
    _require_pipeline()
    console.print(
        "A collector on another machine keeps what is not confirmed: run this there too, before the pipeline starts.",
        soft_wrap=True,
    )
    from pipeline.people import profiles_of
    from pipeline.privacy.forget import places
    from pipeline.store import store_openers

    stores = store_openers(settings.store_url, token=in_clear(settings.store_token), home=home)
    with places(person, home, stores, settings.bus_address, profiles_of(settings.people)) as here:
        yield [*_grafana(settings, person), *here]


def _grafana(settings: Settings, person: str) -> list[Place]:
    """Grafana as a place, where the settings name one."""
    if settings.grafana_url is None:
        return []
    from dashboards.configured import configured_grafana
    from dashboards.forget_annotations import annotations_of, forget_annotations
    from ingest.forget import Place

    grafana = configured_grafana(settings)

    def count() -> dict[str, int]:
        found = annotations_of(grafana, person)
        return {"annotations": len(found)} if found else {}

    return [Place(f"Grafana {settings.grafana_url}", count, lambda: forget_annotations(grafana, person))]


def _show(before: _Counts, *, as_json: bool) -> None:
    if as_json:
        return
    for place, counts in before.items():
        found = ", ".join(f"{count} {what}" for what, count in counts.items())
        typer.echo(f"{place}: {found or 'nothing'}")


def _finish(before: _Counts, after: _Counts, *, as_json: bool) -> None:
    """Tell for each place what there was and, searched again, what there is."""
    if as_json:
        emit({"before": before, "after": after})
    elif after is not before:
        for place, counts in after.items():
            was, is_left = sum(before[place].values()), sum(counts.values())
            typer.echo(f"{place}: {was} before, {is_left} after")


def _say_of_settings(settings: Settings, person: str, file: Path) -> None:
    """Settings are the user's own text, and are only spoken of."""
    straps = [name for name, strap in settings.straps.items() if strap.person == person]
    tables = [f"[people.{person}]"] if person in settings.people else []
    tables += [f"[straps.{name}]" for name in straps]
    if tables:
        console.print(f"{file} still names {person}: remove {', '.join(tables)}", markup=False, soft_wrap=True)


def _has_pipeline() -> bool:
    try:
        import pipeline.process  # noqa: F401 - whether it can be imported is the question
    except (ModuleNotFoundError, ConfigError):
        return False
    return True


def _require_pipeline() -> None:
    if not _has_pipeline():
        raise ConfigError("the pipeline is not installed", advice="pip install 'strapline[pipeline]'")
