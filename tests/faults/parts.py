"""The programs of a household: each can be killed, and started again on the same port and folder."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import eventually, listens

_STARTING_S = 60.0
_STOPPING_S = 30.0
_LOOK_EVERY_S = 0.02


class Program:
    """A program that is meant to run: what kills it is counted, and so is each time that it ended by itself.

    Args:
        name: what it is called in messages, and its log file.
        command: program and arguments.
        folder: where its log goes.
        environment: of the process; None for our own.
        port: it has started when it listens there; None: at once.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.environment = None if environment is None else dict(environment)
        self.wanted = False
        self.kills = 0
        self.exit_codes: list[int] = []  # of each time that it ended by itself
        self.log = folder / f"{name}.log"
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        """All that it has written, of every start."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def start(self) -> None:
        """Return when it listens, or at once if it listens on no port."""
        self.wanted = True
        self._launch()
        if self._port is not None:
            port = self._port
            await eventually(lambda: listens(port) or not self.is_running, f"{self.name} listens", _STARTING_S)
            assert self.is_running, f"{self.name} did not start: {self.said[-2000:]}"

    async def kill(self) -> None:
        """End it as a power cut does, and make sure that it was running until then."""
        assert self.is_running, f"{self.name} was not there to be killed: {self.said[-2000:]}"
        self.send_kill()
        await self.ended()

    def send_kill(self) -> None:
        """SIGKILL, without waiting."""
        assert self._process is not None
        self.wanted = False
        self._process.kill()

    async def ended(self) -> None:
        """Return when a kill has worked; fail if it ended otherwise."""
        assert self._process is not None
        await eventually(lambda: not self.is_running, f"{self.name} is dead")
        assert self._process.returncode == -signal.SIGKILL, f"{self.name} ended by itself: {self.said[-2000:]}"
        self.kills += 1

    async def stop(self) -> int:
        """Its exit code after SIGTERM."""
        assert self._process is not None
        self.wanted = False
        self._process.terminate()
        await eventually(lambda: not self.is_running, f"{self.name} has stopped: {self.said[-500:]}", _STOPPING_S)
        return int(self._process.returncode)

    def revive(self) -> bool:
        """What systemd does: if it has ended although it is wanted, start it again. Whether it had."""
        if self._process is None or not self.wanted or self.is_running:
            return False
        self.exit_codes.append(self._process.returncode)
        self._launch()
        return True

    def end(self) -> None:
        """At the end of a scenario: no trace of it is left."""
        self.wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _launch(self) -> None:
        if self._process is not None:
            self._process.wait()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )


async def says(program: Program, *texts: str, after: int = 0, timeout_s: float = 60.0) -> None:
    """Return when a program has written one of some texts, in any case of letters, after so many characters."""

    def found() -> bool:
        said = program.said[after:].casefold()
        return any(text.casefold() in said for text in texts)

    await eventually(found, f"{program.name} says one of {texts}: {program.said[-1500:]}", timeout_s)


async def pause(seconds: float) -> None:
    """Let time go by."""
    await asyncio.sleep(max(_LOOK_EVERY_S, seconds))
