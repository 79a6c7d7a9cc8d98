"""Where the value of each setting comes from, for whoever has to find out why it is not what they wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ingest.settings import ENV_PREFIX, SECRETS, Settings

TABLES = ("retention", "straps", "people")


@dataclass(frozen=True, slots=True)
class SettingSource:
    """One setting, what it is and who says so."""

    name: str  # with the tables it stands in: `straps.h10.person`
    shown: str  # of a secret only whether it is set
    source: str

    @property
    def is_default(self) -> bool:
        """Whether nobody has said anything."""
        return self.source == _DEFAULT


_DEFAULT = "default"


def setting_sources(
    settings: Settings, environment: Mapping[str, str], said_in_file: Mapping[str, Any], file: Path
) -> list[SettingSource]:
    """Every setting in the order of the documentation; of the tables what is said in them.

    Args:
        settings: those in force, as `load_settings` gave them without overrides.
        environment: the variables that it read.
        said_in_file: what the settings file says.
        file: that file.
    """
    return [
        SettingSource(".".join(path), _shown(value), _source(path, environment, said_in_file, file))
        for path, value in _values(settings)
    ]


def _values(settings: Settings) -> Iterator[tuple[tuple[str, ...], Any]]:
    tables = settings.model_dump(include=set(TABLES), exclude_unset=True)
    for key in Settings.model_fields:
        if key in TABLES:
            yield from _leaves((key,), tables.get(key, {}))
        else:
            yield (key,), getattr(settings, key)


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves((*path, key), inner)


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, SecretStr):
        return "set"
    return " ".join(value) if isinstance(value, list) else str(value)


def _source(path: tuple[str, ...], environment: Mapping[str, str], said: Mapping[str, Any], file: Path) -> str:
    """The first that speaks, in the order of `load_settings`."""
    # A table may also come whole, as JSON in one variable.
    variables = {f"{ENV_PREFIX.lower()}{'__'.join(path[:length])}" for length in range(1, len(path) + 1)}
    heard = [variable for variable in environment if variable.lower() in variables]
    if heard:
        return f"environment {max(heard, key=len)}"
    if path[0] in SECRETS and (variable := f"{ENV_PREFIX}{path[0].upper()}_FILE") in environment:
        return f"environment {variable}"
    return f"file {file}" if _is_said(path, said) else _DEFAULT


def _is_said(path: tuple[str, ...], said: Any) -> bool:
    for key in path:
        if not isinstance(said, Mapping) or key not in said:
            return False
        said = said[key]
    return True
