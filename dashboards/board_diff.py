"""What a push changes in a board, in a few lines. Pure."""

from __future__ import annotations

from typing import Any

Board = dict[str, Any]

# Grafana numbers boards and their versions itself.
_GRAFANA_S = ("id", "version")
_LONGEST_VALUE = 60


def difference(there: Board, wanted: Board) -> tuple[str, ...]:
    """What differs, one line each: panels by title, variables by name, and everything else by its key.

    What Grafana adds beside what was written to it, and what someone chose in a variable, does not count.
    """
    keys = [key for key in wanted if key not in {*_GRAFANA_S, "panels", "templating"}]
    return (
        *_parts("panel", _panels(there), _panels(wanted)),
        *_parts("variable", _variables(there), _variables(wanted)),
        *(f"~ {line}" for line in _changes({key: there.get(key) for key in keys}, {key: wanted[key] for key in keys})),
    )


def contents(board: Board) -> tuple[str, ...]:
    """What a board that is not there yet brings, one line each."""
    return _parts("panel", {}, _panels(board))


def _panels(board: Board) -> dict[str, Any]:
    """Panels by title, with those of closed rows; a title that comes again is numbered."""
    found: dict[str, Any] = {}
    for one in board.get("panels", []):
        row = {**one, "panels": len(one["panels"])} if one.get("panels") else one
        for panel in (row, *one.get("panels", [])):
            title = panel.get("title") or f"without a title ({panel.get('type')})"
            while title in found:
                title += " again"
            found[title] = panel
    return found


def _variables(board: Board) -> dict[str, Any]:
    """Variables by name, without what is chosen in them."""
    variables = board.get("templating", {}).get("list", [])
    return {one["name"]: {key: value for key, value in one.items() if key != "current"} for one in variables}


def _parts(what: str, there: dict[str, Any], wanted: dict[str, Any]) -> tuple[str, ...]:
    lines = [f"- {what} {name!r}" for name in there if name not in wanted]
    for name, part in wanted.items():
        if name not in there:
            lines.append(f"+ {what} {name!r}")
        elif there[name] != part:
            lines.append(f"~ {what} {name!r}: {', '.join(_changes(there[name], part))}")
    return tuple(lines)


def _changes(there: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    changed = [key for key in sorted(there.keys() | wanted.keys()) if there.get(key) != wanted.get(key)]
    return [f"{key}{_values(there.get(key), wanted.get(key))}" for key in changed]


def _values(was: Any, becomes: Any) -> str:
    """Both values where they are short enough to read."""
    text = f" {was!r} -> {becomes!r}"
    return text if len(text) <= _LONGEST_VALUE else ""
