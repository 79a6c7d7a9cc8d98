"""The command `strapline`: joins the verbs that each package brings, and turns errors into advice and exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Coroutine
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from ingest.errors import StraplineError
from ingest.settings import HOME_VARIABLE, Settings, home_folder, load_settings

T = TypeVar("T")

VERBS_GROUP = "strapline.verbs"

console = Console(stderr=True, highlight=False)
"""For people: everything but data goes to standard error."""


class State:
    """What the global options said."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def settings(self, **overrides: Any) -> Settings:
        """The settings in force; see `load_settings`."""
        return load_settings(self.home, **overrides)


app = typer.Typer(
    name="strapline",
    help="From a Bluetooth heart-rate strap to HRV, stress and recovery on your own dashboards.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 fine, 1 a process in trouble, 2 usage, 3 configuration, 4 radio, 5 broker, 6 store.",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"strapline {version('strapline')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(envvar=HOME_VARIABLE, help="Data directory: settings, stores and everything else."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(name)s %(message)s",
        handlers=[RichHandler(console=console, show_path=False, markup=False)],
    )
    context.obj = State(home_folder(home))


def emit(record: object) -> None:
    """Print one JSON document on standard output."""
    typer.echo(json.dumps(record, ensure_ascii=False))


def run(main: Coroutine[Any, Any, T]) -> T | None:
    """Run a verb's coroutine to its end; None if SIGINT or SIGTERM ended it first, after a clean stop."""

    async def until_signal() -> T | None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - inside a coroutine
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers on the loop
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            return await main
        except asyncio.CancelledError:
            return None

    try:
        return asyncio.run(until_signal())
    except BaseExceptionGroup as group:
        raise _first_of_ours(group) from group


def _first_of_ours(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first Strapline error in a group of errors, or the group itself where there is none."""
    ours = group.subgroup(StraplineError)
    error: BaseException = ours or group
    while isinstance(error, BaseExceptionGroup) and ours is not None:
        error = error.exceptions[0]
    return error


def main() -> None:
    """Entry point of the command."""
    for entry_point in sorted(entry_points(group=VERBS_GROUP), key=lambda entry: entry.name):
        entry_point.load()(app)
    try:
        app()
    except StraplineError as error:
        console.print("[bold red]error:[/]", escape(str(error)), soft_wrap=True)
        if error.advice:
            console.print(escape(error.advice), soft_wrap=True)
        sys.exit(error.exit_code)
