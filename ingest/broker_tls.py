"""TLS to a broker."""

from __future__ import annotations

import ssl

from ingest.errors import ConfigError


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """What a connection to a broker is secured with.

    Args:
        ca_file: of the authority that signed the broker; None: the system's authorities.

    Raises:
        ConfigError: the file can't be read.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        message = f"bus_ca_file {ca_file!r} can't be read: {error}"
        raise ConfigError(message, advice="Give the PEM file of the authority that signed the broker.") from error
    context.sslsocket_class = _TidySocket
    return context


class _TidySocket(ssl.SSLSocket):
    """Closes after a handshake that failed, which paho leaves to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        """As its base does."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise
