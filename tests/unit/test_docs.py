"""The docs say what the code does, and lead somewhere."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from dashboards.build import DOCS_FOLDER, stale_pages
from ingest.cli import VERBS_GROUP

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")])


def verbs() -> dict[str, str]:
    """Every verb and its help."""
    app = typer.Typer()
    for entry_point in entry_points(group=VERBS_GROUP):
        entry_point.load()(app)
    commands: dict[str, object] = getattr(get_command(app), "commands")  # noqa: B009 - click's group, untyped
    return {name: str(getattr(command, "help", "")) for name, command in commands.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_relative_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_every_verb_has_help_with_an_example_and_a_line_in_the_docs() -> None:
    start = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `strapline (\w+)` \|", start, re.MULTILINE))
    assert documented == verbs().keys()
    examples = {
        name for name, text in verbs().items() if re.search(rf"Example: .*strapline {name}|&& strapline {name}", text)
    }
    assert examples == verbs().keys()


def test_the_tables_of_the_docs_are_those_of_the_code() -> None:
    assert stale_pages(DOCS_FOLDER) == {}
