"""A data directory in one file, made while processes run, and back again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from ingest.database import Database
from ingest.errors import ConfigError, StoreBusy, StoreDamaged
from ingest.settings import FILE_NAME, SECRETS

_MANIFEST = "backup.json"
_FORMAT = 1
_SQLITE = "sqlite:///"
_SECRET_LINE = re.compile(rf"^\s*({'|'.join(SECRETS)})\s*=.*$", re.MULTILINE)
_BUSY_TIMEOUT_S = 1.0
_ANOTHER = "Take another backup; nothing was changed."
_SECRETS_ELSEWHERE = "Write each secret on one line, or into the environment; or give --with-secrets."


@dataclass(frozen=True, slots=True)
class Saved:
    """One file of a backup."""

    name: str
    sha256: str
    came_from: str  # its path, where that was outside the data directory; else empty


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, and what had to be left out, each with the reason."""

    files: tuple[Saved, ...]
    left_out: tuple[str, ...]


def back_up(home: Path, store_urls: Iterable[str], file: Path, *, release: str, with_secrets: bool) -> Backup:
    """Write spool, journal, SQLite stores and settings of a data directory into a file that only this user may read.

    Each database is as it was at one moment. A spool that a collector holds is left out: what is in it is on its way to
    the pipeline anyway.

    Args:
        home: the data directory.
        store_urls: those of the settings; what is no file is the business of its server.
        file: is created; one that is there stays.
        release: of Strapline, for whoever wonders.
        with_secrets: keep the passwords and tokens that stand in the settings file.

    Raises:
        ConfigError: the file is there already, or can't be written; or there is nothing to save.
        StoreError: a database can't be read.
    """
    databases, settings = _databases(home, store_urls), home / FILE_NAME
    if not databases and not settings.exists():
        raise ConfigError(
            f"there is nothing in {home}", advice="Name the data directory with --home or STRAPLINE_HOME."
        )
    saved: list[Saved] = []
    left_out: list[str] = []
    with _created(file) as archive, tempfile.TemporaryDirectory(dir=file.absolute().parent) as folder:
        for path in databases:
            copy = Path(folder) / path.name
            try:
                with closing(Database(path, busy_timeout_s=_BUSY_TIMEOUT_S)) as database:
                    database.copy_to(copy)
            except StoreBusy:
                left_out.append(f"{path.name}: a process keeps it for itself")
                continue
            saved.append(_add(archive, copy, "" if path.parent == home.absolute() else str(path)))
            copy.unlink()
        if settings.exists():
            text = settings.read_text(encoding="utf-8-sig")
            copy = Path(folder) / FILE_NAME
            copy.write_text(text if with_secrets else without_secrets(text), encoding="utf-8")
            saved.append(_add(archive, copy, ""))
        manifest = {"format": _FORMAT, "release": release, "files": [asdict(each) for each in saved]}
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
    return Backup(tuple(saved), tuple(left_out))


def restore(file: Path, home: Path) -> tuple[Saved, ...]:
    """Bring a backup into an empty data directory, all of it or nothing; returns what was in it.

    Raises:
        ConfigError: there is data already, the file is no backup, or the directory can't be written.
        StoreDamaged: a file of the backup is not as it was saved.
    """
    there = [path.name for path in sorted(home.glob("*")) if path.suffix == ".db" or path.name == FILE_NAME]
    if there:
        message = f"{home} holds data already: {', '.join(there)}"
        raise ConfigError(message, advice="Name an empty directory with --home, or move these files away.")
    try:
        home.mkdir(parents=True, exist_ok=True)
        with ZipFile(file) as archive, tempfile.TemporaryDirectory(dir=home) as folder:
            saved = _manifest(archive, file)
            for each in saved:
                with archive.open(each.name) as packed, (Path(folder) / each.name).open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                _check(Path(folder) / each.name, each)
            for each in saved:
                (Path(folder) / each.name).chmod(0o600)  # heartbeats, and perhaps passwords
                (Path(folder) / each.name).rename(home / each.name)
    except (BadZipFile, KeyError, EOFError) as error:
        raise ConfigError(f"{file} is no backup, or is damaged: {error}", advice=_ANOTHER) from error
    except OSError as error:
        message = f"{error.filename or file}: {error.strerror}"
        raise ConfigError(message, advice="Check path, permissions and the room on the disk.") from error
    return saved


def without_secrets(text: str) -> str:
    """A settings file without passwords and tokens.

    Raises:
        ConfigError: one stands there in a form that can't be taken out safely.
    """
    bare = _SECRET_LINE.sub(r"# \1: left out of the backup", text)
    try:
        left = tomllib.loads(bare).keys() & set(SECRETS)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("the settings file can't be saved without its secrets", advice=_SECRETS_ELSEWHERE) from error
    if left:
        message = f"the settings file can't be saved without {', '.join(sorted(left))}"
        raise ConfigError(message, advice=_SECRETS_ELSEWHERE)
    return bare


def _databases(home: Path, store_urls: Iterable[str]) -> list[Path]:
    """Every database of the data directory, and the stores that are files elsewhere; each name once.

    Raises:
        ConfigError: two have the same name.
    """
    files = [Path(url.removeprefix(_SQLITE)).expanduser() for url in store_urls if url.startswith(_SQLITE)]
    stores = [store for file in files if (store := home.absolute() / file).exists()]
    paths = list(dict.fromkeys([*sorted(home.absolute().glob("*.db")), *stores]))
    names = [path.name for path in paths]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        message = f"two databases are called {', '.join(doubled)}"
        raise ConfigError(message, advice="Give the store's file another name in store_url.")
    return paths


@contextmanager
def _created(file: Path) -> Iterator[ZipFile]:
    """A new ZIP file that only this user may read; where anything goes wrong there is none."""
    try:
        raw = open(file, "xb", opener=_for_this_user)  # noqa: SIM115 - an opener; it is closed below
    except FileExistsError as error:
        raise ConfigError(f"{file} is there already", advice="Name another file; nothing is overwritten.") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be written: {error.strerror}", advice="Choose another folder.") from error
    try:
        with raw, ZipFile(raw, "w", ZIP_DEFLATED) as archive:
            yield archive
    except OSError as error:
        file.unlink()
        raise ConfigError(f"{file} can't be written: {error.strerror}", advice="Choose another folder.") from error
    except BaseException:
        file.unlink()
        raise


def _for_this_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _add(archive: ZipFile, path: Path, came_from: str) -> Saved:
    archive.write(path, path.name)
    return Saved(path.name, _sha256(path), came_from)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _manifest(archive: ZipFile, file: Path) -> tuple[Saved, ...]:
    told = json.loads(archive.read(_MANIFEST))
    if told["format"] != _FORMAT:
        message = f"{file} is a backup of form {told['format']!r}, and this release reads {_FORMAT}"
        raise ConfigError(message, advice="Restore it with the release that wrote it, or a newer one.")
    saved = tuple(Saved(**each) for each in told["files"])
    if any(Path(each.name).name != each.name or each.name.startswith(".") for each in saved):
        raise ConfigError(f"{file} names files outside the data directory", advice=_ANOTHER)
    return saved


def _check(path: Path, saved: Saved) -> None:
    if _sha256(path) != saved.sha256:
        raise StoreDamaged(f"{saved.name} in the backup is not as it was saved", path=None, advice=_ANOTHER)
    if path.suffix == ".db":
        with closing(Database(path)) as database:
            found = database.find_damage()
        if found:
            raise StoreDamaged(f"{saved.name} in the backup is damaged: {found}", path=None, advice=_ANOTHER)
