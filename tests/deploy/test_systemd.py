"""The systemd units, read by the real systemd-analyze."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import require

_DEPLOY = Path(__file__).parents[2] / "deploy"
_UNITS = sorted((_DEPLOY / "systemd").glob("*.service"))
_EXPOSURE = {"strapline-collector": "1.5", "strapline-page": "1.2", "strapline-pipeline": "1.2"}
"""What docs/install.md states; 0 is the least exposed, 10 the most."""


@pytest.mark.parametrize("unit", _UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_no_fault_in_a_unit_which_it_watches_and_starts_again(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    installed = tmp_path / unit.name
    installed.write_text(text.replace("/opt/strapline/bin/strapline", sys.executable))
    program = require("systemd-analyze", "systemd")
    command = [program, "verify", "--recursive-errors=one", "--man=no", str(installed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Restart=on-failure" in text.splitlines()
    # The page has nothing to say to systemd: a page that hangs loses no beat.
    assert unit.stem == "strapline-page" or {"Type=notify", "WatchdogSec=60"} <= set(text.splitlines())


@pytest.mark.parametrize("unit", _UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_exposed_no_more_than_is_stated(unit: Path) -> None:
    program = require("systemd-analyze", "systemd")
    stated = _EXPOSURE[unit.stem]
    command = [program, "security", "--offline=true", "--no-pager", f"--threshold={stated.replace('.', '')}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
    assert f"{unit.stem.removeprefix('strapline-')} | {stated}" in (_DEPLOY.parent / "docs/install.md").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_users_and_folders_are_made_as_the_units_want_them(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    users = [require("systemd-sysusers", "systemd"), f"--root={tmp_path}", str(_DEPLOY / "debian/sysusers.conf")]
    subprocess.run(users, capture_output=True, check=True, timeout=60)
    user = next(line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("strapline:"))
    folders = [require("systemd-tmpfiles", "systemd"), "--create", f"--root={tmp_path}"]
    for _ in range(2):
        done = subprocess.run(
            [*folders, str(_DEPLOY / "debian/tmpfiles.conf")], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")

    data, settings = tmp_path / "var/lib/strapline", tmp_path / "etc/strapline"
    assert (data.stat().st_uid, data.stat().st_mode & 0o777) == (int(user.split(":")[2]), 0o700)
    assert (settings.stat().st_uid, settings.stat().st_mode & 0o777) == (0, 0o755)
    assert (data / "strapline.toml").readlink() == Path("/etc/strapline/strapline.toml")
    assert "bluetooth:x:" in (tmp_path / "etc/group").read_text()
