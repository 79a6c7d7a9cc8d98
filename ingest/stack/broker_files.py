"""What mosquitto reads: its configuration, the access list, passwords and certificates."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from ingest.errors import ConfigError
from ingest.stack.access import User, acl
from ingest.stack.broker_passwords import password_file
from ingest.stack.made_files import PRIVATE, PUBLIC, MadeFiles

FOLDER = "mosquitto"
AUTHORITY = "authority/authority.crt"
"""What every other machine needs to trust the broker."""

_AUTHORITY_KEY = "authority/authority.key"
_SERVER, _SERVER_KEY = f"{FOLDER}/server.crt", f"{FOLDER}/server.key"
_BROKER_USER = "mosquitto"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker runs: the folder where it finds its files, and what else its configuration says."""

    files: str
    plain_listener: str
    own: str  # what nobody else configures


IN_DOCKER = Place(
    files="/run/mosquitto",  # where the container's start script brings them
    plain_listener="listener 1883",  # reached from outside where Compose publishes it
    own="""\
# Retained status and confirmations survive a restart.
persistence true
persistence_location /mosquitto/data/

log_dest stdout
log_type error
log_type warning
log_type notice

""",
)


def beside_others(files: str) -> Place:
    """The place of a broker of this system, whose own configuration includes ours and says where its data is.

    Args:
        files: the folder where it finds its files.
    """
    return Place(files, plain_listener="listener 1883 127.0.0.1", own="")


_CONFIGURATION = """\
# The users in `passwords`, each with the rights that `acl` gives it, and nobody else.
allow_anonymous false
password_file {files}/passwords
acl_file {files}/acl

# Messages kept for a pipeline that is away or behind: a day of one strap. Mosquitto's own limit of 1000 is 17 minutes.
max_queued_messages 100000

# Messages on their way to the pipeline at once, which it stores in one transaction. Mosquitto's own limit is 20.
max_inflight_messages 500

{own}{plain_listener}
"""

_TLS = """
# For other machines.
listener 8883
certfile {files}/server.crt
keyfile {files}/server.key
"""


def write_broker(
    files: MadeFiles,
    place: Place,
    users: Sequence[User],
    passwords: Mapping[str, str],
    gone: Sequence[str],
    *,
    tls: bool,
) -> None:
    """Bring configuration, access list and passwords up to date.

    Args:
        files: of the stack.
        place: where the broker runs.
        users: all that it knows.
        passwords: of each of them.
        gone: users that it knew.
        tls: whether it listens for other machines as well.

    Raises:
        ConfigError: a file can't be read or written.
    """
    text = (_CONFIGURATION + (_TLS if tls else "")).format(**asdict(place))
    files.derive(f"{FOLDER}/mosquitto.conf", text, PUBLIC)
    files.derive(f"{FOLDER}/acl", acl(users), PRIVATE)
    name = f"{FOLDER}/passwords"
    files.put(name, password_file(files.text(name), passwords, gone, os.urandom), PRIVATE)


def write_certificates(files: MadeFiles, hosts: Sequence[str]) -> None:
    """Have an authority and a certificate from it that names these hosts; one that ends soon is made anew.

    A certificate of somebody else's is left alone.

    Raises:
        ConfigError: a file can't be read or written; the authority's key is not there to sign with; the package
            `cryptography` is missing.
    """
    try:
        from ingest.stack import certificates
    except ImportError as error:
        message = "certificates need the package cryptography"
        raise ConfigError(message, advice="Install it: pip install 'strapline[tls]'.") from error
    now = datetime.now(UTC)
    authority, server = files.read(AUTHORITY), files.read(_SERVER)
    if server is not None and (authority is None or not certificates.is_issued_by(server, authority)):
        files.said[_SERVER] = "left as it is: somebody else has signed it"
        return
    if authority is None or certificates.ends_soon(authority, now):
        pair = certificates.new_authority(f"Strapline at {hosts[0]}", now)
        files.put(_AUTHORITY_KEY, pair.key, PRIVATE)
        files.put(AUTHORITY, pair.certificate, PUBLIC)
        server = None
    elif server is not None and certificates.names(server, hosts) and not certificates.ends_soon(server, now):
        return
    certificate, key = files.read(AUTHORITY), files.read(_AUTHORITY_KEY)
    if certificate is None or key is None:
        message = f"the broker's certificate has to be made anew, and {files.folder / _AUTHORITY_KEY} is not there"
        raise ConfigError(
            message, advice="Bring it back; or move the folder `authority` away, and trust the new one everywhere."
        )
    pair = certificates.new_server(certificates.Pair(certificate, key), hosts, now)
    files.put(_SERVER_KEY, pair.key, PRIVATE)
    files.put(_SERVER, pair.certificate, PUBLIC)


def give_to_broker(files: MadeFiles) -> None:
    """Let a broker of this machine read its files, which it opens only after it has given up root.

    Raises:
        ConfigError: the system refuses.
    """
    if os.geteuid() == 0:
        for path in sorted((files.folder / FOLDER).iterdir()):
            if path.suffix != ".new":
                files.give(f"{FOLDER}/{path.name}", _BROKER_USER)
