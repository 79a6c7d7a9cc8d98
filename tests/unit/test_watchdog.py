"""What systemd hears, on a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.watchdog import keep_informed, notify, watchdog_s


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@strapline-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield receiver


def heard(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


async def test_systemd_hears_that_a_process_is_ready_lives_and_stops(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    informing = asyncio.create_task(keep_informed(lambda: "pi: ok", every_s=3600))
    words = [await asyncio.to_thread(heard, systemd) for _ in range(4)]
    assert words == ["READY=1", *["WATCHDOG=1\nSTATUS=pi: ok"] * 3]
    informing.cancel()
    await asyncio.gather(informing, return_exceptions=True)
    while (last := await asyncio.to_thread(heard, systemd)) != "STOPPING=1":
        assert last == words[-1]


@pytest.mark.parametrize(
    ("microseconds", "pid", "limit_s"),
    [("30000000", "", 30.0), ("30000000", "1", None), ("", "", None), ("0", "", None), ("soon", "", None)],
)
def test_the_watchdog_s_time_counts_for_the_process_that_it_is_meant_for(
    monkeypatch: pytest.MonkeyPatch, microseconds: str, pid: str, limit_s: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert watchdog_s() == limit_s


def test_without_systemd_nothing_is_said_and_a_socket_that_is_gone_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    assert not caplog.records
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")
    assert "could not notify systemd" in caplog.text
