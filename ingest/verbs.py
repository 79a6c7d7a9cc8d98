"""The verbs of the collector: scan and collect; and `init`, whose module this one joins to the command."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ingest.bus import is_in_process
from ingest.cli import State, console, emit, run
from ingest.clock import JumpWatch
from ingest.collect import Collector, figures
from ingest.courier import Courier
from ingest.errors import ConfigError
from ingest.health import Health, attend, tell
from ingest.init_verbs import init
from ingest.model import Source
from ingest.packing import pack
from ingest.replay import PlaybackClock, Replay
from ingest.settings import Settings, StrapSettings
from ingest.simulate import simulated_rr_ticks
from ingest.spool import FILE_NAME as SPOOL_FILE
from ingest.spool import Spool, limits, open_spool
from ingest.wanted import WantedStrap

if TYPE_CHECKING:
    from ingest.radio import Radio  # bleak takes half a second to import on a small machine


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(init)
    app.command()(scan)
    app.command()(collect)


def scan(
    seconds: Annotated[float, typer.Option(help="How long to listen.", min=1)] = 8.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the straps as a JSON list.")] = False,
) -> None:
    """List the heart-rate straps in range.

    Example: strapline scan --seconds 15
    """
    from ingest.radio import Radio

    with console.status("Listening for heart-rate straps…"):
        found = run(Radio().scan(seconds)) or []
    if as_json:
        emit([{"address": strap.address, "name": strap.name, "rssi_dbm": strap.rssi_dbm} for strap in found])
        return
    if not found:
        console.print("No strap answered. Wear it with wet electrodes, and free it from phones and watches.")
        return
    table = Table("address", "name", "signal")
    for strap in found:
        table.add_row(strap.address, strap.name or "", f"{strap.rssi_dbm} dBm")
    console.print(table)


def collect(context: typer.Context) -> None:
    """Read every configured strap and send its beats to the broker, until stopped.

    Example: STRAPLINE_BUS_URL=mqtt://broker:1883 strapline collect
    """
    state: State = context.obj
    settings = state.settings()
    require_straps(settings)
    require_shared_bus(settings, "collector")
    run(collect_all(settings, state.home))


def require_straps(settings: Settings) -> None:
    """Refuse to collect from nothing.

    Raises:
        ConfigError: no strap is configured.
    """
    if not settings.straps:
        raise ConfigError("no strap is configured", advice="Run `strapline init`, or add a [straps.NAME] table.")


def require_shared_bus(settings: Settings, who: str) -> None:
    """Refuse a bus that ends with this process, for a process that does only a part of the work.

    Raises:
        ConfigError: the bus is in-process.
    """
    if is_in_process(settings.bus_url):
        message = f"a {who} of its own needs a broker to meet the others; {settings.bus_url} ends with this process"
        raise ConfigError(message, advice="Set bus_url to your broker (mqtt://host:1883), or use `strapline run`.")


async def collect_all(settings: Settings, home: Path) -> None:
    """Collect from every configured strap until cancelled.

    Raises:
        StrapError, BusError: in a group, from the radio and the broker.
        ConfigError: another collector uses the data directory.
    """
    from ingest.radio import Radio

    radio = Radio()
    bounds = limits(settings.spool_max_age_days, settings.spool_max_mb)
    async with open_spool(home / SPOOL_FILE, bounds) as spool, asyncio.TaskGroup() as group:
        collectors = {name: _collector(settings, name, strap, spool) for name, strap in settings.straps.items()}
        before = spool.health().dropped_beats
        health = Health(
            settings.collector, lambda: figures([*collectors.values()], spool.health(), dropped_before=before)
        )
        group.create_task(attend(health, settings))
        group.create_task(tell(health, settings.bus_address))
        for name, strap in settings.straps.items():
            group.create_task(collectors[name].run(_source(strap, radio)))


def _collector(settings: Settings, name: str, strap: StrapSettings, spool: Spool) -> Collector:
    courier = Courier(settings.bus_address, strap.person, name, spool)
    jumps = JumpWatch() if strap.simulate is None else None
    return Collector(courier, stream=secrets.token_hex(8), jumps=jumps)


def _source(strap: StrapSettings, radio: Radio) -> Source:
    if strap.simulate is not None:
        start_ns = time.time_ns()
        notifications = pack(simulated_rr_ticks(strap.simulate), start_ns)
        return Replay(notifications, PlaybackClock(start_ns, 1.0), model="simulated runner")
    from ingest.strap import Strap

    wanted = WantedStrap(strap.address, strap.name, strap.use_start_notify)
    return Strap(wanted, radio=radio, now_ns=time.time_ns)
