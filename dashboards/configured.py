"""The Grafana that the settings name, and what it is to hold.

Importing this module without the `boards` extra raises ConfigError.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from dashboards.board_diff import Board
from dashboards.data_source import wanted_data_source
from dashboards.grafana import GrafanaServer
from ingest.errors import ConfigError
from ingest.settings import Settings, in_clear


def configured_grafana(settings: Settings) -> GrafanaServer:
    """The Grafana of `grafana_url`; nothing is sent to it yet.

    Raises:
        ConfigError: none is named, or there is no login for it.
    """
    url, token, user = settings.grafana_url, in_clear(settings.grafana_token), settings.grafana_username
    password = in_clear(settings.grafana_password)
    if url is None:
        raise ConfigError("no Grafana is named", advice="Set grafana_url, or give --url http://host:3000.")
    if token is None and (user is None or password is None):
        advice = (
            "Set STRAPLINE_GRAFANA_TOKEN to the token of a service account with the role Admin, or grafana_username "
            "and STRAPLINE_GRAFANA_PASSWORD."
        )
        raise ConfigError("there is no login for Grafana", advice=advice)
    return GrafanaServer(url, token or (user or "", password or ""), message=f"strapline {version('strapline')}")


def configured_data_source(settings: Settings) -> dict[str, Any] | None:
    """The data source that it is to have; see `wanted_data_source`."""
    return wanted_data_source(settings.store_url, settings.grafana_store_url, in_clear(settings.store_token))


def built_boards() -> list[Board]:
    """The boards of this release, by name of their file."""
    from dashboards.build import JSON_FOLDER

    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(JSON_FOLDER.glob("*.json"))]
