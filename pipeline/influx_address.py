"""How the URL of an InfluxDB is read. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from ingest.errors import ConfigError

_DEFAULT_PORT = 8086


@dataclass(frozen=True, slots=True)
class InfluxAddress:
    """What a store URL says."""

    legacy: bool
    server: str  # http://host:port
    bucket: str  # or database
    org: str
    user: str


def is_influx(url: str) -> bool:
    """Whether a store URL is that of an InfluxDB."""
    return url.startswith("influxdb")


def influx_address(url: str, setting: str = "store_url") -> InfluxAddress:
    """What a URL of an InfluxDB says.

    Args:
        url: see `pipeline.influx.open_influx`.
        setting: which one it stands in, for the messages.

    Raises:
        ConfigError: it is incomplete, holds a login, or something that means nothing here.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT
    except ValueError as error:
        raise _bad_url(f"{setting} can't be read: {error}") from error
    legacy = parts.scheme.startswith("influxdb1")
    if parts.password is not None or (parts.username is not None and not legacy):
        raise _bad_url(f"{setting} holds a login; a password or token goes into the store's token setting")
    options = dict(parse_qsl(parts.query))
    unknown = sorted(options.keys() - (set() if legacy else {"org"}))
    if unknown or parts.fragment:
        raise _bad_url(f"{setting} has parts that mean nothing here: {', '.join(unknown) or '#...'}")
    bucket = unquote(parts.path).strip("/")
    missing = {
        "host": parts.hostname,
        "database" if legacy else "bucket": bucket,
        "org": legacy or options.get("org"),
    }
    absent = [name for name, found in missing.items() if not found]
    if absent:
        raise _bad_url(f"{setting} names no {' and no '.join(absent)}")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    protocol = "https" if parts.scheme.endswith("s") else "http"
    user = unquote(parts.username or "")
    return InfluxAddress(legacy, f"{protocol}://{host}:{port}", bucket, options.get("org", ""), user)


def _bad_url(message: str) -> ConfigError:
    advice = (
        "Write influxdb://localhost:8086/bucket?org=name for InfluxDB 1.8 to 3.x, or "
        "influxdb1://user@localhost:8086/database for 1.6 and 1.7."
    )
    return ConfigError(message, advice=advice)
