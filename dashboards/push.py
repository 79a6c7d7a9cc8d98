"""What a push would change in a Grafana, found by comparing what is there with what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from dashboards import board_diff, data_source
from dashboards.annotations import QUERIES, Annotation, Kept, Row, ours, steps, wanted_annotations
from dashboards.board_diff import Board
from dashboards.influxql import for_everyone
from dashboards.links import TAG
from ingest.errors import ConfigError, GrafanaDenied, GrafanaNotOurs, GrafanaTooOld

FOLDER_UID, FOLDER_TITLE = "strapline", "Strapline"
_OLDEST = (9, 4)
_LET_IT_READ = "Give it the role Admin, or the permission to read data sources."


class Grafana(Protocol):
    """What a push asks of a Grafana. Errors are of the GrafanaError family; what is not there is None."""

    def version(self) -> str | None:
        """Its version, if it tells."""

    def data_source(self, uid: str) -> dict[str, Any] | None:
        """A data source."""

    def create_data_source(self, source: dict[str, Any]) -> None:
        """Make a data source."""

    def update_data_source(self, source: dict[str, Any]) -> None:
        """Replace a data source; the version in it must still be the one that is there."""

    def folder(self, uid: str) -> dict[str, Any] | None:
        """A folder."""

    def create_folder(self, uid: str, title: str) -> None:
        """Make a folder."""

    def board(self, uid: str) -> dict[str, Any] | None:
        """A board (`dashboard`) and what Grafana says of it (`meta`)."""

    def tagged_boards(self, tag: str) -> list[dict[str, Any]]:
        """Every board with a tag: `uid`, `folderUid`."""

    def save_board(self, board: Board, folder_uid: str) -> None:
        """Save a board; the version in it must still be the one that is there, and none if none is."""

    def delete_board(self, uid: str) -> None:
        """Delete a board."""

    def annotations(self, from_ms: int, to_ms: int, tag: str) -> list[dict[str, Any]]:
        """Every annotation of the organisation and its boards with a tag's key that touches a range of Unix times."""

    def add_annotation(self, annotation: Annotation) -> None:
        """Make an annotation of the organisation."""

    def update_annotation(self, number: int, annotation: Annotation) -> None:
        """Replace an annotation."""

    def delete_annotation(self, number: int) -> None:
        """Delete an annotation."""

    def query(self, source: dict[str, Any], influxql: str) -> list[Row]:
        """The rows of a query that the data source sends to its database, with `time` in ms."""


class Action(StrEnum):
    """What happens to one thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a push would do, what it changes in words, and how to do it."""

    action: Action
    what: str
    diff: tuple[str, ...]
    apply: Callable[[Grafana], None]


def check_version(grafana: Grafana) -> None:
    """Make sure that a Grafana answers and can show the boards; one that hides its version is given the chance.

    Raises:
        GrafanaError: none answers, or it is too old.
    """
    version = grafana.version()
    if version is None:
        return
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < _OLDEST:
        needed = ".".join(map(str, _OLDEST))
        message = f"this Grafana is {version}, and the boards need {needed} or newer"
        raise GrafanaTooOld(message, advice="Upgrade Grafana: its panels are what draws the boards.")


def plan_data_source(there: dict[str, Any] | None, wanted: dict[str, Any] | None) -> list[Change]:
    """What brings the data source to what the settings say; without an InfluxDB in them it stays as it is.

    Raises:
        ConfigError: there is none, and none is wanted.
        GrafanaNotOurs: what stands there is something else.
    """
    what = f"data source {data_source.UID}"
    if there is None and wanted is None:
        message = "Grafana reads from an InfluxDB, and neither the settings nor Grafana name one"
        raise ConfigError(
            message, advice="Add an influxdb:// or influxdb1:// URL to store_url, or set grafana_store_url."
        )
    if there is None:
        assert wanted is not None  # noqa: S101 - the case before
        settings = {key: wanted[key] for key in ("url", "user") if wanted[key]} | wanted["jsonData"]
        diff = (*(f"+ {key}: {value}" for key, value in settings.items()), *_secrets(wanted))
        return [Change(Action.CREATE, what, diff, lambda grafana: grafana.create_data_source(wanted))]
    if there["type"] != data_source.TYPE:
        message = f"{what} is of type {there['type']}, so Strapline did not make it"
        raise GrafanaNotOurs(message, advice="Give it another uid, or delete it in Grafana.")
    diff = () if wanted is None else data_source.difference(there, wanted)
    if wanted is None or not diff:
        return []
    if there.get("readOnly"):
        message = f"{what} comes from a provisioning file and can't be changed from here: {'; '.join(diff)}"
        raise GrafanaNotOurs(message, advice="Change that file, or set grafana_store_url to what it says.")
    new = data_source.updated(there, wanted)
    return [Change(Action.UPDATE, what, (*diff, *_secrets(wanted)), lambda grafana: grafana.update_data_source(new))]


def _secrets(wanted: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"  {name}: sent (secrets can't be compared)" for name in sorted(wanted["secureJsonData"]))


def plan_folder(there: dict[str, Any] | None) -> list[Change]:
    """What makes the folder; one that is there keeps its title."""
    if there is not None:
        return []

    def create(grafana: Grafana) -> None:
        grafana.create_folder(FOLDER_UID, FOLDER_TITLE)

    return [Change(Action.CREATE, f"folder {FOLDER_UID}", (f"+ title: {FOLDER_TITLE}",), create)]


