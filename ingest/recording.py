"""RR recordings as text: one interval in ms a line, or time and interval in two columns."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path

from ingest.errors import RecordingError
from ingest.model import MS_PER_TICK, ticks_to_ns

DEMO_RECORDING = "ramp_polar_08012805"

_MAX_TICKS = 0xFFFF


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


def read_recording(path: Path) -> Recording:
    """The recording in a text file.

    Args:
        path: one interval in ms a line, or several columns (separated by space, comma, semicolon or tab) of which
            the last is the interval; a heading line, blank lines and lines starting with `#` are passed over.

    Raises:
        RecordingError: no such file, a line that is no number, an interval that no strap can send.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        message = f"can't read the recording {path}: {error.strerror or error}"
        raise RecordingError(message, advice="Check the path.") from error
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path} is not a text file", advice=_ADVICE) from error
    rr_ticks: list[int] = []
    for number, line in enumerate(lines, start=1):
        columns = line.replace(",", " ").replace(";", " ").split()
        if not columns or line.startswith("#"):
            continue
        if not rr_ticks and _is_heading(columns[-1]):
            continue
        rr_ticks.append(_ticks(columns[-1], f"{path.name}, line {number}"))
    if not rr_ticks:
        raise RecordingError(f"{path} holds no RR intervals", advice=_ADVICE)
    return Recording(path.stem, tuple(rr_ticks))


def demo_recording() -> Recording:
    """The graded exercise test that comes with Strapline (68 to 192 bpm, 21 min; source beside the file)."""
    with as_file(files("ingest") / "recordings" / DEMO_RECORDING / "rr.csv") as path:
        return Recording(DEMO_RECORDING, read_recording(path).rr_ticks)


_ADVICE = "A recording is a text file with one RR interval in ms a line, or with time and interval in two columns."


def _is_heading(text: str) -> bool:
    return any(character.isalpha() for character in text) and text.lower() not in {"nan", "inf"}


def _ticks(text: str, where: str) -> int:
    try:
        ticks = round(float(text) / MS_PER_TICK)
    except (ValueError, OverflowError) as error:
        raise RecordingError(f"{where}: {text!r} is no RR interval", advice=_ADVICE) from error
    if not 1 <= ticks <= _MAX_TICKS:
        raise RecordingError(f"{where}: no strap sends an RR interval of {text} ms", advice=_ADVICE)
    return ticks
