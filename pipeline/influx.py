"""The InfluxDB store: 1.6 and 1.7 through /write, 1.8 to 3.x through /api/v2/write.

Importing this module without the `pipeline` extra raises ConfigError.
"""

from __future__ import annotations

import gzip
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from ingest.errors import ConfigError, StoreError, StoreRejected, StoreUnavailable
from pipeline.influx_address import InfluxAddress, influx_address
from pipeline.privacy.company import is_among
from pipeline.schema import MEASUREMENTS, Measurement, Point
from pipeline.storable import check_points
from pipeline.store import Store

try:
    from influxdb_client import InfluxDBClient
    from influxdb_client import Point as LinePoint
    from influxdb_client.client.write_api import SYNCHRONOUS
    from influxdb_client.rest import ApiException
    from urllib3.exceptions import HTTPError
except ImportError as error:
    _message = f"InfluxDB needs a package that is not installed: {error.name}"
    raise ConfigError(_message, advice="Run: pip install 'strapline[pipeline]'") from error

_DEADLINE_MS = 10_000
# Counting reads every block of a series; years of beats take a small computer longer than any write.
_READ_DEADLINE_MS = 60_000
# What InfluxData's guides recommend; far below every default limit on a request's size.
_LINES_PER_REQUEST = 5000
# A comment: the server checks who asks for which database, and finds nothing to store.
_NO_POINTS = b"# strapline asks whether it may write\n"
_LONGEST_QUOTE = 300
_DROPPED = re.compile(r" *dropped=(\d+)")

