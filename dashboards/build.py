"""Writes the boards' JSON and the docs' tables, or checks that what is committed is what would be written.

python -m dashboards.build [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboards.boards import health, live_run
from dashboards.reference import filled

JSON_FOLDER = Path(__file__).parent / "json"
DOCS_FOLDER = Path(__file__).parents[1] / "docs"

_BOARDS = (live_run.board, health.board)


def build() -> dict[str, str]:
    """File name -> JSON text of every board."""
    return {f"{uid}.json": text for uid, text in (board() for board in _BOARDS)}


def write(folder: Path = JSON_FOLDER) -> list[str]:
    """Write every board into a folder, and remove JSON files that are no board; the names that changed."""
    changed = differences(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = build()
    for name in changed:
        if name in files:
            (folder / name).write_text(files[name], encoding="utf-8")
        else:
            (folder / name).unlink()
    return changed


def differences(folder: Path = JSON_FOLDER) -> list[str]:
    """The names of files in a folder that are not what `build` gives: changed, missing or left over; sorted."""
    files = build()
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in files.keys() | present.keys() if files.get(name) != present.get(name))


def stale_pages(folder: Path = DOCS_FOLDER) -> dict[Path, str]:
    """The pages whose tables are not what the code says, and how they should read."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    return {path: filled(text) for path, text in pages.items() if filled(text) != text}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when all is written, or when the check finds nothing to write; 1 when it does."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description="Build boards and docs' tables.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not what is built")
    check = parser.parse_args(arguments).check
    pages = stale_pages()
    if not check:
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
    boards = differences() if check else write()
    for name in [f"dashboards/json/{board}" for board in boards] + [f"docs/{path.name}" for path in pages]:
        sys.stdout.write(f"{'differs' if check else 'written'}: {name}\n")
    return 1 if check and (boards or pages) else 0


if __name__ == "__main__":
    sys.exit(main())
