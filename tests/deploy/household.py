"""A real mosquitto on the files that `strapline init --stack` writes, started as the container starts it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.bus import BusAddress
from ingest.stack.broker_files import AUTHORITY
from ingest.stack.env_file import values_of
from ingest.stack.folder import ENV, Answers, write_stack
from tests.support import free_port, require, server

DEPLOY = Path(__file__).parents[2] / "deploy"
SETTINGS = '[straps.chest]\nperson = "anna maria"\nsimulate = 7\n'
ANSWERS = Answers(tls=True, hosts=("localhost",), collectors={"zero": ("ben",)})


@dataclass(frozen=True)
class Household:
    """A stack's folder, and the ports of its broker."""

    folder: Path
    port: int
    tls_port: int

    def password(self, user: str) -> str:
        return values_of((self.folder / ENV).read_text())[f"MQTT_{user.upper()}_PASSWORD"]

    def secrets(self) -> list[str]:
        variables = values_of((self.folder / ENV).read_text())
        return [value for name, value in variables.items() if name.endswith(("PASSWORD", "TOKEN"))]

    def plain(self, user: str) -> BusAddress:
        return BusAddress(f"mqtt://127.0.0.1:{self.port}", user, self.password(user))

    def encrypted(self, user: str, ca_file: Path | None = None, host: str = "localhost") -> BusAddress:
        return BusAddress(
            f"mqtts://{host}:{self.tls_port}", user, self.password(user), str(ca_file or self.folder / AUTHORITY)
        )


def written(folder: Path, answers: Answers = ANSWERS) -> Household:
    write_stack(folder, answers, SETTINGS)
    return Household(folder, free_port(), free_port())


@contextmanager
def broker(household: Household, run: Path) -> Iterator[Path]:
    """The broker, by the container's start script with a test's folders, ports and user; its log."""
    program = Path(require("mosquitto", "mosquitto"))
    run.mkdir()
    config = household.folder / "mosquitto"
    script = (DEPLOY / "mosquitto" / "start.sh").read_text(encoding="utf-8")
    places = {
        "/mosquitto/config/mosquitto.conf": str(run / "mosquitto.conf"),
        "/mosquitto/config": str(config),
        "/run/mosquitto": str(run),
        "mosquitto: ": "root: ",  # whoever runs the tests may have folders that nobody else can enter
    }
    script = re.sub("|".join(places), lambda found: places[found[0]], script)
    (run / "start.sh").write_text(script)
    text = (config / "mosquitto.conf").read_text(encoding="utf-8")
    text = text.replace("/run/mosquitto", str(run)).replace("/mosquitto/data/", f"{run}/")
    text = text.replace("listener 1883", f"user root\nlistener {household.port} 127.0.0.1")
    (run / "mosquitto.conf").write_text(text.replace("listener 8883", f"listener {household.tls_port} 127.0.0.1"))
    environment = f"PATH={program.parent}:{os.environ['PATH']}"
    with server(["env", environment, "sh", str(run / "start.sh")], household.port, run / "log"):
        yield run / "log"
