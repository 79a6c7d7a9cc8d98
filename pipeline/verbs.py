"""The verbs of the pipeline: process, replay, analyze."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ingest.bus import is_in_process, patient_bus
from ingest.cli import State, console, emit, run
from ingest.collect import CollectorCounts
from ingest.errors import ConfigError
from ingest.health import Health, attend, last_will
from ingest.model import Figures
from ingest.recording import demo_recording, read_recording, read_rr_ms
from ingest.settings import Settings, in_clear
from ingest.topics import PIPELINE, check_name
from ingest.verbs import require_shared_bus
from pipeline.store import check_store, check_stores, store_openers

if TYPE_CHECKING:
    from pipeline.playback import Playback

_BROKER_SPEED = 200.0
"""Most that is sent to a broker, in times real time: it drops messages for a reader more than 1000 behind."""

PERSON = Annotated[str, typer.Option(help="Whose beats they are.")]
STRAP = Annotated[str, typer.Option(help="The strap that sent them.")]


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(process)
    app.command()(replay)
    app.command()(analyze)


def process(context: typer.Context) -> None:
    """Turn the beats on the broker into points in every store, until stopped.

    Example: STRAPLINE_BUS_URL=mqtt://broker:1883 strapline process
    """
    state: State = context.obj
    settings = state.settings()
    require_shared_bus(settings, "pipeline")
    run(process_all(settings, state.home))


async def process_all(settings: Settings, home: Path, *, ready: asyncio.Event | None = None) -> None:
    """Run the pipeline until cancelled; see `Pipeline.run` and `check_stores` for what is raised."""
    from pipeline.days import Days
    from pipeline.home_assistant import Introductions
    from pipeline.journal import FILE_NAME
    from pipeline.outbox import known_stores
    from pipeline.people import profiles_of
    from pipeline.process import CLIENT_ID, Pipeline
    from pipeline.retention import retention_of

    stores = store_openers(settings.store_url, token=in_clear(settings.store_token), home=home)
    retention = retention_of(settings.retention)
    await asyncio.to_thread(lambda: check_stores(stores, known_stores(home / FILE_NAME)))
    health = Health(PIPELINE, lambda: Figures(state="no broker answers"))
    async with asyncio.TaskGroup() as group:
        group.create_task(attend(health, settings))
        async with patient_bus(
            settings.bus_address, client_id=CLIENT_ID, will=last_will(PIPELINE), durable=True
        ) as bus:
            pipeline = Pipeline(
                bus,
                stores,
                home,
                days=Days(profiles_of(settings.people)),
                introductions=Introductions(version("strapline")) if settings.home_assistant else None,
                retention=retention,
                ready=ready,
            )
            health.read = pipeline.figures
            async with asyncio.TaskGroup() as work:
                work.create_task(health.run(bus, pipeline.ready))
                await pipeline.run()


def parse_speed(text: str) -> float:
    """A speed from the command line: a number above 0, or `max`."""
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        message = f"{text!r} is neither a number above 0 nor 'max'"
        raise typer.BadParameter(message)
    return speed


def parse_start(text: str) -> int:
    """Unix time in ns of an ISO 8601 moment; without an offset it is local time."""
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no ISO 8601 time, such as 2026-11-25T08:00:00Z"
        raise typer.BadParameter(message) from error
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


SPEED = Annotated[float, typer.Option(parser=parse_speed, metavar="NUMBER|max", help="Times real time.")]
START = Annotated[
    int | None,
    typer.Option(
        parser=parse_start, metavar="TIME", help="When it is said to begin (ISO 8601); by default it ends now."
    ),
]


def replay(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="RR text in ms; without it, the graded test of the demo.")] = None,
    person: PERSON = "me",
    strap: STRAP = "replay",
    speed: SPEED = 1.0,
    start: START = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Play a recording as if its strap were sending now.

    With a broker configured, the beats go to it; with the embedded one, they are processed and stored here.

    Example: strapline replay run.txt --person anna --speed max --start 2026-11-25T08:00:00Z
    """
    from pipeline.playback import Playback, start_that_ends_now

    state: State = context.obj
    settings = state.settings()
    check_name("person", person)
    check_name("strap", strap)
    recording = read_recording(file) if file else demo_recording()
    start_ns = start_that_ends_now(recording, speed) if start is None else start
    playback = Playback(recording, person, strap, start_ns, speed)
    began_s = time.monotonic()
    with console.status(f"Playing {len(recording.rr_ticks)} beats of {recording.name}…"):
        counts = run(_replay(playback, settings, state.home))
    if counts is None:
        console.print("Stopped before the end.")
    elif as_json:
        emit({"recording": recording.name, **asdict(counts), "seconds": round(time.monotonic() - began_s, 2)})
    else:
        console.print(f"{counts.beats_published} beats of {len(recording.rr_ticks)} published.")


async def _replay(playback: Playback, settings: Settings, home: Path) -> CollectorCounts:
    from pipeline.people import profiles_of
    from pipeline.playback import publish, publish_and_process

    if not is_in_process(settings.bus_url):
        playback = replace(playback, speed=min(playback.speed, _BROKER_SPEED))
        return await publish(playback, settings.bus_address, playback.clock())
    stores = store_openers(settings.store_url, token=in_clear(settings.store_token), home=home)
    for opener in stores.values():
        check_store(opener)
    profiles = profiles_of(settings.people)
    return await publish_and_process(playback, settings.bus_address, stores, home, playback.clock(), profiles)


def analyze(
    file: Annotated[Path, typer.Argument(help="RR text in ms; one column, or several of which the last is RR.")],
    window_s: Annotated[float | None, typer.Option("--window", min=1, help="Also of windows of so many s.")] = None,
    step_s: Annotated[float, typer.Option("--step", min=0.1, help="Seconds from one window to the next.")] = 5.0,
    correct: Annotated[bool, typer.Option("--correct/--no-correct", help="Correct artifacts first.")] = True,
    lomb: Annotated[bool, typer.Option("--lomb", help="Lomb and Scargle's spectrum in place of Welch's.")] = False,
    nn: Annotated[Path | None, typer.Option(help="Write the corrected series here: time, ms, kind.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Artifacts and all indices of a recording, of the whole and of windows.

    Example: strapline analyze run.txt --window 120 --step 5
    """
    try:
        from pipeline.report import analyze_rr, as_record, show, write_nn
    except ModuleNotFoundError as error:
        raise ConfigError("the pipeline is not installed", advice="pip install 'strapline[pipeline]'") from error

    rr_ms = read_rr_ms(file)
    report = analyze_rr(file.stem, rr_ms, window_s=window_s, step_s=step_s, correct=correct, lomb=lomb)
    if nn is not None:
        write_nn(report.series, nn)
    if as_json:
        emit(as_record(report))
    else:
        show(report, Console(highlight=False))
