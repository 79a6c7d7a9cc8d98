"""What tests of several folders share: finding servers, ports and recordings."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


def require(program: str, package: str) -> str:
    """Path of a program; without it the test is skipped by name, and fails in CI."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        message = f"{program} is not here: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def free_port() -> int:
    """A TCP port on the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    """Return when the condition holds; fail naming `what` when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"after {timeout_s} s, still not: {what}")
        time.sleep(0.02)


async def eventually(condition: Callable[[], object], what: str, timeout_s: float = 15.0) -> None:
    """The same for a test that runs in an event loop."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"after {timeout_s} s, still not: {what}")
        await asyncio.sleep(0.01)


@contextmanager
def server(arguments: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process of the test's own, listening on a loopback port; ended on leaving."""
    with log.open("ab") as output, subprocess.Popen(arguments, stdout=output, stderr=output) as process:
        try:
            wait_until(lambda: listens(port) or process.poll() is not None, f"{arguments[0]} listens on {port}")
            if process.poll() is not None:
                pytest.fail(f"{arguments[0]} ended with {process.returncode}: {log.read_text()[-2000:]}")
            yield process
        finally:
            process.kill()
