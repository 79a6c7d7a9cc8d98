"""Mosquitto's password file: lines of `user:$7$iterations$salt$hash`, a PBKDF2 with SHA-512. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping

_ITERATIONS = 101
"""Mosquitto's own figure. The passwords are random and long, so that none can be guessed from its hash, and the broker
computes this anew for everybody who knocks."""

_SALT_BYTES = 12
_HASH_BYTES = 64


def hashed(password: str, salt: bytes, iterations: int = _ITERATIONS) -> str:
    """What mosquitto 1.6 and later keep of a password."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, _HASH_BYTES)
    return f"$7${iterations}${_base64(salt)}${_base64(digest)}"


def is_hash_of(line: str, password: str) -> bool:
    """Whether such a hash is that of a password; False for one of another kind."""
    match line.split("$"):
        case ["", "7", iterations, salt, _] if iterations.isdecimal() and int(iterations) > 0:
            try:
                expected = hashed(password, base64.b64decode(salt, validate=True), int(iterations))
            except binascii.Error:
                return False
            return hmac.compare_digest(expected, line)
    return False


def users_of(text: str) -> dict[str, str]:
    """What a password file keeps of each user."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def password_file(
    before: str, passwords: Mapping[str, str], gone: Collection[str], make_salt: Callable[[int], bytes]
) -> str:
    """The file's text with a line for each user; what is right already stays, and so do users that are not ours.

    Args:
        before: the text as it is; empty without a file.
        passwords: in the clear, by user.
        gone: users that are to be let in no longer.
        make_salt: that many random bytes.
    """
    present = {user: line for user, line in users_of(before).items() if user not in gone}
    wanted = {
        user: present[user] if is_hash_of(present.get(user, ""), password) else hashed(password, make_salt(_SALT_BYTES))
        for user, password in passwords.items()
    }
    return "".join(f"{user}:{line}\n" for user, line in (present | wanted).items())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
