"""A Grafana, spoken to through grafana-api; the only module that knows it.

Importing this module without the `boards` extra raises ConfigError.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from dashboards.annotations import Annotation, Row
from dashboards.board_diff import Board
from dashboards.data_source import database_of
from ingest.errors import (
    ConfigError,
    GrafanaDenied,
    GrafanaError,
    GrafanaNotOurs,
    GrafanaRefused,
    GrafanaUnavailable,
)

try:
    from grafana_api.grafana_api import GrafanaException
    from grafana_api.grafana_face import GrafanaFace
    from requests.exceptions import RequestException
except ImportError as error:
    _message = f"Grafana needs a package that is not installed: {error.name}"
    raise ConfigError(_message, advice="Run: pip install 'strapline[boards]'") from error

_DEADLINE_S = 30.0
_MOST_HITS = 5000
_ANNOTATIONS_PER_REQUEST = 1000
_LONGEST_QUOTE = 300

# For some seconds Grafana's proxy would go on with a data source as it was before a change.
_AFRESH = {"X-Grafana-NoCache": "true"}

# Before it, Grafana's proxy cut a uid at its first hyphen.
_PROXIES_BY_UID = 10

# Who may see nothing of a kind is told that it is forbidden, and not that it is missing.
_OK_MISSING = frozenset({403, 404})
_UNAUTHORIZED, _FORBIDDEN, _CONFLICT, _PRECONDITION_FAILED = 401, 403, 409, 412

_EDITOR = "Editor"
_ADMIN = "Admin"


class GrafanaServer:
    """One Grafana and one login to it."""

    def __init__(self, url: str, login: str | tuple[str, str], *, message: str) -> None:
        """Nothing is sent before the first call.

        Args:
            url: `http://host:3000`, with a path if Grafana is behind one.
            login: a token, or a user's name and password.
            message: stands beside each saved board in Grafana's history.

        Raises:
            ConfigError: the URL is none, or the token can't be one.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ConfigError(f"grafana_url can't be {url!r}", advice="Write http://host:3000, without a login.")
        if isinstance(login, str) and not (login.isascii() and login.isprintable()):
            # Sent as it is, the library's error would quote it.
            advice = "Copy it again; a line break at its end may have slipped in."
            raise ConfigError("the Grafana token holds characters that no token has", advice=advice)
        self._url = url
        self._message = message
        # As bytes, since requests would turn text into Latin-1.
        auth = login if isinstance(login, str) else tuple(part.encode() for part in login)
        path = parts.path.strip("/")
        self._face = GrafanaFace(
            auth,
            host=parts.netloc,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            timeout=_DEADLINE_S,
        )
        self._version: str | None = None

    def version(self) -> str | None:
        """Its version, if it tells."""
        with self._translated("tell how it is"):
            answer = self._face.api.GET("/health")
        if not isinstance(answer, dict) or "database" not in answer:
            raise GrafanaUnavailable(f"what answers at {self._url} is no Grafana", advice=_CHECK_URL)
        self._version = answer.get("version") or None
        return self._version

    def data_source(self, uid: str) -> dict[str, Any] | None:
        """A data source, or None."""
        return self._found(f"/datasources/uid/{uid}")

    def create_data_source(self, source: dict[str, Any]) -> None:
        """Make a data source; this needs the role Admin."""
        with self._translated("make a data source", role=_ADMIN):
            self._face.datasource.create_datasource(source)

    def update_data_source(self, source: dict[str, Any]) -> None:
        """Replace a data source; this needs the role Admin."""
        with self._translated("change a data source", role=_ADMIN):
            self._face.api.PUT(f"/datasources/uid/{source['uid']}", json=source)

    def folder(self, uid: str) -> dict[str, Any] | None:
        """A folder, or None."""
        return self._found(f"/folders/{uid}")

    def create_folder(self, uid: str, title: str) -> None:
        """Make a folder."""
        with self._translated("make a folder"):
            self._face.folder.create_folder(title, uid)

    def board(self, uid: str) -> dict[str, Any] | None:
        """A board and its `meta`, or None."""
        return self._found(f"/dashboards/uid/{uid}")

    def tagged_boards(self, tag: str) -> list[dict[str, Any]]:
        """Every board with a tag."""
        with self._translated("search boards"):
            hits: list[dict[str, Any]] = self._face.search.search_dashboards(tag=tag, type_="dash-db", limit=_MOST_HITS)
        return hits

    def save_board(self, board: Board, folder_uid: str) -> None:
        """Save a board, if its version is still the one that is there."""
        # Without `overwrite`, which would also replace a board of someone else's that has the same title.
        body = {"dashboard": board, "folderUid": folder_uid, "message": self._message, "overwrite": False}
        with self._translated(f"save board {board['uid']}"):
            self._face.dashboard.update_dashboard(body)

    def delete_board(self, uid: str) -> None:
        """Delete a board."""
        with self._translated(f"delete board {uid}"):
            self._face.dashboard.delete_dashboard(uid)

    def annotations(self, from_ms: int, to_ms: int, tag: str) -> list[dict[str, Any]]:
        """Every annotation with a tag's key that touches a range of Unix times, in no order."""
        limit = _ANNOTATIONS_PER_REQUEST
        asked = {"from": from_ms, "to": to_ms, "tags": tag, "matchAny": "true", "limit": limit}
        with self._translated("tell its annotations"):
            items: list[dict[str, Any]] = self._face.api.GET(f"/annotations?{urlencode(asked)}")
        if len(items) < limit or from_ms >= to_ms:
            return items
        middle_ms = (from_ms + to_ms) // 2
        halves = (*self.annotations(from_ms, middle_ms, tag), *self.annotations(middle_ms + 1, to_ms, tag))
        return list({item["id"]: item for item in halves}.values())  # what touches both comes twice

    def add_annotation(self, annotation: Annotation) -> None:
        """Make an annotation of the organisation."""
        with self._translated("make an annotation"):
            self._face.annotations.add_annotation(**_body(annotation))

    def update_annotation(self, number: int, annotation: Annotation) -> None:
        """Replace an annotation."""
        with self._translated("change an annotation"):
            self._face.annotations.update_annotation(number, **_body(annotation))

    def delete_annotation(self, number: int) -> None:
        """Delete an annotation."""
        with self._translated("delete an annotation"):
            self._face.annotations.delete_annotations_by_id(number)

    def query(self, source: dict[str, Any], influxql: str) -> list[Row]:
        """The rows of a query that a data source sends to its database, with `time` in ms.

        Raises:
            GrafanaError: Grafana does not answer, or the database behind it.
        """
        by_uid = self._version is not None and int(self._version.split(".")[0]) >= _PROXIES_BY_UID
        path = f"uid/{source['uid']}" if by_uid else source["id"]
        asked = urlencode({"db": database_of(source), "q": influxql, "epoch": "ms"})
        with self._translated(f"ask the database at {source['url']}", advice=_CHECK_STORE):
            answer = self._face.api.GET(f"/datasources/proxy/{path}/query?{asked}", headers=_AFRESH)
        results = answer.get("results") if isinstance(answer, dict) else None
        if results is None or "error" in results[0]:
            said = _quote(results[0]["error"] if results else answer)
            message = f"the database behind Grafana's data source {source['uid']} refused a query: {said}"
            raise GrafanaRefused(message, advice=_CHECK_STORE)
        series = results[0].get("series", [])
        return [dict(zip(one["columns"], row, strict=True)) for one in series for row in one["values"]]

    def _found(self, path: str) -> dict[str, Any] | None:
        try:
            with self._translated(f"tell of {path}"):
                answer: dict[str, Any] = self._face.api.GET(path)
        except GrafanaError as error:
            if isinstance(error.__cause__, GrafanaException) and error.__cause__.status_code in _OK_MISSING:
                return None
            raise
        return answer

    @contextmanager
    def _translated(self, doing: str, *, role: str = _EDITOR, advice: str = "") -> Iterator[None]:
        try:
            yield
        except GrafanaException as error:
            raise self._error(error, doing, role, advice) from error
        except RequestException as error:
            raise GrafanaUnavailable(
                f"no Grafana answers at {self._url}: {_quote(error)}", advice=_CHECK_URL
            ) from error
        except TypeError as error:
            # The library looks for a message in an error that is no JSON, and stumbles over the word.
            raise GrafanaUnavailable(f"what answers at {self._url} is no Grafana", advice=_CHECK_URL) from error

    def _error(self, error: GrafanaException, doing: str, role: str, advice: str) -> GrafanaError:
        status = error.status_code
        said = f"Grafana would not {doing}: {_quote(_said(error))}"
        if status == _UNAUTHORIZED:
            return GrafanaDenied(f"Grafana does not accept the login: {_quote(_said(error))}", advice=_HOW_TO_LOG_IN)
        if status == _FORBIDDEN:
            advice = f"This needs the role {role} in Grafana: give it to the service account or the user."
            return GrafanaDenied(said, advice=advice)
        if status in {_CONFLICT, _PRECONDITION_FAILED}:
            return GrafanaNotOurs(said, advice=_CONFLICTING)
        return GrafanaRefused(said, advice=advice or "Grafana's log says more.")


_CHECK_URL = "Check grafana_url, and that Grafana runs there."
_CHECK_STORE = (
    "Grafana reaches the database at the URL and with the secret of the data source: see grafana_store_url and "
    "store_token. A secret that was changed since is sent again when the data source is deleted in Grafana."
)
_HOW_TO_LOG_IN = (
    "Make a service account with the role Admin in Grafana (Administration, Service accounts), add a token to it and "
    "set STRAPLINE_GRAFANA_TOKEN; or set grafana_username and STRAPLINE_GRAFANA_PASSWORD."
)
_CONFLICTING = (
    "Something else has that name there, or was changed meanwhile: rename it in Grafana, or push again. Nothing was "
    "overwritten."
)


def _body(annotation: Annotation) -> dict[str, Any]:
    return {
        "time_from": annotation.start_ms,
        "time_to": annotation.end_ms,
        "tags": list(annotation.tags),
        "text": annotation.text,
    }


def _said(error: GrafanaException) -> str:
    answer = error.response
    said = answer.get("message") if isinstance(answer, dict) else answer
    return str(said or f"status {error.status_code}")


def _quote(said: object) -> str:
    text = " ".join(str(said).split())
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
