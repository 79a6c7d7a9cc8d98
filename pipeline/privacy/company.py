"""Who ran together, as the stores have it: names in one text. Pure."""

from __future__ import annotations

_BETWEEN = ", "


def is_among(person: str, together: str) -> bool:
    """Whether a person is one of those that a text names."""
    return f"{_BETWEEN}{person}{_BETWEEN}" in f"{_BETWEEN}{together}{_BETWEEN}"


def without(person: str, together: str) -> str:
    """The text without a person."""
    bare = f"{_BETWEEN}{together}{_BETWEEN}".replace(f"{_BETWEEN}{person}{_BETWEEN}", _BETWEEN)
    return bare.removeprefix(_BETWEEN).removesuffix(_BETWEEN)
