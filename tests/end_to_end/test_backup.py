"""`strapline backup` and `restore`, as a user types them."""

from __future__ import annotations

import gzip
import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from zipfile import ZipFile

import pytest

from ingest.backup import without_secrets
from ingest.errors import ConfigError
from ingest.spool_file import SpoolFile
from pipeline.journal import FILE_NAME, Journal
from tests.end_to_end.command import running, strapline
from tests.fixtures.mosquitto import Mosquitto
from tests.support import DATA, wait_until

EARLIER = DATA / "earlier_files" / "412e243"
PLANTED = "a-planted-secret"
SETTINGS = f'bus_username = "runner"\nbus_password = "{PLANTED}"\n[straps.h10]\nperson = "anna"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    for packed in EARLIER.glob("*.gz"):
        (folder / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    (folder / "strapline.toml").write_text(SETTINGS)
    return folder


def content(home: Path) -> dict[str, list[str]]:
    """All rows of all databases of a data directory."""
    found = {}
    for file in sorted(home.glob("*.db")):
        with closing(sqlite3.connect(file)) as connection:
            found[file.name] = list(connection.iterdump())
    return found


def beats(home: Path) -> int:
    with closing(Journal.open_to_read(home / FILE_NAME)) as journal:
        return sum(len(batch.beats) for stream in journal.streams() for batch in journal.batches(stream))


def test_a_backup_brings_back_every_row_and_the_settings_without_their_secrets(home: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "backup.zip", tmp_path / "new"
    made = strapline(home, "backup", str(file))
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with ZipFile(file) as archive:
        assert PLANTED.encode() not in b"".join(archive.read(name) for name in archive.namelist())
    restored = strapline(new, "restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert content(new) == content(home)
    assert (new / "strapline.toml").read_text() == SETTINGS.replace(
        f'bus_password = "{PLANTED}"', "# bus_password: left out of the backup"
    )
    again = strapline(home, "backup", str(file))
    assert again.returncode == 3
    assert "is there already" in again.stderr

    strapline(home, "backup", str(tmp_path / "with.zip"), "--with-secrets")
    with ZipFile(tmp_path / "with.zip") as archive:
        assert PLANTED in archive.read("strapline.toml").decode()


def test_data_that_is_there_is_never_overwritten(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.zip"
    strapline(home, "backup", str(file))
    before = content(home)
    refused = strapline(home, "restore", str(file))
    assert refused.returncode == 3
    assert "journal.db" in refused.stderr
    assert content(home) == before


@pytest.mark.parametrize("damage", ["cut", "changed", "outside"])
def test_a_backup_that_is_damaged_or_forged_leaves_the_directory_empty(home: Path, tmp_path: Path, damage: str) -> None:
    file, bad, new = tmp_path / "backup.zip", tmp_path / "bad.zip", tmp_path / "new"
    strapline(home, "backup", str(file))
    if damage == "cut":
        bad.write_bytes(file.read_bytes()[:-200])
    else:
        with ZipFile(file) as archive, ZipFile(bad, "w") as forged:
            for name in archive.namelist():
                read = archive.read(name)
                if damage == "changed" and name == "journal.db":
                    read = read[:-1] + b"x"
                if damage == "outside" and name == "backup.json":
                    told = json.loads(read)
                    told["files"][0]["name"] = "../outside.db"
                    read = json.dumps(told).encode()
                forged.writestr(name, read)
    refused = strapline(new, "restore", str(bad))
    assert refused.returncode in {3, 6}
    assert "Take another backup" in refused.stderr
    assert not new.exists() or not list(new.iterdir())
    assert not (tmp_path / "outside.db").exists()


@pytest.mark.mosquitto
def test_a_backup_while_everything_runs_holds_all_but_what_a_collector_keeps_for_itself(
    home: Path, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    settings = {"BUS_URL": mosquitto.address().url, "BUS_PASSWORD": "secret"}
    file, new = tmp_path / "backup.zip", tmp_path / "new"
    with running(home, "process", **settings), closing(SpoolFile(home / "spool.db")):
        wait_until((home / "pipeline.lock-wal").exists, "the pipeline runs")
        made = strapline(home, "backup", str(file), **settings)
    assert made.returncode == 0, made.stderr
    assert "left out: spool.db" in made.stderr
    assert strapline(new, "restore", str(file)).returncode == 0
    assert beats(new) == beats(home) == 149


def test_a_secret_that_can_not_be_taken_out_safely_is_an_error() -> None:
    with pytest.raises(ConfigError, match="bus_password"):
        without_secrets('"bus_password" = "x"\n')
    with pytest.raises(ConfigError, match="without its secrets"):
        without_secrets('bus_password = """\nx"""\n')
    assert PLANTED not in without_secrets(SETTINGS)
