"""Writes boards, alert rules and the docs' tables, or says which committed files are not what it would write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dashboards.alert_rules import RULES
from dashboards.alerts import provisioning
from dashboards.boards import group_run, health, home, live_run, morning, stress, training
from dashboards.reference import filled
from ingest.errors import ConfigError

ROOT = Path(__file__).parents[1]
JSON_FOLDER = ROOT / "dashboards" / "json"
DOCS_FOLDER = ROOT / "docs"
ALERTS_FILE = ROOT / "deploy" / "grafana" / "provisioning" / "alerting" / "strapline.json"

_BOARDS = (home.board, live_run.board, group_run.board, morning.board, stress.board, training.board, health.board)


def build() -> dict[str, str]:
    """File name -> JSON text of every board."""
    return {f"{uid}.json": text for uid, text in (board() for board in _BOARDS)}


def write(folder: Path) -> list[str]:
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


def differences(folder: Path) -> list[str]:
    """The names of files in a folder that are not what `build` gives: changed, missing or left over; sorted."""
    files = build()
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in files.keys() | present.keys() if files.get(name) != present.get(name))


def stale_pages(folder: Path) -> dict[Path, str]:
    """The pages whose tables are not what the code says, and how they should read."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    return {path: filled(text) for path, text in pages.items() if filled(text) != text}


def stale_alerts(path: Path) -> dict[Path, str]:
    """The file of the alert rules and how it should read, if it is missing or reads otherwise."""
    text = provisioning(RULES)
    return {} if path.exists() and path.read_text(encoding="utf-8") == text else {path: text}


def write_all() -> list[str]:
    """Write the boards, the alert rules and the docs' tables of this source tree; the names of the files that changed.

    Raises:
        ConfigError: this is an installed package, which has no docs.
    """
    _require_source_tree()
    files = _stale_files()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return _names(write(JSON_FOLDER), files)


def all_differences() -> list[str]:
    """The names of this source tree's files that are not what `write_all` would leave.

    Raises:
        ConfigError: this is an installed package, which has no docs.
    """
    _require_source_tree()
    return _names(differences(JSON_FOLDER), _stale_files())


def _stale_files() -> dict[Path, str]:
    return stale_pages(DOCS_FOLDER) | stale_alerts(ALERTS_FILE)


def _names(boards: Iterable[str], files: Iterable[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in (*(JSON_FOLDER / name for name in boards), *files)]


def _require_source_tree() -> None:
    # An installed package has neighbours of other projects, and one of them may well be called docs.
    if not (ROOT / "pyproject.toml").is_file() or not DOCS_FOLDER.is_dir():
        message = "boards are built in the source tree, and this is an installed package"
        raise ConfigError(
            message, advice="Run it in a clone of the repository, installed with pip install -e '.[boards]'."
        )
