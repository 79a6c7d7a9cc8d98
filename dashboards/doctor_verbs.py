"""The verb that looks at everything: doctor."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ingest.cli import State, console, emit, run
from ingest.errors import ConfigError
from ingest.settings import Settings

if TYPE_CHECKING:
    from pipeline.doctor.examination import Examination


def register(app: typer.Typer) -> None:
    """Add this verb to the command."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    retry: Annotated[bool, typer.Option("--retry", help="First send again what stores have refused.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as a JSON list.")] = False,
    bundle: Annotated[
        Path | None, typer.Option(help="Also write a ZIP file for a bug report, without secrets and names.")
    ] = None,
) -> None:
    """Check settings, radio, broker, journal, stores, Grafana and disk; say what is wrong and what to do.

    Example: strapline doctor --bundle report.zip
    """
    from pipeline.doctor.stores import retry_set_aside

    state: State = context.obj
    if retry:
        console.print(f"{retry_set_aside(state.home)} points are on their way again.")
    examination = _examination(state)
    if as_json:
        emit([asdict(finding) for finding in examination.findings])
    else:
        _show(examination)
    if bundle is not None:
        _write(bundle, examination, state.home)
    raise typer.Exit(next((finding.exit_code for finding in examination.findings if finding.exit_code), 0))


def _examination(state: State) -> Examination:
    from pipeline.doctor.examination import unusable

    try:
        settings = state.settings()
    except ConfigError as error:  # what is wrong with them is a finding too, and may be what a bundle is about
        return unusable(error)
    examination = run(_examine(settings, state.home))
    if examination is None:  # SIGINT or SIGTERM
        raise typer.Exit(1)
    return examination


async def _examine(settings: Settings, home: Path) -> Examination:
    from dashboards.grafana_check import examine_grafana
    from pipeline.doctor.examination import examine

    examination = await examine(settings, home)
    return replace(examination, findings=[*examination.findings, *await asyncio.to_thread(examine_grafana, settings)])


def _show(examination: Examination) -> None:
    defaults = [one for one in examination.sources if one.is_default]
    of_defaults = {f"setting {one.name}" for one in defaults}
    findings = [finding for finding in examination.findings if finding.what not in of_defaults]
    for finding in findings:
        mark = "[red]✗[/]" if finding.exit_code else "[green]✓[/]"
        console.print(f"{mark} [bold]{escape(finding.what)}[/]: {escape(finding.detail)}", soft_wrap=True)
        if finding.advice:
            console.print(f"  {escape(finding.advice)}", soft_wrap=True)
    if defaults:
        listed = ", ".join(f"{one.name} {one.shown}" for one in defaults)
        console.print(f"[dim]By default: {escape(listed)}.[/]", soft_wrap=True)
    wrong = list(dict.fromkeys(finding.what for finding in findings if finding.exit_code))
    console.print(f"Look at: {escape(', '.join(wrong))}" if wrong else "Nothing is wrong.", soft_wrap=True)


def _write(file: Path, examination: Examination, home: Path) -> None:
    from pipeline.doctor.bundle import write_bundle

    for name, about in write_bundle(file, examination, home).items():
        console.print(f"  {name}: {about}")
    console.print(f"Look at what is in {escape(str(file))} before you share it.", soft_wrap=True)
