"""How right the numbers are, beside those of the libraries people use: python -m tests.bench.accuracy [--data DIR].

Prints Markdown tables. Without --data it uses the recordings of this repository alone; docs/accuracy.md says which
others there are and where they come from.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from tests.bench.breathing import print_respiration
from tests.bench.corrections import print_corrections
from tests.bench.peers import DISTRIBUTIONS, absent, installed
from tests.bench.table import console, describe, keep
from tests.bench.values import print_values

PARTS = ("values", "artifacts", "respiration")


def main() -> None:
    """Print the tables of the parts asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.accuracy")
    parser.add_argument("--data", type=Path, help="folder of recordings that are not in this repository")
    parser.add_argument("--part", choices=PARTS, help="one part alone")
    parser.add_argument("--seeds", type=int, default=5, help="series with artifacts for each case")
    parser.add_argument("--hearts", type=int, default=200, help="simulated hearts for each breathing rate")
    parser.add_argument("--without-peers", action="store_true", help="our own figures only")
    parser.add_argument("--into", type=Path, help="page whose measured tables are replaced: docs/accuracy.md")
    chosen = parser.parse_args()
    peers = [] if chosen.without_peers else installed()
    to = console()
    printers: dict[str, Callable[[], None]] = {
        "values": lambda: print_values(to, peers, chosen.data),
        "artifacts": lambda: print_corrections(to, peers, chosen.data, chosen.seeds),
        "respiration": lambda: print_respiration(to, chosen.hearts),
    }
    for part in PARTS if chosen.part is None else (chosen.part,):
        to.print(describe("numpy", "scipy", *(DISTRIBUTIONS.values() if peers else ())))
        if not chosen.without_peers and absent():
            to.print(f"not installed: {', '.join(absent())}")
        printers[part]()
        keep(to, chosen.into, part)


if __name__ == "__main__":
    main()
