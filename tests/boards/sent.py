"""The queries of the boards, and how Grafana sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from dashboards.build import JSON_FOLDER
from tests.boards.panels import every_panel

QUARTER_HOUR_MS, HALF_YEAR_MS = 15 * 60_000, 26 * 7 * 86_400_000


class BoardQuery(NamedTuple):
    """One query and where it stands."""

    board: str
    panel: str
    ref: str
    text: str


def boards() -> list[dict[str, Any]]:
    """Every board as it is committed."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(JSON_FOLDER.glob("*.json"))]


def queries() -> Iterator[BoardQuery]:
    """Every query of every panel, and those of the annotations, which are the same on all boards."""
    for board in boards():
        for panel in every_panel(board):
            for target in panel.get("targets", []):
                yield BoardQuery(board["uid"], panel["title"], f"{panel['id']}{target['refId']}", target["query"])
    for annotation in boards()[0]["annotations"]["list"]:
        yield BoardQuery("every board", annotation["name"], "", annotation["target"]["query"])


def regex(people: tuple[str, ...]) -> str:
    """What Grafana's "regex" format makes of the chosen people."""
    escaped = [re.sub(r"[\\^$*+?.()|\[\]{}/]", r"\\\g<0>", person) for person in people]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def as_sent(query: str, people: tuple[str, ...], *, end_ms: int, range_ms: int = QUARTER_HOUR_MS) -> str:
    """The query with Grafana's macros and variables replaced."""
    values = {
        "$timeFilter": f"time >= {end_ms - range_ms}ms and time <= {end_ms}ms",
        "$__interval": "5s" if range_ms <= QUARTER_HOUR_MS else "4h",
        "${__to}": str(end_ms),
        "${person:regex}": regex(people),
    }
    for name, value in values.items():
        query = query.replace(name, value)
    assert "$" not in query.replace("$/", ""), f"a macro or variable that is not known: {query}"
    return query
