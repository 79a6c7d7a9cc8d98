"""The verbs that show something: demo, run, serve."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.broker import embedded_broker
from ingest.bus import Bus, BusAddress, open_bus
from ingest.cli import State, console, emit, run
from ingest.errors import BusUnavailable
from ingest.model import Marker
from ingest.recording import demo_recording, read_recording
from ingest.replay import PlaybackClock
from ingest.settings import Settings, in_clear
from ingest.topics import check_name, command_topic
from ingest.verbs import collect_all, require_shared_bus, require_straps
from ingest.wire import encode_marker
from pipeline.sqlite import SqliteStore
from pipeline.verbs import PERSON, SPEED, START, STRAP, process_all

if TYPE_CHECKING:
    from pipeline.playback import Playback

_DEMO_SPEED = 8.0
_LOOPBACK = "127.0.0.1"
_ANSWER_WITHIN_S = 5.0


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(demo)
    app.command(name="run")(run_everything)
    app.command()(serve)


def demo(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="RR text in ms; without it, a graded exercise test.")] = None,
    person: PERSON = "runner",
    strap: STRAP = "demo",
    speed: SPEED = _DEMO_SPEED,
    start: START = None,
    store: Annotated[Path | None, typer.Option(help="SQLite file to keep the points in.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No page; end with the recording.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object on standard output.")] = False,
) -> None:
    """Play a real recording through the whole path: notifications, broker, pipeline, store, live page.

    Example: strapline demo --speed 1
    """
    from pipeline.playback import Playback, start_that_ends_now

    state: State = context.obj
    settings = state.settings()
    recording = read_recording(file) if file else demo_recording()
    start_ns = start_that_ends_now(recording, speed) if start is None else start
    playback = Playback(recording, check_name("person", person), check_name("strap", strap), start_ns, speed)
    with tempfile.TemporaryDirectory(prefix="strapline-") as folder:
        run(_Demo(playback, settings, store or Path(folder) / "demo.db", Path(folder), as_json=as_json).play(headless))


@dataclass(frozen=True, slots=True)
class _Demo:
    playback: Playback
    settings: Settings
    store_file: Path
    home: Path
    as_json: bool

    async def play(self, headless: bool) -> None:
        """Play; without `headless`, show the page until stopped."""
        clock = self.playback.clock()
        port = _free_port(preferred=1883)
        address = BusAddress(f"embedded://{_LOOPBACK}:{port}")
        async with embedded_broker(_LOOPBACK, port):
            if headless:
                await self._play(address, clock)
            else:
                await self._play_and_show(address, clock)

    async def _play_and_show(self, address: BusAddress, clock: PlaybackClock) -> None:
        from dashboards.page import bind, url_of

        password = in_clear(self.settings.page_password)
        listener = bind(self.settings.page_host, self.settings.page_port, password=password, any_port=True)
        self._say_what_to_open(url_of(listener), address.url)
        async with asyncio.TaskGroup() as group:
            group.create_task(_show(address, listener, clock.now_ns, password))
            await self._play(address, clock)
            console.print("The page stays open; Ctrl-C ends it.")

    async def _play(self, address: BusAddress, clock: PlaybackClock) -> None:
        from pipeline.playback import publish_and_process, summarize

        began_s = time.monotonic()
        stores = {"demo": partial(SqliteStore, self.store_file)}
        counts = await publish_and_process(self.playback, address, stores, self.home, clock)
        with closing(SqliteStore(self.store_file)) as store:
            summary = summarize(self.playback, counts, store, time.monotonic() - began_s)
        if self.as_json:
            emit(summary)
        else:
            console.print(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in summary.items()))

    def _say_what_to_open(self, page_url: str, bus_url: str) -> None:
        recording, speed = self.playback.recording, self.playback.speed
        minutes = recording.duration_ns / 60e9
        console.print(f"Open [bold]{page_url}[/] to see the heart live.", soft_wrap=True)
        console.print(f"Listen to {bus_url.replace('embedded', 'mqtt')} for the topics strapline/# .", soft_wrap=True)
        console.print(
            f"Playing {recording.name}: {minutes:.0f} min of a run at {speed:g} times its speed. Ctrl-C ends."
        )


def run_everything(context: typer.Context) -> None:
    """Collector, pipeline and page in one process, until stopped.

    Example: strapline init --person anna && strapline run
    """
    state: State = context.obj
    settings = state.settings()
    require_straps(settings)
    run(_run_everything(settings, state.home))


async def _run_everything(settings: Settings, home: Path) -> None:
    from dashboards.page import url_of

    listener = _listen(settings)
    console.print(f"Open [bold]{url_of(listener)}[/] to see the heart live. Ctrl-C ends.", soft_wrap=True)
    hears = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(process_all(settings, home, ready=hears))
        group.create_task(_show(settings.bus_address, listener, time.time_ns, in_clear(settings.page_password)))
        await hears.wait()
        group.create_task(collect_all(settings, home))


def serve(context: typer.Context) -> None:
    """Show the live page of what the broker carries, until stopped.

    Example: STRAPLINE_BUS_URL=mqtt://broker:1883 strapline serve
    """
    state: State = context.obj
    settings = state.settings()
    from dashboards.page import url_of

    require_shared_bus(settings, "page")
    listener = _listen(settings)
    console.print(f"Open [bold]{url_of(listener)}[/] .", soft_wrap=True)
    run(_show(settings.bus_address, listener, time.time_ns, in_clear(settings.page_password)))


def _listen(settings: Settings) -> socket.socket:
    from dashboards.page import bind

    return bind(settings.page_host, settings.page_port, password=in_clear(settings.page_password))


async def _show(address: BusAddress, listener: socket.socket, now_ns: Callable[[], int], password: str | None) -> None:
    from dashboards.live import LiveView, follow
    from dashboards.page import serve_page

    view = LiveView()
    client_id = f"strapline-page-{secrets.token_hex(4)}"
    async with open_bus(address, client_id=client_id) as bus, asyncio.TaskGroup() as group:
        group.create_task(follow(bus, view))
        await serve_page(listener, view, now_ns, partial(_say, bus), password=password)


async def _say(bus: Bus, person: str, marker: Marker) -> None:
    """Send a marker; returns when the broker has it.

    Raises:
        BusError: it has not: whoever pressed a button is waiting to know, so nothing is left to wait for a broker.
    """
    if not bus.is_connected:
        raise BusUnavailable("the broker is away; nothing was sent", advice="When it is back, press again.")
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await bus.publish(command_topic(person), encode_marker(marker))
    except TimeoutError as error:
        message = f"the broker did not answer within {_ANSWER_WITHIN_S:.0f} s"
        raise BusUnavailable(message, advice="It may still come: see what is shown before you press again.") from error


def _free_port(preferred: int) -> int:
    """The preferred loopback port, or another where something listens on it already."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((_LOOPBACK, port))
                return int(probe.getsockname()[1])
    raise BusUnavailable("no free port for the embedded broker")
