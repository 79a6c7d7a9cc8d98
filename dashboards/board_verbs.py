"""The verbs that deal with Grafana boards: build and check them."""

from __future__ import annotations

import typer

from ingest.errors import ConfigError

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


def _require_boards_extra() -> None:
    try:
        import dashboards.panels  # noqa: F401 - whether it can be imported is the question
    except ImportError as error:
        message = f"boards need a package that is not installed: {error.name}"
        raise ConfigError(message, advice="Run: pip install 'strapline[boards]'") from error
