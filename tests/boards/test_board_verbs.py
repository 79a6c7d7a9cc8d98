"""`strapline boards build` and `check`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from dashboards import build
from dashboards.board_verbs import register
from ingest.errors import ConfigError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree of this test's own."""
    shutil.copytree(build.JSON_FOLDER, tmp_path / "dashboards" / "json")
    shutil.copytree(build.DOCS_FOLDER, tmp_path / "docs", ignore=shutil.ignore_patterns("img"))
    (tmp_path / "pyproject.toml").touch()
    for name, path in {"ROOT": "", "JSON_FOLDER": "dashboards/json", "DOCS_FOLDER": "docs"}.items():
        monkeypatch.setattr(build, name, tmp_path / path)
    return tmp_path


def _strapline(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    register(app)
    done = CliRunner().invoke(app, ["boards", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_check_names_each_file_that_differs_and_the_build_mends_it(tree: Path) -> None:
    board, page = tree / "dashboards/json/strapline-health.json", tree / "docs/configuration.md"
    as_built = board.read_text(), page.read_text()
    board.write_text("{}")
    page.write_text(as_built[1].replace("| `bus_url` |", "| `bus_uri` |"))
    names = ("dashboards/json/strapline-health.json", "docs/configuration.md")

    assert _strapline("check") == (1, "".join(f"differs: {name}\n" for name in names))
    assert _strapline("build") == (0, "".join(f"written: {name}\n" for name in names))
    assert (board.read_text(), page.read_text()) == as_built
    assert _strapline("check") == (0, "")


@pytest.mark.parametrize("verb", ["build", "check"])
def test_an_installed_package_says_that_boards_are_built_in_the_source_tree(tree: Path, verb: str) -> None:
    (tree / "pyproject.toml").unlink()

    with pytest.raises(ConfigError, match="installed package"):
        _strapline(verb)
