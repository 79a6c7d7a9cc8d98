"""Who says what a setting is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.setting_sources import setting_sources
from ingest.settings import FILE_NAME, load_settings, read_file

_TOML = """
page_port = 1
page_host = "::1"
bus_password = "from the file"
[straps.h10]
person = "anna"
address = "AA"
[people.anna.goals]
runs_per_week = 4
"""


def shown(home: Path) -> dict[str, tuple[str, str]]:
    file = home / FILE_NAME
    found = setting_sources(load_settings(home), os.environ, read_file(file), file)
    return {one.name: (one.shown, one.source.replace(str(file), "FILE")) for one in found}


def test_each_value_names_the_source_that_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_text(_TOML)
    (tmp_path / "token").write_text("from a file of its own")
    monkeypatch.setenv("STRAPLINE_PAGE_PORT", "2")
    monkeypatch.setenv("STRAPLINE_STORE_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("STRAPLINE_PAGE_PASSWORD", "goes before the next")
    monkeypatch.setenv("STRAPLINE_PAGE_PASSWORD_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("STRAPLINE_STRAPS__H10__ADDRESS", "BB")
    found = shown(tmp_path)
    assert found["page_port"] == ("2", "environment STRAPLINE_PAGE_PORT")
    assert found["page_host"] == ("::1", "file FILE")
    assert found["metrics_port"] == ("not set", "default")
    assert found["store_url"] == ("sqlite:///strapline.db", "default")
    assert found["straps.h10.person"] == ("anna", "file FILE")
    assert found["straps.h10.address"] == ("BB", "environment STRAPLINE_STRAPS__H10__ADDRESS")
    assert found["people.anna.goals.runs_per_week"] == ("4.0", "file FILE")
    assert found["store_token"] == ("set", "environment STRAPLINE_STORE_TOKEN_FILE")
    assert found["page_password"] == ("set", "environment STRAPLINE_PAGE_PASSWORD")


def test_of_a_secret_only_whether_it_is_set_is_shown(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text(_TOML)
    found = shown(tmp_path)
    assert found["bus_password"] == ("set", "file FILE")
    assert found["page_password"] == ("not set", "default")
    assert "from the file" not in str(found)
