"""RR recordings as text: one interval in ms a line, or time and interval in two columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path

from ingest.errors import RecordingError
from ingest.model import MS_PER_TICK, ticks_to_ns

DEMO_RECORDING = "ramp_polar_08012805"

_MAX_TICKS = 0xFFFF
_LONGEST_IN_S = 10.0  # no file in ms has only intervals below 10 ms, none in s has one above 10 s by rights


@dataclass(frozen=True, slots=True)
class Recording:
    """RR intervals of one strap, as it would have sent them."""

    name: str
    rr_ticks: tuple[int, ...]  # 1/1024 s, oldest first

    @property
    def duration_ns(self) -> int:
        """Time from the start of the first interval to the end of the last."""
        return ticks_to_ns(sum(self.rr_ticks))

    def stream(self, start_ns: int) -> str:
        """An id that is the same for the same beats played from the same start, so a repeat is known as one."""
        digest = sha256(repr((self.rr_ticks, start_ns)).encode()).hexdigest()
        return f"replay-{digest[:16]}"


def read_rr_ms(path: Path) -> tuple[float, ...]:
    """The RR intervals of a text file in ms, oldest first, exactly as they stand there; at least one.

    Args:
        path: one interval in ms a line, or several columns (separated by space, comma, semicolon or tab) of which
            the last is the interval; a heading line, blank lines and lines starting with `#` are passed over.

    Raises:
        RecordingError: no such file, a line that is no number above 0, intervals in seconds.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        message = f"can't read the recording {path}: {error.strerror or error}"
        raise RecordingError(message, advice="Check the path.") from error
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path} is not a text file", advice=_ADVICE) from error
    rr_ms: list[float] = []
    for number, line in enumerate(lines, start=1):
        columns = line.replace(",", " ").replace(";", " ").split()
        if not columns or line.startswith("#"):
            continue
        if not rr_ms and _is_heading(columns[-1]):
            continue
        rr_ms.append(_interval_ms(columns[-1], f"{path.name}, line {number}"))
    if not rr_ms:
        raise RecordingError(f"{path} holds no RR intervals", advice=_ADVICE)
    if max(rr_ms) < _LONGEST_IN_S:
        raise RecordingError(f"{path} seems to hold intervals in seconds", advice=f"Multiply them by 1000. {_ADVICE}")
    return tuple(rr_ms)


def read_recording(path: Path) -> Recording:
    """The recording in a text file (see `read_rr_ms`), on the grid of 1/1024 s that a strap sends.

    Raises:
        RecordingError: as `read_rr_ms`; an interval that no strap can send.
    """
    rr_ticks = tuple(round(rr_ms / MS_PER_TICK) for rr_ms in read_rr_ms(path))
    for ticks in rr_ticks:
        if not 1 <= ticks <= _MAX_TICKS:
            message = f"{path.name}: no strap sends an RR interval of {ticks * MS_PER_TICK:g} ms"
            raise RecordingError(message, advice=_ADVICE)
    return Recording(path.stem, rr_ticks)


def demo_recording() -> Recording:
    """The graded exercise test that comes with Strapline (68 to 192 bpm, 21 min; source beside the file)."""
    with as_file(files("ingest") / "recordings" / DEMO_RECORDING / "rr.csv") as path:
        return Recording(DEMO_RECORDING, read_recording(path).rr_ticks)


_ADVICE = "A recording is a text file with one RR interval in ms a line, or with time and interval in two columns."


def _is_heading(text: str) -> bool:
    return any(character.isalpha() for character in text) and text.lower() not in {"nan", "inf"}


def _interval_ms(text: str, where: str) -> float:
    try:
        rr_ms = float(text)
    except ValueError as error:
        raise RecordingError(f"{where}: {text!r} is no RR interval", advice=_ADVICE) from error
    if not 0 < rr_ms < math.inf:
        raise RecordingError(f"{where}: {text!r} is no RR interval", advice=_ADVICE)
    return rr_ms
