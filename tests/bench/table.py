"""What all benchmarks share: clocks, the machine's description, and tables that can be pasted into the docs."""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

_WIDTH = 240
"""Characters: no table breaks its lines, so that Markdown stays Markdown."""


@dataclass(frozen=True, slots=True)
class Duration:
    """How long some work takes, s."""

    median_s: float
    best_s: float


def timed(work: Callable[[], object], repeats: int) -> float:
    """The median of the seconds that some work takes."""
    return durations([work], repeats)[0].median_s


def durations(works: Sequence[Callable[[], object]], repeats: int, calls: int = 1) -> list[Duration]:
    """How long each work takes, s a call.

    The works take turns, so that what else the machine does meets all of them alike.

    Args:
        works: what is timed; each is called once before the clock starts.
        repeats: rounds, of which the median and the best are taken.
        calls: calls of each work in a round.
    """
    for work in works:
        work()
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for spent_s, work in zip(seconds, works, strict=True):
            began_s = time.perf_counter()
            for _ in range(calls):
                work()
            spent_s.append((time.perf_counter() - began_s) / calls)
    return [Duration(statistics.median(spent_s), min(spent_s)) for spent_s in seconds]


def describe(*distributions: str) -> str:
    """One line: date, processor, cores, load, Python and the versions of installed distributions."""
    versions = [f"{name} {found}" for name in distributions if (found := installed_version(name))]
    one_minute, _, _ = os.getloadavg()
    return ", ".join(
        (
            f"{datetime.now(UTC):%Y-%m-%d}",
            f"{_processor()}, {os.cpu_count()} cores, load {one_minute:.1f}",
            f"Python {platform.python_version()}",
            *versions,
        )
    )


def installed_version(distribution: str) -> str | None:
    """The version of a distribution, None if it isn't installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def console() -> Console:
    """A console wide enough for any table, which remembers what it prints."""
    return Console(width=_WIDTH, highlight=False, markup=False, record=True)


def keep(printed: Console, page: Path | None, name: str) -> None:
    """Put what was printed since the last call into a page, between `<!-- measured: name -->` and `<!-- end -->`."""
    text = "\n".join(line.rstrip() for line in printed.export_text().splitlines())
    if page is None:
        return
    before, opening, rest = page.read_text(encoding="utf-8").partition(f"<!-- measured: {name} -->\n")
    _, closing, after = rest.partition("<!-- end -->")
    if not opening or not closing:
        raise ValueError(f"{page} has no place for {name}")
    tables = re.sub(r"\n{3,}", "\n\n", text).strip()
    page.write_text(f"{before}{opening}\n{tables}\n\n{closing}{after}", encoding="utf-8")


def show(to: Console, title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a heading and a table, both in Markdown."""
    table = Table(*headings, box=box.MARKDOWN)
    for row in rows:
        table.add_row(*row)
    to.print(f"\n**{title}**")
    to.print(table)


def verdict(holds: bool) -> str:
    """How a figure stands to its target."""
    return "PASS" if holds else "miss"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
