"""Files of `NAME=value` lines, as Docker Compose and systemd read them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_LINE = re.compile(r"^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$")


def values_of(text: str) -> dict[str, str]:
    """The value of each name that has one; quotes around it are no part of it."""
    found = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match and (value := _unquoted(match[2])):
            found[match[1]] = value
    return found


def completed(text: str, wanted: Mapping[str, tuple[str, Callable[[], str]]]) -> str:
    """The text with a value for every name: one without a value gets it in place, one that is not there at the end.

    Args:
        text: as it is; no other line changes.
        wanted: by name, what to say above a new line (or nothing), and what makes a value.
    """
    missing = {name: entry for name, entry in wanted.items() if name not in values_of(text)}
    lines = []
    for line in text.splitlines():
        match = _LINE.match(line)
        name = match[1] if match else ""
        lines.append(f"{name}={missing.pop(name)[1]()}" if name in missing else line)
    for name, (remark, make) in missing.items():
        lines += [*([f"# {remark}"] if remark else []), f"{name}={make()}"]
    return "".join(f"{line}\n" for line in lines)


def _unquoted(value: str) -> str:
    quote = value[:1]
    return value[1:-1] if quote in {"'", '"'} and value.endswith(quote) and len(value) > 1 else value
