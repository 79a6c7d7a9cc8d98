"""Tells systemd how the process is, by its notification socket (`man sd_notify`); silent where there is no systemd."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable

_log = logging.getLogger(__name__)


def notify(*assignments: str) -> None:
    """Send assignments such as `READY=1`, if systemd or the like started this process."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket, which has no file
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # noqa: FBT003 - a full socket must not hold up the event loop
            sender.sendto("\n".join(assignments).encode(), address)
    except OSError as error:
        _log.warning("could not notify systemd error=%r", str(error))


def watchdog_s() -> float | None:
    """Within how many seconds systemd wants to hear of this process; None if it doesn't."""
    microseconds, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    meant = pid in {"", str(os.getpid())}
    return int(microseconds) / 1e6 if meant and microseconds.isdecimal() and int(microseconds) else None


async def keep_informed(status: Callable[[], str], *, every_s: float) -> None:
    """Say that the process is ready, then that it lives, with its status, until cancelled.

    It speaks from the event loop, so a loop that hangs falls silent and systemd starts the process again.

    Args:
        status: one line on how the process is.
        every_s: from one word to the next; half of the watchdog's time if that is less.
    """
    limit_s = watchdog_s()
    interval_s = every_s if limit_s is None else min(every_s, limit_s / 2)
    notify("READY=1")
    try:
        while True:
            notify("WATCHDOG=1", f"STATUS={status()}")
            await asyncio.sleep(interval_s)
    finally:
        notify("STOPPING=1")
