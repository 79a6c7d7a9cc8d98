from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingest.errors import ConfigError
from ingest.settings import FILE_NAME, load_settings


def write(home: Path, text: str) -> Path:
    (home / FILE_NAME).write_text(text)
    return home


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.bus_url == "embedded://127.0.0.1:1883"
    assert settings.store_url == ["sqlite:///strapline.db"]
    assert settings.straps == {}


def test_command_line_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write(tmp_path, 'page_port = 1\nbus_url = "mqtt://file"\npage_host = "::1"\n')
    monkeypatch.setenv("STRAPLINE_PAGE_PORT", "2")
    monkeypatch.setenv("STRAPLINE_BUS_URL", "mqtt://environment")
    settings = load_settings(home, page_port=3, bus_url=None)
    assert (settings.page_port, settings.bus_url, settings.page_host) == (3, "mqtt://environment", "::1")


@pytest.mark.parametrize(
    ("text", "wrong", "nearest"),
    [
        ('bus_ulr = "mqtt://x"', "bus_ulr", "bus_url"),
        ('[straps.h10]\nperson = "anna"\nadress = "AA"', "straps.h10.adress", "address"),
        ("[people.anna]\nbirthyear = 1985", "people.anna.birthyear", "birth_year"),
        ("[people.anna.goals]\nruns_a_week = 4", "people.anna.goals.runs_a_week", "runs_per_week"),
        ("[[people.anna.changes]]\nsinc = 2026-06-01", "changes", "since"),
    ],
)
def test_a_misspelt_key_is_an_error_that_names_the_nearest(tmp_path: Path, text: str, wrong: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=wrong) as caught:
        load_settings(write(tmp_path, text))
    assert f"Did you mean '{nearest}'?" in caught.value.advice


def test_a_misspelt_environment_variable_is_an_error_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAPLINE_BUS_ULR", "mqtt://x")
    with pytest.raises(ConfigError, match="STRAPLINE_BUS_ULR") as caught:
        load_settings(tmp_path)
    assert "STRAPLINE_BUS_URL" in caught.value.advice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("page_port = 'x'", "page_port"),
        ("page_port = 70000", "page_port"),
        ('[straps.h10]\nperson = "a/b"', "'a/b' holds '/'"),
        ('[straps."+"]\nperson = "anna"', "strap '\\+'"),
        ('[straps.h10]\nname = "x"', "straps.h10.person"),
        ('[straps.h10]\nperson = "anna"\nname = "x"\nsimulate = 1', "one of address, name, simulate"),
        ('[people.anna]\ntime_zone = "Berlin"', "'Berlin' is no time zone"),
        ('[people."a/b"]\nsex = "male"', "'a/b' holds '/'"),
        (
            (
                "[people.anna]\nresting_heart_rate_bpm = 100\n[[people.anna.changes]]\nsince = 2026-06-01\n"
                "max_heart_rate_bpm = 110"
            ),
            "20 or more above",
        ),
        ("bus_url = ", "not TOML"),
        ('bus_url = "mqtt://anna:secret@host"', "bus_url holds a password"),
        ('store_url = "influxdb1://anna:secret@host/db"', "store_url holds a password"),
    ],
)
def test_a_bad_value_is_one_clear_error_without_any_secret(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(write(tmp_path, text))
    assert caught.value.advice
    assert "secret" not in str(caught.value) + caught.value.advice


def test_a_change_holds_from_its_day_on_and_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    text = """
    [people.anna]
    birth_year = 1985
    time_zone = "Europe/Berlin"
    goals = { runs_per_week = 3 }
    [[people.anna.changes]]
    since = 2026-08-01
    max_heart_rate_bpm = 181
    [[people.anna.changes]]
    since = 2026-06-01
    time_zone = "Asia/Tokyo"
    """
    (_, first), (_, june), (since, august) = load_settings(write(tmp_path, text)).people["anna"].facts()
    assert (first.birth_year, first.time_zone, first.max_heart_rate_bpm) == (1985, "Europe/Berlin", None)
    assert (june.time_zone, june.max_heart_rate_bpm) == ("Asia/Tokyo", None)
    assert (since, august.time_zone, august.max_heart_rate_bpm) == (date(2026, 8, 1), "Asia/Tokyo", 181)
    assert august.goals == first.goals


def test_several_stores_may_be_named_in_one_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAPLINE_STORE_URL", "sqlite:///a.db influxdb://host/bucket?org=home")
    assert load_settings(tmp_path).store_url == ["sqlite:///a.db", "influxdb://host/bucket?org=home"]


def test_a_secret_may_come_from_a_file_and_never_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("hush\n")
    monkeypatch.setenv("STRAPLINE_BUS_PASSWORD_FILE", str(tmp_path / "password"))
    settings = load_settings(tmp_path)
    assert settings.bus_address.password == "hush"
    assert "hush" not in repr(settings) + repr(settings.bus_address)


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAPLINE_STORE_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="STRAPLINE_STORE_TOKEN_FILE"):
        load_settings(tmp_path)
