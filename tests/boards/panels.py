"""Where the panels of a board are."""

from __future__ import annotations

from typing import Any


def every_panel(board: Any) -> list[Any]:
    """All panels, in order, with those of closed rows and without the rows themselves."""
    return [panel for one in board["panels"] for panel in (one["panels"] if one["type"] == "row" else [one])]
