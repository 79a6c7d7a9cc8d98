"""The boards' uids and tag, and where a click on one leads. Pure."""

from __future__ import annotations

HOME = "strapline-home"
LIVE_RUN = "strapline-live-run"
GROUP_RUN = "strapline-group"
MORNING = "strapline-morning"
STRESS = "strapline-stress"
TRAINING = "strapline-training"
HEALTH = "strapline-health"
TAG = "strapline"
"""What all of them bear, and nobody else's."""

_KEPT = "${ds:queryparam}"


def at_range(board_uid: str, from_column: str, to_column: str) -> str:
    """To a board at the time range of a table's row, with the row's person.

    Args:
        board_uid: where to.
        from_column: column of the row with the Unix time of the start, in ms.
        to_column: likewise, of the end.
    """
    start, end = (f"${{__data.fields.{column}.numeric}}" for column in (from_column, to_column))
    return f"/d/{board_uid}?from={start}&to={end}&{_KEPT}&var-person=${{__data.fields.person:percentencode}}"


def with_person(board_uid: str) -> str:
    """To a board as it opens, with the row's person."""
    return f"/d/{board_uid}?{_KEPT}&var-person=${{__data.fields.person:percentencode}}"
