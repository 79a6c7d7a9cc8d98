"""The systemd units, read by the real systemd-analyze."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import require

_UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", _UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_no_fault_in_a_unit_which_it_watches_and_starts_again(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    installed = tmp_path / unit.name
    installed.write_text(text.replace("/opt/strapline/bin/strapline", sys.executable))
    program = require("systemd-analyze", "systemd")
    command = [program, "verify", "--recursive-errors=one", "--man=no", str(installed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"Type=notify", "WatchdogSec=60", "Restart=on-failure"} <= set(text.splitlines())
