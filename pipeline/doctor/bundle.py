"""The file for a bug report: what doctor found and what it found it from, without secrets and names."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import zipfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ingest.errors import ConfigError, WireError
from ingest.topics import process_of
from ingest.wire import WIRE_VERSION, decode_health
from pipeline.doctor.broker import Heard
from pipeline.doctor.examination import Examination
from pipeline.doctor.private import redactor_of

_EXTRAS = frozenset({"embedded", "pipeline", "page", "boards", "tls"})
_LOG_LINES = 500
_LOG_BYTES = 200_000
_BLUEZ_ANSWER_S = 5.0
_VERSION_AT = slice(60, 64)
"""Where SQLite keeps `user_version` in a file: read without opening, since a collector locks its spool."""


def write_bundle(file: Path, examination: Examination, home: Path) -> dict[str, str]:
    """Write a ZIP file that only this user may read; what is in it, by name of each part.

    Args:
        file: is made, and may not be there yet.
        examination: what doctor found.
        home: the data directory.

    Raises:
        ConfigError: the file is there already, or can't be made.
    """
    redactor = redactor_of(examination, home)
    parts: dict[str, tuple[str, Any]] = {
        "findings.json": ("what doctor found", _findings(examination)),
        "settings.json": ("each setting and who says it", _settings(examination)),
        "health.json": ("what each process last told of itself", _health(examination.heard)),
        "versions.json": ("releases of what is installed", _versions(examination.heard)),
        "files.json": ("what the data directory holds", _files(home)),
    }
    logs = {f"logs/{path.name}": _last_lines(path) for path in sorted(home.glob("*.log"))}
    texts = [*(json.dumps(record, ensure_ascii=False) for _, record in parts.values()), *logs.values()]
    for text in texts:
        redactor.learn(text)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        message = f"{file} can't be made: {error.strerror}"
        raise ConfigError(message, advice="Name a new file, in a folder that you may write.") from error
    with os.fdopen(descriptor, "wb") as output, zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, (_, record) in parts.items():
            bundle.writestr(name, json.dumps(redactor.tree(record), ensure_ascii=False, indent=1) + "\n")
        for name, text in logs.items():
            bundle.writestr(redactor.text(name), redactor.text(text))
    told = {name: about for name, (about, _) in parts.items()}
    return told | {redactor.text(name): f"its last {_LOG_LINES} lines at most" for name in logs}


def _findings(examination: Examination) -> list[dict[str, Any]]:
    # Settings have a part of their own, which leaves out what is personal.
    return [asdict(one) for one in examination.findings if not one.what.startswith("setting ")]


def _settings(examination: Examination) -> list[dict[str, str]]:
    return [
        {"name": one.name, "value": "(personal)" if one.name.startswith("people.") else one.shown, "source": one.source}
        for one in examination.sources
    ]


def _health(heard: Heard) -> dict[str, Any]:
    told = {}
    for message in heard.health:
        with suppress(WireError):  # which is a finding
            told[process_of(message.topic) or message.topic] = asdict(decode_health(message.payload, message.topic))
    return told


def _versions(heard: Heard) -> dict[str, Any]:
    found = {}
    for name in sorted(filter(None, map(_needed, importlib.metadata.requires("strapline") or ()))):
        with suppress(importlib.metadata.PackageNotFoundError):  # of an extra that is not installed
            found[name] = importlib.metadata.version(name)
    return {
        "strapline": importlib.metadata.version("strapline"),
        "wire_version": WIRE_VERSION,
        "python": platform.python_version(),
        "system": _system(),
        "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "bluez": _bluez(),
        "broker": heard.version,
        "packages": found,
    }


def _needed(requirement: str) -> str | None:
    """The package that a requirement names, if anything but work on Strapline itself needs it."""
    extra = re.search(r"extra == ['\"](\w+)", requirement)
    return None if extra and extra[1] not in _EXTRAS else re.split(r"[^\w.-]", requirement)[0]


def _system() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:  # no Linux, or one that does not say
        return None


def _bluez() -> str | None:
    program = shutil.which("bluetoothctl")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
            [program, "--version"], capture_output=True, text=True, timeout=_BLUEZ_ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _files(home: Path) -> list[dict[str, Any]]:
    paths = sorted(path for path in home.iterdir() if path.is_file()) if home.is_dir() else []
    return [{"name": path.name, "bytes": path.stat().st_size, "schema_version": _schema(path)} for path in paths]


def _schema(path: Path) -> int | None:
    if not path.name.endswith(".db"):
        return None
    try:
        with path.open("rb") as file:
            return int.from_bytes(file.read(_VERSION_AT.stop)[_VERSION_AT], "big")
    except OSError:  # whose file it is, and that it can't be read, doctor tells elsewhere
        return None


def _last_lines(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"can't be read: {error.strerror}\n"
    return "".join(f"{line}\n" for line in lines[-_LOG_LINES:])
