"""A small collector in a process of its own: real straps' code, events as JSON lines on standard output."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import ingest.radio
from ingest.backoff import Backoff
from ingest.errors import BluetoothUnavailable
from ingest.model import Notification
from ingest.strap import Strap
from ingest.wanted import Timing, WantedStrap


def say(**record: object) -> None:
    sys.stdout.write(f"{json.dumps(record)}\n")
    sys.stdout.flush()


async def scan(seconds: float) -> None:
    say(kind="found", straps=[asdict(strap) for strap in await ingest.radio.Radio().scan(seconds)])


async def collect(options: dict[str, Any]) -> None:
    ingest.radio.MAX_WAITING = options.get("max_waiting", ingest.radio.MAX_WAITING)
    radio = ingest.radio.Radio()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as group:
        readers = [
            group.create_task(read(number, strap(wanted, radio, options), options["read_s"]))
            for number, wanted in enumerate(options["straps"])
        ]
        await stop.wait()
        for reader in readers:
            reader.cancel()


def strap(wanted: dict[str, Any], radio: ingest.radio.Radio, options: dict[str, Any]) -> Strap:
    return Strap(
        WantedStrap(**wanted),
        radio=radio,
        now_ns=time.time_ns,
        timing=Timing(**options["timing"]),
        backoff=Backoff(**options["backoff"]),
        uniform=lambda: 0.5,
    )


async def read(number: int, source: Strap, read_s: float) -> None:
    async with aclosing(source.events()) as events:
        async for event in events:
            if isinstance(event, Notification):
                say(kind="notification", strap=number, arrival_ns=event.arrival_ns, payload=event.payload.hex())
            else:
                say(kind="status", strap=number, **asdict(event))
            await asyncio.sleep(read_s)


async def main(options: dict[str, Any]) -> int:
    try:
        if "scan_s" in options:
            await scan(options["scan_s"])
        else:
            await collect(options)
    except ExceptionGroup as group:
        return refuse(group.exceptions[0])
    except BluetoothUnavailable as error:
        return refuse(error)
    left = [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    say(kind="end", tasks=left)
    return 0


def refuse(error: Exception) -> int:
    if not isinstance(error, BluetoothUnavailable):
        raise error
    say(kind="unavailable", reason=error.reason, message=str(error), advice=error.advice)
    return error.exit_code


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    sys.exit(asyncio.run(main(json.loads(sys.argv[1]))))
