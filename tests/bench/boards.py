"""How long the boards' queries take on a database of months: python -m tests.bench.boards URL [--into PAGE]."""

from __future__ import annotations

import argparse
import json
import statistics
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.table import console, describe, keep, show
from tests.boards.sent import HALF_YEAR_MS, QUARTER_HOUR_MS, BoardQuery, as_sent, queries

_SLOWEST = 8
_DEADLINE_S = 300
_RANGES = (("15 min", QUARTER_HOUR_MS), ("26 weeks", HALF_YEAR_MS))


class Answer(NamedTuple):
    """What one query took, and gave."""

    query: BoardQuery
    seconds: float
    rows: int


class Database(NamedTuple):
    """An InfluxDB 1.x."""

    url: str  # http://host:port
    name: str

    def ask(self, influxql: str) -> list[dict[str, Any]]:
        """The series of the answer; an error of the server ends the benchmark."""
        parameters = urllib.parse.urlencode({"db": self.name, "q": influxql, "epoch": "ms"})
        with urllib.request.urlopen(f"{self.url}/query?{parameters}", timeout=_DEADLINE_S) as response:
            (result,) = json.load(response)["results"]
        assert "error" not in result, f"{influxql}: {result['error']}"
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def people(self) -> tuple[str, ...]:
        """Everyone with days."""
        (series,) = self.ask('SHOW TAG VALUES FROM "day" WITH KEY = "person"')
        return tuple(name for _, name in series["values"])

    def end_ms(self) -> int:
        """The time of the newest beat."""
        ((time_ms, _),) = self.ask('SELECT last("rr_ms") FROM "beat"')[0]["values"]
        return int(time_ms)


def answers(database: Database, range_ms: int) -> list[Answer]:
    """Every query once, for everyone together."""
    people, end_ms = database.people(), database.end_ms()
    found = []
    for query in queries():
        text = as_sent(query.text, people, end_ms=end_ms, range_ms=range_ms)
        began_s = time.perf_counter()
        series = database.ask(text)
        found.append(Answer(query, time.perf_counter() - began_s, sum(len(one["values"]) for one in series)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.boards")
    parser.add_argument("url", help="http://host:port/database of an InfluxDB 1.x that holds months of several people")
    parser.add_argument("--into", type=Path, help="page whose measured table is replaced: docs/performance.md")
    chosen = parser.parse_args()
    server, _, name = chosen.url.rpartition("/")
    database = Database(server, name)
    beats = sum(one["values"][0][1] for one in database.ask('SELECT count("rr_ms") FROM "beat"'))
    to = console()
    to.print(f"{describe()}, InfluxDB 1.x, {len(database.people())} people, {beats:,} beats")
    for range_name, range_ms in _RANGES:
        found = sorted(answers(database, range_ms), key=lambda answer: -answer.seconds)
        median_s = statistics.median(answer.seconds for answer in found)
        title = f"{len(found)} queries over {range_name} of everyone, the median {1000 * median_s:.0f} ms; the slowest"
        rows = [
            [answer.query.board, answer.query.panel, f"{answer.seconds:.2f}", f"{answer.rows:,}"]
            for answer in found[:_SLOWEST]
        ]
        show(to, title, ["board", "panel", "s", "rows"], rows)
    keep(to, chosen.into, "boards")


if __name__ == "__main__":
    main()