def plan_boards(there: Mapping[str, dict[str, Any]], wanted: Mapping[str, Board]) -> list[Change]:
    """What brings the boards to what is wanted; a board stays in the folder that it was moved to.

    Args:
        there: uid -> board and `meta`, of the wanted ones that exist, and of ours in our folder.
        wanted: uid -> board.

    Raises:
        GrafanaNotOurs: a board stands there that Strapline did not make, or that comes from a file.
    """
    changes = [_saved(uid, there.get(uid), board) for uid, board in wanted.items()]
    gone = [_deleted(uid, found) for uid, found in there.items() if uid not in wanted]
    return [change for change in (*changes, *gone) if change is not None]


def _saved(uid: str, there: dict[str, Any] | None, wanted: Board) -> Change | None:
    what = f"board {uid}"
    if there is None:
        diff = board_diff.contents(wanted)
        return Change(Action.CREATE, what, diff, lambda grafana: grafana.save_board(wanted, FOLDER_UID))
    board, meta = there["dashboard"], there["meta"]
    if TAG not in (board.get("tags") or []):
        message = f"{what} has no tag {TAG!r}, so Strapline did not make it"
        raise GrafanaNotOurs(message, advice="Give it another uid, or delete it in Grafana.")
    diff = board_diff.difference(board, wanted)
    if not diff:
        return None
    _check_not_provisioned(what, meta)
    new, folder = {**wanted, "version": board["version"]}, meta.get("folderUid") or ""
    return Change(Action.UPDATE, what, diff, lambda grafana: grafana.save_board(new, folder))


def _deleted(uid: str, there: dict[str, Any]) -> Change:
    what = f"board {uid}"
    _check_not_provisioned(what, there["meta"])
    diff = (f"- {there['dashboard']['title']!r}, which is no longer one of Strapline's boards",)
    return Change(Action.DELETE, what, diff, lambda grafana: grafana.delete_board(uid))


def _check_not_provisioned(what: str, meta: Mapping[str, Any]) -> None:
    if meta.get("provisioned"):
        message = f"{what} comes from a provisioning file, which a push can't change"
        raise GrafanaNotOurs(
            message, advice="Bring that file up to date, or take the provider out of the provisioning."
        )


def plan_annotations(there: list[Kept], wanted: list[Annotation]) -> list[Change]:
    """What brings our annotations in step."""
    found = steps(there, wanted)
    return [
        *(_added(annotation) for annotation in found.missing),
        *(_changed(kept, annotation) for kept, annotation in found.changed),
        *(_vanished(kept) for kept in found.vanished),
    ]


def _added(new: Annotation) -> Change:
    return Change(Action.CREATE, _name(new), (f"+ {new.text}",), lambda grafana: grafana.add_annotation(new))


def _changed(kept: Kept, new: Annotation) -> Change:
    was, number = kept.annotation, kept.number
    pairs = (("end", _utc(was.end_ms), _utc(new.end_ms)), ("text", was.text, new.text))
    diff = tuple(f"~ {name}: {before} -> {after}" for name, before, after in pairs if before != after)
    return Change(Action.UPDATE, _name(new), diff, lambda grafana: grafana.update_annotation(number, new))


def _vanished(kept: Kept) -> Change:
    was, number = kept.annotation, kept.number
    return Change(Action.DELETE, _name(was), (f"- {was.text}",), lambda grafana: grafana.delete_annotation(number))


def _name(annotation: Annotation) -> str:
    return f"annotation {', '.join(annotation.tags)} at {_utc(annotation.start_ms)}"


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def data_source_changes(grafana: Grafana, wanted: dict[str, Any] | None) -> list[Change]:
    """What a push would do to the data source; see `plan_data_source`. Nothing is written."""
    return plan_data_source(grafana.data_source(data_source.UID), wanted)


def board_changes(grafana: Grafana, boards: Iterable[Board]) -> list[Change]:
    """What a push would do to folder and boards; nothing is written.

    Raises:
        GrafanaError: no answer, no permission to look, or something there is not ours.
    """
    source_name = (grafana.data_source(data_source.UID) or {}).get("name", data_source.NAME)
    wanted = {board["uid"]: data_source.chosen_in(board, source_name) for board in boards}
    ours_there = [hit["uid"] for hit in grafana.tagged_boards(TAG) if _is_in_our_folder(hit)]
    found = {uid: grafana.board(uid) for uid in dict.fromkeys((*wanted, *ours_there))}
    there = {uid: board for uid, board in found.items() if board is not None}
    return [*plan_folder(grafana.folder(FOLDER_UID)), *plan_boards(there, wanted)]


def _is_in_our_folder(hit: Mapping[str, Any]) -> bool:
    return hit.get("folderUid") == FOLDER_UID and str(hit["uid"]).startswith(f"{TAG}-")


def annotation_changes(grafana: Grafana, from_ms: int, to_ms: int) -> list[Change]:
    """What a push would do to annotations that begin in a range of Unix times; nothing is written.

    Raises:
        GrafanaError: no answer, no permission to look, or the database behind the data source did not answer.
    """
    source = grafana.data_source(data_source.UID)
    if source is None:
        raise GrafanaDenied("Grafana does not show its data source to this login", advice=_LET_IT_READ)
    answers = {name: grafana.query(source, for_everyone(query, from_ms, to_ms)) for name, query in QUERIES.items()}
    found = (ours(item, from_ms, to_ms) for item in grafana.annotations(from_ms, to_ms, TAG))
    return plan_annotations([kept for kept in found if kept is not None], wanted_annotations(answers))