# What a server answers that has no such request.
_NO_SUCH_WAY = {404, 405, 501}
_BEGIN, _END = datetime(1678, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_PEOPLE = [measurement for measurement in MEASUREMENTS.values() if "person" in measurement.tags]

_TOO_MANY_REQUESTS, _TIMED_OUT, _SERVER_ERRORS = 429, 408, 500


def open_influx(url: str, token: str | None) -> Store:
    """A store for an InfluxDB URL; nothing is sent before its first use.

    Args:
        url: `influxdb://host:port/bucket?org=name` (1.8 to 3.x; for 1.8 the bucket is `database/retention-policy`)
            or `influxdb1://user@host:port/database` (1.6, 1.7); `influxdbs` and `influxdb1s` go over TLS.
        token: API token, or the password of the URL's user.

    Raises:
        ConfigError: the URL is incomplete, or the token can't be one.
    """
    address = influx_address(url)
    return _LegacyStore(address, token or "") if address.legacy else _BucketStore(address, token or "")


class _InfluxStore(ABC):
    """What both generations share: line protocol in, InfluxQL out, one translation of errors."""

    def __init__(self, address: InfluxAddress, client: Any) -> None:
        self._address = address
        self._client = client

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.bucket!r} on {self._address.server})"

    def check(self) -> None:
        """Ask the server whether it would take our points, sending none.

        Not found out: that the disk is full, that reading is forbidden (`count` says so), and on InfluxDB 3.x that
        the database is missing, since 3.x creates it with the first write.

        Raises:
            StoreUnavailable: no answer.
            StoreRejected: an answer, but not from InfluxDB or not to us.
        """
        with self._translated():
            # Before anything else: a web server that is no InfluxDB may answer a write with nearly any status.
            self._client.api_client.call_api("/ping", "GET", auth_settings=[])
        try:
            with self._translated():
                self._post(_NO_POINTS)
        except StoreRejected as error:
            if not _is_about_no_points(error):
                raise

    def write(self, points: Sequence[Point]) -> None:
        """Store all points, 5000 a request; when one request fails, those before it are stored.

        Raises:
            StoreUnavailable: no answer, or one that says later.
            StoreRejected: the server refused the request, or stored only a part of it.
            ValueError: a point that no store could keep; none has been sent.
        """
        check_points(points)
        for first in range(0, len(points), _LINES_PER_REQUEST):
            lines = "\n".join(_line(point) for point in points[first : first + _LINES_PER_REQUEST])
            with self._translated():
                self._post(lines.encode())

    def count(self, measurement: Measurement, *, person: str | None = None) -> int:
        """How many points carry the measurement's first field, of one person or of all."""
        query = f'SELECT count("{measurement.fields[0].name}") FROM "{measurement.name}"'  # noqa: S608 - schema names
        if person is not None:
            query += f' WHERE "person" = {_quoted(person)}'
        return sum(int(row[1]) for row in self._rows(query))

    def newest_ns(self, measurement: Measurement) -> int | None:
        """Unix time of the newest point that carries the measurement's first field; None where there is none."""
        query = f'SELECT "{measurement.fields[0].name}" FROM "{measurement.name}" ORDER BY time DESC LIMIT 1'  # noqa: S608
        return max((int(row[0]) for row in self._rows(query)), default=None)

    def of_person(self, person: str) -> int:
        """How many points there are of a person, in all measurements, and points of others that name them."""
        count = 0
        for measurement in _OF_PEOPLE:
            query = f'SELECT count(*) FROM "{measurement.name}" WHERE "person" = {_quoted(person)}'  # noqa: S608
            # One column for each field: a point has at least one of them, and none has more points than the fullest.
            # A field that only others have is counted as null.
            count += sum(max((int(found or 0) for found in row[1:]), default=0) for row in self._rows(query))
        others = self._rows("SELECT together FROM session")
        return count + sum(is_among(person, row[1]) for row in others if row[1])

    def forget_person(self, person: str) -> None:
        """Delete all points of a person.

        Raises:
            StoreUnavailable: no answer.
            StoreRejected: the server can't delete, or not for us.
        """
        escaped = person.replace('"', '\\"')
        names = ", ".join(f'"{measurement.name}"' for measurement in _OF_PEOPLE)
        with self._translated():
            self._delete(f'person="{escaped}"', _END, f'DROP SERIES FROM {names} WHERE "person" = {_quoted(person)}')

    def forget_before(self, measurement: Measurement, time_ns: int) -> None:
        """Delete the points of a measurement that are older, to the microsecond; errors as of `forget_person`."""
        name = measurement.name
        # The end is deleted as well; whole microseconds, which is what a datetime holds.
        end = _EPOCH + timedelta(microseconds=(time_ns - 1) // 1_000)
        with self._translated():
            self._delete(f'_measurement="{name}"', end, f'DELETE FROM "{name}" WHERE time < {time_ns}')  # noqa: S608

    def _rows(self, query: str, method: str = "GET") -> list[list[Any]]:
        """What a query finds, times in ns; the errors of `write`."""
        database, _, retention_policy = self._address.bucket.partition("/")
        parameters = {"db": database, "q": query, "epoch": "ns", "rp": retention_policy}
        with self._translated():
            answer = self._client.api_client.call_api(
                "/query",
                method,
                query_params=[(name, told) for name, told in parameters.items() if told],
                response_type="object",
                auth_settings=[],
                _return_http_data_only=True,
                _request_timeout=_READ_DEADLINE_MS,
            )
        result = answer["results"][0] if isinstance(answer, dict) and answer.get("results") else {}
        if "error" in result:
            # InfluxQL reports a missing database with status 200.
            message = f"{self!r} refused a query: {result['error']}"
            raise StoreRejected(message, advice=self._advice(404))
        return [row for series in result.get("series", []) for row in series["values"]]

    def close(self) -> None:
        """Release the connections; safe to call twice."""
        self._client.close()

    @abstractmethod
    def _post(self, lines: bytes) -> None:
        """Send one request; the library's errors pass."""

    @abstractmethod
    def _advice(self, status: int) -> str:
        """What a person can do about a refusal."""

    @abstractmethod
    def _delete(self, predicate: str, end: datetime, influxql: str) -> None:
        """Delete points, in the words of 2.x and of 1.x; the library's errors pass."""

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            raise self._store_error(error) from error
        except (HTTPError, UnicodeDecodeError) as error:
            message = f"{self!r} does not answer: {_quote(error)}"
            raise StoreUnavailable(message, advice="Is InfluxDB running, and are host and port right?") from error

    def _store_error(self, error: ApiException) -> StoreError:
        if not error.status:  # the library reports a failed TLS handshake as an answer without a status
            message = f"{self!r} does not speak TLS as expected: {_quote(error.reason)}"
            return StoreUnavailable(message, advice="Check the certificate and the clock, or use the scheme without s.")
        message = f"{self!r} answered {error.status}: {_quote(_said(error))}"
        if error.status in {_TOO_MANY_REQUESTS, _TIMED_OUT} or error.status >= _SERVER_ERRORS:
            return StoreUnavailable(message, advice="The server is overloaded, starting or broken; its log says more.")
        # How many points it left out is no part of the reason, by which they are counted.
        reason = _DROPPED.sub("", message)
        return StoreRejected(reason, dropped=_dropped(message), advice=self._advice(error.status))


class _BucketStore(_InfluxStore):
    """InfluxDB 1.8 to 3.x: a bucket, a token, the client's own write API."""

    def __init__(self, address: InfluxAddress, token: str) -> None:
        if not (token.isascii() and token.isprintable()):
            # Sent as it is, the library's error would quote it.
            advice = "Copy it again; a line break at its end may have slipped in."
            raise ConfigError("the InfluxDB token holds characters that no token has", advice=advice)
        client = InfluxDBClient(
            address.server, token=token or None, org=address.org, timeout=_DEADLINE_MS, enable_gzip=True, retries=False
        )
        super().__init__(address, client)
        # Synchronous, since the outbox batches and retries: an error must reach it, and at once.
        self._write_api = client.write_api(write_options=SYNCHRONOUS)

    def close(self) -> None:
        self._write_api.close()
        super().close()

    def _post(self, lines: bytes) -> None:
        self._write_api.write(self._address.bucket, self._address.org, lines)

    def _delete(self, predicate: str, end: datetime, influxql: str) -> None:
        where = self._address
        try:
            self._client.delete_api().delete(_BEGIN, end, predicate, bucket=where.bucket, org=where.org)
        except ApiException as error:
            if error.status not in _NO_SUCH_WAY:
                raise
            self._delete_as_before(influxql, error)

    def _delete_as_before(self, influxql: str, refusal: ApiException) -> None:
        """The way of 1.8; a server that knows neither can't delete."""
        try:
            self._rows(influxql, "POST")
        except StoreError as error:
            message = f"{self!r} can't delete points: {_quote(_said(refusal))}"
            raise StoreRejected(message, advice=_CANT_DELETE) from error

    def _advice(self, status: int) -> str:
        bucket, org = self._address.bucket, self._address.org
        return {
            401: "Check the token; InfluxDB 2.9 shows one only when it makes it.",
            403: f"Give the token the right to write bucket {bucket!r}, and to read it for what reads.",
            404: f"Create the bucket: influx bucket create --name {bucket!r} --org {org!r}; or, if it is there, give "
            "the token the right to read it. InfluxDB 1.6 and 1.7 want an influxdb1:// URL.",
            413: _TOO_LARGE,
        }.get(status, _BAD_POINTS)


class _LegacyStore(_InfluxStore):
    """InfluxDB 1.6 and 1.7: a database, and a user with a password if the server asks for one."""

    def __init__(self, address: InfluxAddress, password: str) -> None:
        if address.user and not password:
            message = f"store_url names user {address.user!r}, but there is no password"
            raise ConfigError(message, advice="Set the store's token to the user's password.")
        # In a header, since a query string ends in the logs of servers and proxies.
        login = {"token": f"{address.user}:{password}", "auth_basic": True} if address.user else {}
        super().__init__(address, InfluxDBClient(address.server, timeout=_DEADLINE_MS, retries=False, **login))

    def _post(self, lines: bytes) -> None:
        self._client.api_client.call_api(
            "/write",
            "POST",
            query_params=[("db", self._address.bucket), ("precision", "ns")],
            header_params={"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "gzip"},
            body=gzip.compress(lines),
            auth_settings=[],
        )

    def _delete(self, predicate: str, end: datetime, influxql: str) -> None:  # noqa: ARG002 - the words of 2.x
        self._rows(influxql, "POST")

    def _advice(self, status: int) -> str:
        database, user = self._address.bucket, self._address.user
        return {
            401: "Write the user into store_url (influxdb1://user@host:8086/database) and check the password.",
            403: f'Let the user in: influx -execute \'GRANT ALL ON "{database}" TO "{user}"\'',
            404: f"Create the database: influx -execute 'CREATE DATABASE \"{database}\"'",
            413: _TOO_LARGE,
        }.get(status, _BAD_POINTS)


_CANT_DELETE = (
    "InfluxDB 3 Core deletes no single points. To forget a person, delete the whole database and forget them without "
    "it in store_url; `strapline process` then fills a new one from the journal. How long it keeps what is old, it "
    "has to be told itself."
)
_TOO_LARGE = "Raise max-body-size in the server's [http] settings."
_BAD_POINTS = (
    "Most often a field was stored with another type before, or a time is older than the server keeps: write into a "
    "fresh database, and `strapline process` fills it."
)


def _quoted(text: str) -> str:
    """A string of InfluxQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _line(point: Point) -> str:
    line = LinePoint(point.measurement.name)
    for name, tag in zip(point.measurement.tags, point.tags, strict=True):
        line.tag(name, tag)
    for name, stored in point.fields.items():
        line.field(name, stored)
    return str(line.time(point.time_ns).to_line_protocol())


def _said(error: ApiException) -> str:
    """The server's own words: `error` in 1.x, `message` in 2.x, `error` in 3.x."""
    try:
        answer = json.loads(error.body)
    except (TypeError, ValueError):
        return str(error.body or error.reason)
    if not isinstance(answer, dict):
        return str(answer)
    return str(answer.get("message") or answer.get("error") or answer)


def _dropped(message: str) -> int | None:
    """How many points a partial write left out, by the server's own count."""
    found = _DROPPED.search(message)
    return int(found.group(1)) if found else None


def _is_about_no_points(error: StoreRejected) -> bool:
    """Whether a refusal says that there was nothing to write, which a server finds after everything else."""
    cause = error.__cause__
    return isinstance(cause, ApiException) and cause.status == 400  # noqa: PLR2004 - HTTP


def _quote(said: object) -> str:
    text = " ".join(str(said).split())
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
