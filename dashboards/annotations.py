"""Sessions, notes and strap losses as Grafana's annotations, kept in step with what is stored. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from dashboards.influxql import Query, notes, sessions, strap_losses

_PREFIX = "strapline:"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation of the organisation, on no board of its own."""

    start_ms: int  # Unix time
    end_ms: int  # the same as the start for a moment
    text: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """An annotation that Grafana keeps, and its number there."""

    number: int
    annotation: Annotation


def wanted_annotations(answers: Mapping[str, Iterable[Row]]) -> list[Annotation]:
    """What Grafana should show.

    Args:
        answers: name of a query of `QUERIES` -> the rows of its answer by column, with `time` in ms.
    """
    return [_MAKE[name](row) for name, rows in answers.items() for row in rows]


def ours(item: Mapping[str, Any], from_ms: int, to_ms: int) -> Kept | None:
    """An annotation as Grafana tells it, if it is one of ours that begins in a range of Unix times."""
    tags = tuple(item.get("tags") or ())
    is_ours = any(tag.startswith(_PREFIX) for tag in tags) and not item.get("dashboardId")
    if not is_ours or not from_ms <= item["time"] <= to_ms:
        return None
    end_ms = item.get("timeEnd") or item["time"]
    return Kept(item["id"], Annotation(item["time"], end_ms, item["text"], tags))


def is_about(annotation: Annotation, person: str) -> bool:
    """Whether one of our annotations bears a person's tag."""
    return _as_grafana_keeps_it(person) in annotation.tags


@dataclass(frozen=True, slots=True)
class Steps:
    """What brings Grafana in step."""

    missing: tuple[Annotation, ...]
    changed: tuple[tuple[Kept, Annotation], ...]  # what is there, and what it becomes
    vanished: tuple[Kept, ...]


def steps(there: Iterable[Kept], wanted: Iterable[Annotation]) -> Steps:
    """What is missing, changed and vanished; of two annotations that are alike one is too many."""
    left = set(there)
    same, missing = _paired(left, wanted, lambda annotation: annotation)
    left -= {kept for kept, _ in same}
    changed, missing = _paired(left, missing, lambda annotation: (annotation.start_ms, annotation.tags))
    left -= {kept for kept, _ in changed}
    return Steps(tuple(missing), tuple(changed), tuple(left))


def _paired(
    there: Iterable[Kept], wanted: Iterable[Annotation], key: Callable[[Annotation], Hashable]
) -> tuple[list[tuple[Kept, Annotation]], list[Annotation]]:
    """Those of equal key, each at most once, and the wanted ones that are left."""
    free = defaultdict(list)
    for kept in there:
        free[key(kept.annotation)].append(kept)
    pairs, alone = [], []
    for annotation in wanted:
        matches = free[key(annotation)]
        if matches:
            pairs.append((matches.pop(), annotation))
        else:
            alone.append(annotation)
    return pairs, alone


def _session(row: Row) -> Annotation:
    words = [f"{row['kind']}, {row['minutes']:.0f} min" if row.get("minutes") is not None else row["kind"]]
    words += [row[field] for field in ("place", "text") if row.get(field)]
    end_ms = max(row["time"], row.get("end_ms") or row["time"])
    return Annotation(row["time"], end_ms, ", ".join(words), _tags(row["kind"], row["person"]))


def _note(row: Row) -> Annotation:
    return Annotation(row["time"], row["time"], row["text"] or "note", _tags("note", row["person"]))


def _strap_loss(row: Row) -> Annotation:
    text = f"{row['strap']}: {row['reason'] or 'not connected'}"
    return Annotation(row["time"], row["time"], text, _tags("strap-loss", row["person"]))


QUERIES: Mapping[str, Query] = MappingProxyType(
    {"sessions": sessions(), "notes": notes(), "strap losses": strap_losses()}
)
_MAKE: Mapping[str, Callable[[Row], Annotation]] = MappingProxyType(
    {"sessions": _session, "notes": _note, "strap losses": _strap_loss}
)


def _tags(kind: str, person: str) -> tuple[str, ...]:
    # Grafana takes `strapline:run` for the tag `strapline` with the value `run`, and finds it by `strapline` too; a tag
    # `strapline` beside it would be counted as a second find, and a board that asks for `strapline` would show neither.
    return f"{_PREFIX}{kind}", _as_grafana_keeps_it(person)


def _as_grafana_keeps_it(tag: str) -> str:
    """A tag is a key and a value around a colon to Grafana, which forgets what comes after a second one."""
    return ":".join(part for part in (part.strip(" ") for part in tag.split(":")[:2]) if part)
