"""The settings: one model, one TOML file, one data directory.

Order: command line, environment (`STRAPLINE_…`, and for secrets then `STRAPLINE_…_FILE`), file, defaults.
"""

from __future__ import annotations

import difflib
import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ingest.bus import BusAddress
from ingest.errors import ConfigError
from ingest.people import Change, GoalSettings, PersonSettings
from ingest.topics import as_collector_name, check_collector_name, check_name

ENV_PREFIX = "STRAPLINE_"
HOME_VARIABLE = "STRAPLINE_HOME"
FILE_NAME = "strapline.toml"
SECRETS = ("bus_password", "store_token", "page_password", "grafana_token", "grafana_password")
_SECRET_OF_URL = {
    "bus_url": "bus_password",
    "store_url": "store_token",
    "grafana_url": "grafana_password",
    "grafana_store_url": "store_token",
}


def _as_list(value: object) -> object:
    return value.split() if isinstance(value, str) else value


class StrapSettings(BaseModel):
    """One strap: who wears it and how it is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: str = Field(description="who wears it; a name that may stand in an MQTT topic")
    address: str | None = Field(None, description="Bluetooth address, as `strapline scan` shows it")
    name: str | None = Field(None, description="advertised name or its beginning, for example `Polar H10`")
    simulate: int | None = Field(None, description="no strap: a simulated runner with this seed")
    use_start_notify: bool | None = Field(
        None, description="BlueZ only: force StartNotify (true) or AcquireNotify (false) if notifications fail"
    )

    @model_validator(mode="after")
    def _one_way_to_find_it(self) -> StrapSettings:
        ways = [way for way in ("address", "name", "simulate") if getattr(self, way) is not None]
        if len(ways) > 1:
            message = f"give one of address, name, simulate, not {' and '.join(ways)}"
            raise ValueError(message)
        return self


class Settings(BaseSettings):
    """All that can be set."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    bus_url: str = Field(
        "embedded://127.0.0.1:1883",
        description="MQTT broker: `mqtt://host:1883`, `mqtts://host:8883`, or `embedded://127.0.0.1:port` for one "
        "inside this process",
    )
    bus_username: str | None = Field(None, description="user name at the broker")
    bus_password: SecretStr | None = Field(None, description="password at the broker")
    bus_ca_file: str | None = Field(None, description="PEM file of the authority behind an `mqtts` broker")
    store_url: Annotated[list[str], NoDecode, BeforeValidator(_as_list)] = Field(
        ["sqlite:///strapline.db"],
        description="where points go, one URL or several (a list, or parted by spaces): `sqlite:///file`, "
        "`influxdb://host:8086/bucket?org=name` (1.8 to 3.x), `influxdb1://user@host:8086/database` (1.6, 1.7)",
    )
    store_token: SecretStr | None = Field(None, description="InfluxDB token, or password of an `influxdb1` user")
    spool_max_age_days: float = Field(
        30, gt=0, description="how long the collector keeps beats that the pipeline has not confirmed"
    )
    spool_max_mb: float = Field(
        500, gt=0, description="how much of them it keeps, in MB; beyond it the oldest are dropped, and counted"
    )
    page_host: str = Field("127.0.0.1", description="address that the live page listens on")
    page_port: int = Field(8080, ge=0, le=65535, description="port of the live page; 0 takes a free one")
    page_password: SecretStr | None = Field(
        None, description="password of the live page; required before it listens on more than this machine"
    )
    collector_name: str | None = Field(
        None, description="name under which a collector tells its health; without it, that of the machine"
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="port of `/metrics` for Prometheus; without it, there is none"
    )
    metrics_host: str = Field("127.0.0.1", description="address that `/metrics` listens on; no password protects it")
    home_assistant: bool = Field(
        default=False,
        description="whether the pipeline tells Home Assistant of each person and strap, by MQTT discovery",
    )
    grafana_url: str | None = Field(None, description="the Grafana that `boards push` writes to: `http://host:3000`")
    grafana_token: SecretStr | None = Field(None, description="token of a service account there")
    grafana_username: str | None = Field(None, description="user there, where there is no token")
    grafana_password: SecretStr | None = Field(None, description="password of that user")
    grafana_store_url: str | None = Field(
        None,
        description="the InfluxDB as Grafana reaches it, in the form of `store_url`; by default the first of those",
    )
    retention: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="after how many days what a table of the stores holds is deleted, for example `beat = 365`; "
        "`journal` for the beats that all else is derived from. Without a word it is kept",
    )
    straps: dict[str, StrapSettings] = Field(default_factory=dict, description="the straps, one table each")
    people: dict[str, PersonSettings] = Field(
        default_factory=dict, description="what scores need to know of people, one table each"
    )

    @property
    def bus_address(self) -> BusAddress:
        """The broker and who we are to it."""
        authority = self.bus_ca_file or None  # Compose can hand a variable down empty, and not leave it out
        return BusAddress(self.bus_url, self.bus_username, in_clear(self.bus_password), authority)

    @property
    def collector(self) -> str:
        """The name of a collector on this machine."""
        return self.collector_name or as_collector_name(socket.gethostname())


def in_clear(secret: SecretStr | None) -> str | None:
    """What a secret setting holds, for whoever has to send it."""
    return None if secret is None else secret.get_secret_value()


