"""The store port: where points go, whichever database keeps them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ingest.errors import ConfigError, StoreDamaged, StoreUnavailable
from pipeline.schema import Measurement, Point

_log = logging.getLogger(__name__)

SCHEMES = ("sqlite", "influxdb", "influxdbs", "influxdb1", "influxdb1s")


class Store(Protocol):
    """An open store. Blocking: an asyncio caller uses it from a thread, one call at a time."""

    def check(self) -> None:
        """Ask the store whether it would take our points, writing nothing.

        Raises:
            StoreUnavailable: it does not answer.
            StoreRejected: it answers, but not to us (credentials, database, bucket).
        """
        ...

    def write(self, points: Sequence[Point]) -> None:
        """Store all points; on return they are durable. Writing them again changes nothing.

        Raises:
            StoreUnavailable: the store may take the same points later.
            StoreRejected: the store refuses at least one of the points; others may have been stored.
            ValueError: a point does not fit the schema (`check_points`); nothing has been sent.
        """
        ...

    def count(self, measurement: Measurement, *, person: str | None = None) -> int:
        """How many stored points carry the measurement's first field, of one person or of all."""
        ...

    def newest_ns(self, measurement: Measurement) -> int | None:
        """Unix time of the newest point that carries the measurement's first field; None where there is none."""
        ...

    def of_person(self, person: str) -> int:
        """How many points there are of a person, in all measurements, and points of others that name them."""
        ...

    def forget_person(self, person: str) -> None:
        """Delete all points of a person; those of others that name them are written anew by the caller.

        Raises:
            StoreUnavailable: the store does not answer.
            StoreRejected: it can't delete, or not for us; the advice says what to do instead.
        """
        ...

    def forget_before(self, measurement: Measurement, time_ns: int) -> None:
        """Delete the points of a measurement that are older; errors as of `forget_person`."""
        ...

    def close(self) -> None:
        """Release files and connections; safe to call twice."""
        ...


def open_store(url: str, *, token: str | None = None) -> Store:
    """A store for the URL's scheme.

    Args:
        url: `sqlite:///file`, `influxdb://host:port/bucket?org=name` (1.8 to 3.x) or
            `influxdb1://user@host:port/database` (1.6, 1.7); with `s` after the scheme over TLS.
        token: InfluxDB token, or the password that goes with the user of an `influxdb1` URL.

    Raises:
        ConfigError: no such scheme, an incomplete URL, or the extra that it needs is not installed.
        StoreUnavailable: a file that can't be opened.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise ConfigError(f"store_url can't be read: {error}", advice="For example sqlite:///strapline.db.") from error
    if scheme == "sqlite":
        from pipeline.sqlite import SqliteStore

        return SqliteStore.from_url(url)
    if scheme.startswith("influxdb") and scheme in SCHEMES:
        from pipeline.influx import open_influx

        return open_influx(url, token)
    message = f"store_url scheme {scheme!r} names no store that Strapline knows"
    raise ConfigError(message, advice=f"Use one of: {', '.join(SCHEMES)} (for example sqlite:///strapline.db).")


def store_openers(urls: Iterable[str], *, token: str | None, home: Path) -> dict[str, Callable[[], Store]]:
    """A function for each store that opens it, by the store's URL.

    Args:
        urls: see `open_store`; the path of a relative `sqlite:///` URL starts at the data directory.
        token: for the stores that want one.
        home: the data directory.

    Raises:
        ConfigError: the data directory can't be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the data directory {home} can't be made: {error.strerror}"
        raise ConfigError(message, advice="Choose another with --home or STRAPLINE_HOME.") from error
    return {url: partial(open_store, _in_home(url, home), token=token) for url in urls}


def check_store(opener: Callable[[], Store]) -> None:
    """Open a store, ask whether it would take our points, and close it.

    Raises:
        ConfigError, StoreUnavailable, StoreRejected: it can't be used.
    """
    with closing(opener()) as store:
        store.check()


def check_stores(openers: Mapping[str, Callable[[], Store]], known: Container[str] = ()) -> None:
    """Make sure that no store is set up wrongly; one that is away may come later, and is only warned of.

    Args:
        openers: see `store_openers`.
        known: the stores that have taken points before: one of them that is damaged now can be filled anew.

    Raises:
        ConfigError, StoreRejected, StoreDamaged: from the first store that will never take our points.
    """
    for name, opener in openers.items():
        try:
            check_store(opener)
        except StoreUnavailable as error:
            if isinstance(error, StoreDamaged) and name not in known:
                raise
            _log.warning("store %s is away, its points will wait error=%r advice=%r", name, str(error), error.advice)


def _in_home(url: str, home: Path) -> str:
    prefix = "sqlite:///"
    return f"{prefix}{home.absolute() / url.removeprefix(prefix)}" if url.startswith(prefix) else url
