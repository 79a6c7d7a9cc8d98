"""The verbs that deal with Grafana boards: build and check them, and bring them into a Grafana."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli import State
from ingest.errors import ConfigError

if TYPE_CHECKING:
    from dashboards.grafana import GrafanaServer
    from dashboards.push import Change

_DAY_MS = 86_400_000

boards = typer.Typer(
    help="Build the Grafana boards, check them, and bring them into a Grafana.\n\nExample: strapline boards check",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.add_typer(boards, name="boards")


@boards.command()
def build() -> None:
    """Write the boards' JSON and the docs' tables of this source tree, and name the files that changed.

    Example: strapline boards build
    """
    _require_boards_extra()
    from dashboards.build import write_all

    for name in write_all():
        typer.echo(f"written: {name}")


@boards.command()
def check() -> None:
    """Name the files of this source tree that are not what is built; exit code 1 if there are any.

    Example: strapline boards check
    """
    _require_boards_extra()
    from dashboards.build import all_differences

    names = all_differences()
    for name in names:
        typer.echo(f"differs: {name}")
    raise typer.Exit(1 if names else 0)


@boards.command()
def push(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="The Grafana, as http://host:3000; by default grafana_url.")] = None,
    days: Annotated[int, typer.Option(min=1, help="How far back annotations are kept in step.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
) -> None:
    """Bring data source, folder, boards and annotations into a Grafana that runs; show first what will change.

    Example: strapline boards push --url http://grafana:3000 --dry-run
    """
    state: State = context.obj
    settings = state.settings(grafana_url=url)
    _require_boards_extra()
    from dashboards.configured import built_boards, configured_data_source, configured_grafana
    from dashboards.push import annotation_changes, board_changes, check_version, data_source_changes

    grafana = configured_grafana(settings)
    source = configured_data_source(settings)
    now_ms = time.time_ns() // 1_000_000

    check_version(grafana)
    source_changes = data_source_changes(grafana, source)
    changes = [*source_changes, *board_changes(grafana, built_boards())]
    _carry_out(grafana, changes, dry_run=dry_run)
    if dry_run and source_changes:
        typer.echo("annotations: read through the data source, so they are known once it is as wanted")
    else:
        annotations = annotation_changes(grafana, now_ms - days * _DAY_MS, now_ms)
        _carry_out(grafana, annotations, dry_run=dry_run)
        changes += annotations
    if not changes:
        typer.echo("nothing to change")
    elif dry_run:
        typer.echo(f"{len(changes)} to change; nothing was written")
    else:
        typer.echo(f"{len(changes)} changed")


def _carry_out(grafana: GrafanaServer, changes: list[Change], *, dry_run: bool) -> None:
    """Show all changes, and then make them."""
    for change in changes:
        typer.echo("\n".join((f"{change.action} {change.what}", *(f"    {line}" for line in change.diff))))
    if not dry_run:
        for change in changes:
            change.apply(grafana)


def _require_boards_extra() -> None:
    try:
        import dashboards.panels  # noqa: F401 - whether it can be imported is the question
    except ImportError as error:
        message = f"boards need a package that is not installed: {error.name}"
        raise ConfigError(message, advice="Run: pip install 'strapline[boards]'") from error
