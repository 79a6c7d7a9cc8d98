"""What an examination comes to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ingest.errors import StraplineError

TROUBLE = 1
"""Exit code of a process that died, hangs or loses beats, and of a machine that is about to make one do so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; `exit_code` is 0 where nothing is wrong, and then `advice` is only a hint."""

    what: str
    detail: str
    advice: str = ""
    exit_code: int = 0


def trouble_of(what: str, error: StraplineError) -> Finding:
    """The finding that an error is."""
    return Finding(what, str(error), error.advice, error.exit_code)


async def finding_of(what: str, look: Callable[[], Coroutine[Any, Any, str]]) -> Finding:
    """What a look tells, or the error that it ended in."""
    try:
        return Finding(what, await look())
    except StraplineError as error:
        return trouble_of(what, error)