def home_folder(override: Path | None = None) -> Path:
    """The data directory: the argument, else STRAPLINE_HOME, else where platformdirs says."""
    if override is not None:
        return override
    from_environment = os.environ.get(HOME_VARIABLE)
    return Path(from_environment) if from_environment else platformdirs.user_data_path("strapline", appauthor=False)


def load_settings(home: Path, **overrides: Any) -> Settings:
    """The settings in force.

    Args:
        home: the data directory, whose `strapline.toml` is read if it is there.
        overrides: what the command line says; None counts as not said.

    Raises:
        ConfigError: a file that is not TOML, an unknown key (with the nearest known one), a value of the wrong kind,
            a secret that can't be read, a name that MQTT can't carry.
    """
    _check_environment(os.environ)
    said = {key: value for key, value in overrides.items() if value is not None}
    file = home / FILE_NAME
    try:
        settings = _with_file(read_file(file))(**{**_secrets_from_files(os.environ), **said})
    except ValidationError as error:
        raise _explain(error, file) from error
    except (SettingsError, RecursionError) as error:
        advice = "Tables can't be given in one variable: use STRAPLINE_STRAPS__<NAME>__<KEY>."
        raise ConfigError(f"environment: {error}", advice=advice) from error
    _check_urls(settings)
    if settings.collector_name is not None:
        check_collector_name(settings.collector_name)
    for name, strap in settings.straps.items():
        check_name("strap", name)
        check_name("person", strap.person)
    for name in settings.people:
        check_name("person", name)
    return settings


def read_file(file: Path) -> dict[str, Any]:
    """What a settings file says, unchecked; nothing if it is not there.

    Raises:
        ConfigError: it can't be read, or is not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # some editors put a byte order mark in front
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}", advice="Check its permissions.") from error
    except (ValueError, RecursionError) as error:  # besides its own error: no UTF-8, too many digits, nested too deep
        raise ConfigError(f"{file} is not TOML: {error}", advice="docs/configuration.md shows an example.") from error


def _with_file(said: dict[str, Any]) -> type[Settings]:
    class FileSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            """Command line first, then environment, then the TOML file."""
            del dotenv_settings, file_secret_settings
            return (init_settings, env_settings, InitSettingsSource(settings_cls, said))

    return FileSettings


def _secrets_from_files(environment: Mapping[str, str]) -> dict[str, str]:
    secrets = {}
    for key in SECRETS:
        plain = f"{ENV_PREFIX}{key.upper()}"
        variable = f"{plain}_FILE"
        if variable in environment and plain not in environment:
            try:
                secrets[key] = Path(environment[variable]).read_text(encoding="utf-8").strip()
            except OSError as error:
                message = f"{variable} names a file that can't be read: {error.strerror}"
                raise ConfigError(message, advice="Check its path and permissions.") from error
            except UnicodeDecodeError:  # it would quote the secret
                message = f"{variable} names a file that is no text"
                raise ConfigError(message, advice="Save the secret as one line of UTF-8 text.") from None
    return secrets


def _check_environment(environment: Mapping[str, str]) -> None:
    known = {f"{ENV_PREFIX}{key.upper()}" for key in Settings.model_fields}
    known |= {HOME_VARIABLE} | {f"{ENV_PREFIX}{key.upper()}_FILE" for key in SECRETS}
    tables = (f"{ENV_PREFIX}STRAPS__", f"{ENV_PREFIX}PEOPLE__", f"{ENV_PREFIX}RETENTION__")
    for variable in environment:
        if variable.startswith(ENV_PREFIX) and variable not in known and not variable.startswith(tables):
            raise ConfigError(f"unknown environment variable {variable!r}", advice=_nearest(variable, known))


def _check_urls(settings: Settings) -> None:
    single = {key: getattr(settings, key) for key in _SECRET_OF_URL if key != "store_url"}
    for key, url in [*single.items(), *(("store_url", url) for url in settings.store_url)]:
        if url is None:
            continue
        try:
            parts = urlsplit(url)
            password, _ = parts.password, parts.port
        except ValueError:  # it may quote a password
            message = f"{key} is no URL"
            raise ConfigError(message, advice="docs/configuration.md shows the forms that it may have.") from None
        if password is not None:
            advice = f"Put it into {_SECRET_OF_URL[key]}, so that it shows in no log."
            raise ConfigError(f"{key} holds a password", advice=advice)


def _explain(error: ValidationError, file: Path) -> ConfigError:
    errors = error.errors(include_url=False, include_input=False)
    # A misspelt key also leaves the right one missing: what was written tells more than what was not.
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    path = [str(part) for part in first["loc"]]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _known_keys(path[:-1])
        return ConfigError(
            f"unknown setting {where!r} (in {file} or the environment)", advice=_nearest(path[-1], known)
        )
    return ConfigError(
        f"setting {where!r}: {first['msg'].removeprefix('Value error, ')}",
        advice="docs/configuration.md lists every setting.",
    )


def _known_keys(path: list[str]) -> set[str]:
    model: Any = Settings
    if path[:1] == ["straps"]:
        model = StrapSettings
    elif path[:1] == ["people"]:
        model = GoalSettings if "goals" in path[2:] else Change if "changes" in path[2:] else PersonSettings
    return set(model.model_fields)


def _nearest(key: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
    return f"{hint}docs/configuration.md lists every setting."
