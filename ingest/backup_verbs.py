"""The verbs that keep a data directory safe: backup, restore."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from ingest.cli import State, console


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The file to write; none is overwritten.")],
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Keep passwords and tokens of the settings file.")
    ] = False,
) -> None:
    """Save spool, journal, SQLite stores and settings in one file, also while Strapline runs.

    Example: strapline backup strapline-2026-11-28.zip
    """
    from ingest.backup import back_up

    state: State = context.obj
    urls = state.settings().store_url
    made = back_up(state.home, urls, file, release=version("strapline"), with_secrets=with_secrets)
    for saved in made.files:
        console.print(f"saved: {saved.name}", markup=False)
    for left_out in made.left_out:
        console.print(f"left out: {left_out}", markup=False)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `strapline backup` wrote.")],
) -> None:
    """Bring a backup into an empty data directory, after checking it; nothing is ever overwritten.

    Example: strapline --home /var/lib/strapline restore strapline-2026-11-28.zip
    """
    from ingest.backup import restore as bring_back

    state: State = context.obj
    for saved in bring_back(file, state.home):
        was = f" (it was {saved.came_from}: see store_url)" if saved.came_from else ""
        console.print(f"restored: {state.home / saved.name}{was}", markup=False, soft_wrap=True)
