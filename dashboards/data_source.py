"""Grafana's data source for the InfluxDB that Strapline writes to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingest.errors import ConfigError
from pipeline.influx_address import InfluxAddress, influx_address, is_influx

UID = "strapline-influxdb"
TYPE = "influxdb"
NAME = "Strapline"

# What is ours of a data source. Its name, whether it is the default, and all else may be changed in Grafana.
_OURS = ("url", "access", "user", "database")
_OURS_IN_JSON = ("version", "httpMode", "dbName", "timeInterval", "httpHeaderName1")

# What Grafana tells of a data source and takes back with an update, besides what is ours.
_KEPT = ("uid", "name", "type", "isDefault", "basicAuth", "basicAuthUser", "withCredentials", "version")


def wanted_data_source(
    store_urls: Sequence[str], grafana_store_url: str | None, token: str | None
) -> dict[str, Any] | None:
    """The data source as Grafana is told it; None where no store is an InfluxDB.

    Of a bucket `database/retention-policy` Grafana can only ask the database's default retention policy.

    Args:
        store_urls: where the pipeline writes; the first InfluxDB counts.
        grafana_store_url: the same database as Grafana reaches it, where that differs.
        token: API token, or the password of the URL's user.

    Raises:
        ConfigError: a URL that is not that of an InfluxDB, or is incomplete.
    """
    if grafana_store_url is not None:
        if not is_influx(grafana_store_url):
            raise ConfigError(
                "grafana_store_url is not that of an InfluxDB", advice="Grafana reads from InfluxDB only."
            )
        return _data_source(influx_address(grafana_store_url, "grafana_store_url"), token)
    url = next((url for url in store_urls if is_influx(url)), None)
    return None if url is None else _data_source(influx_address(url), token)


def _data_source(address: InfluxAddress, token: str | None) -> dict[str, Any]:
    database, _, _ = address.bucket.partition("/")
    # The time interval is the finest that any panel asks for.
    settings = {"version": "InfluxQL", "httpMode": "POST", "dbName": database, "timeInterval": "1s"}
    secrets = {}
    if address.legacy and address.user:
        secrets = {"password": token or ""}
    elif token and not address.legacy:
        settings["httpHeaderName1"] = "Authorization"
        secrets = {"httpHeaderValue1": f"Token {token}"}
    return {
        "uid": UID,
        "name": NAME,
        "type": TYPE,
        "access": "proxy",
        "url": address.server,
        "user": address.user,
        "database": database,
        "jsonData": settings,
        "secureJsonData": secrets,
    }


def difference(there: dict[str, Any], wanted: dict[str, Any]) -> tuple[str, ...]:
    """What differs, one line each; secrets can't be read back, so of them only whether they are set."""
    # Grafana 9.4 needs the database beside its settings; newer ones read it in them, and may keep none beside.
    told = {**there, "database": there.get("database") or wanted["database"]}
    pairs = [(key, told.get(key) or "", wanted[key]) for key in _OURS]
    settings = there.get("jsonData") or {}
    pairs += [(key, settings.get(key) or "", wanted["jsonData"].get(key, "")) for key in _OURS_IN_JSON]
    lines = [f"~ {key}: {was or 'none'} -> {becomes or 'none'}" for key, was, becomes in pairs if was != becomes]
    unset = wanted["secureJsonData"].keys() - (there.get("secureJsonFields") or {}).keys()
    return (*lines, *(f"+ {name} (secret)" for name in sorted(unset)))


def updated(there: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What is there with what is ours replaced, and with all secrets that are ours."""
    others = {key: value for key, value in (there.get("jsonData") or {}).items() if key not in _OURS_IN_JSON}
    return {
        **{key: there[key] for key in _KEPT if key in there},
        **{key: wanted[key] for key in (*_OURS, "secureJsonData")},
        "jsonData": {**others, **wanted["jsonData"]},
    }


def database_of(data_source: dict[str, Any]) -> str:
    """The name of the database that a data source reads."""
    return str((data_source.get("jsonData") or {}).get("dbName") or data_source.get("database") or "")


def chosen_in(board: dict[str, Any], name: str) -> dict[str, Any]:
    """A board that opens on our data source, whatever others of its type a Grafana has.

    Args:
        board: as it is built, which leaves the choice to Grafana.
        name: what our data source is called there; Grafana 9.4 finds the choice by name, newer ones by uid.
    """
    current = {"selected": True, "text": name, "value": UID}
    variables = board["templating"]["list"]
    chosen = [{**one, "current": current} if one["type"] == "datasource" else one for one in variables]
    return {**board, "templating": {**board["templating"], "list": chosen}}
