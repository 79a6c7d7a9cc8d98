"""The settings: each with its value and who says so, and whether others can read the secrets among them."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ingest.errors import ConfigError
from ingest.setting_sources import SettingSource, setting_sources
from ingest.settings import FILE_NAME, SECRETS, Settings, read_file
from pipeline.doctor.finding import Finding


def sources_of(settings: Settings, home: Path) -> list[SettingSource]:
    """Each setting of a data directory with its source; see `setting_sources`.

    Raises:
        ConfigError: the file has been changed since, and can't be read any more.
    """
    file = home / FILE_NAME
    return setting_sources(settings, os.environ, read_file(file), file)


def examine_settings(settings: Settings, sources: Sequence[SettingSource], home: Path) -> list[Finding]:
    """The settings, the straps among them, and who may read their file."""
    file = home / FILE_NAME
    findings = [Finding("settings", f"{file}" if file.exists() else f"defaults ({file} is not there)")]
    findings += _open_to_others(file)
    findings += [Finding(f"setting {one.name}", f"{one.shown} ({one.source})") for one in sources]
    return findings + [Finding(f"strap {name}", f"worn by {strap.person}") for name, strap in settings.straps.items()]


def _open_to_others(file: Path) -> list[Finding]:
    secrets = [key for key in SECRETS if key in read_file(file)]
    if not secrets or not stat.S_IMODE(file.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH):
        return []
    detail = f"every user of this machine can read {', '.join(secrets)} in {file}"
    return [Finding("settings file", detail, f"Run: chmod 600 {file}", ConfigError.exit_code)]
