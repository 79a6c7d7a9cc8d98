"""The command as a user types it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import wait_until

STRAPLINE = str(Path(sys.executable).with_name("strapline"))


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a user whose data directory is `home`, with settings in capitals."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STRAPLINE_")}
    return kept | {"STRAPLINE_HOME": str(home), "COLUMNS": "200"} | {f"STRAPLINE_{k}": v for k, v in settings.items()}


def strapline(home: Path, *arguments: str, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a verb to its end, with what the user types meanwhile."""
    return subprocess.run(
        [STRAPLINE, *arguments],
        env=environment(home, **settings),
        input=typed,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


class Running:
    """A verb that runs until it is stopped, and what it says meanwhile."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> str:
        return self._log.read_text()

    def says(self, text: str) -> None:
        """Return when it has said a text."""
        wait_until(lambda: text in self.said or self.process.poll() is not None, f"it says {text!r}: {self.said}")
        assert text in self.said, self.said

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(10)


@contextmanager
def running(home: Path, *arguments: str, **settings: str) -> Iterator[Running]:
    """A verb that runs meanwhile; killed on leaving."""
    log = home / f"{arguments[0].strip('-')}-{len(list(home.glob('*.log')))}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [STRAPLINE, *arguments], env=environment(home, **settings), stdout=output, stderr=output
        )
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait()
