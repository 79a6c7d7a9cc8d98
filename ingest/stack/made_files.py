"""Files that Strapline makes for others to read, and that people may change: nothing of theirs is overwritten."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import ConfigError

PRIVATE = 0o600
PUBLIC = 0o644

_MARK = re.compile(r"# Made by `strapline init`, which keeps it up to date until somebody changes it \((\w+)\)\.\n")
_SUM_LENGTH = 16


@dataclass(slots=True)
class MadeFiles:
    """A folder of such files, and what happened to each.

    Args:
        folder: made where it is not there.
        said: for each file that is not as it was before, or can't be as it should, what was done.
    """

    folder: Path
    said: dict[str, str] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        """What a file holds; None if it is not there.

        Raises:
            ConfigError: it can't be read.
        """
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            message = f"{self.folder / name} can't be read: {error.strerror}"
            raise ConfigError(message, advice="Run this as the user whose file it is.") from error

    def text(self, name: str) -> str:
        """The same as text; empty if it is not there.

        Raises:
            ConfigError: it can't be read, or is no text.
        """
        try:
            return (self.read(name) or b"").decode("utf-8-sig")
        except UnicodeDecodeError:  # it would quote a secret
            raise ConfigError(f"{self.folder / name} is no text", advice="Save it as UTF-8.") from None

    def put(self, name: str, content: bytes | str, mode: int) -> None:
        """Have a file hold this, and be open to nobody whom the mode does not name.

        Raises:
            ConfigError: it can't be written.
        """
        content = content.encode() if isinstance(content, str) else content
        before = self.read(name)
        if before != content:
            self._replace(self.folder / name, content, mode)
            self.said[name] = "written" if before is None else "brought up to date"
        elif self._opened_too_far(self.folder / name, mode):
            (self.folder / name).chmod(mode)
            self.said[name] = "closed to other users"

    def derive(self, name: str, text: str, mode: int) -> None:
        """The same for a file that follows from others. One that somebody has changed stays; the new one lies beside.

        Raises:
            ConfigError: it can't be written.
        """
        marked = _mark(text)
        before = self.text(name)
        beside = f"{name}.new"
        if _is_changed(before) and before != marked:
            self.put(beside, marked, mode)
            self.said.pop(beside, None)
            self.said[name] = f"left as somebody has changed it; what Strapline would have now is in {beside}"
            return
        self.put(name, marked, mode)
        (self.folder / beside).unlink(missing_ok=True)

    def give(self, name: str, user: str) -> None:
        """Hand a file to another user of this machine, as only root can; nothing where that user does not exist.

        Raises:
            ConfigError: the system refuses.
        """
        try:
            shutil.chown(self.folder / name, user, user)
        except LookupError:
            return
        except OSError as error:
            message = f"{self.folder / name} can't be given to {user}: {error.strerror}"
            raise ConfigError(message, advice="Run this as root.") from error

    @staticmethod
    def _opened_too_far(path: Path, mode: int) -> bool:
        return bool(path.stat().st_mode & 0o777 & ~mode)

    @staticmethod
    def _replace(path: Path, content: bytes, mode: int) -> None:
        # Never for a moment open to others, and never half written; a link stays one.
        path = path.resolve()
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
                file.write(content)
            draft.chmod(mode)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            message = f"can't write {path}: {error.strerror}"
            raise ConfigError(message, advice="Choose another folder, or check its permissions.") from error


def _mark(text: str) -> str:
    total = hashlib.sha256(text.encode()).hexdigest()[:_SUM_LENGTH]
    return f"# Made by `strapline init`, which keeps it up to date until somebody changes it ({total}).\n{text}"


def _is_changed(text: str) -> bool:
    """Whether somebody has changed a marked file, or made it."""
    mark = _MARK.match(text)
    return bool(text) and (mark is None or _mark(text[mark.end() :]) != text)
