"""Why a broker can't be reached, told apart by what went wrong on the way to it."""

from __future__ import annotations

import socket
import ssl

from ingest.errors import BusUnavailable

# OpenSSL's numbers (x509_vfy.h); Python has no names for them.
_NOT_YET_VALID, _EXPIRED = 9, 10
_HOST_MISMATCH = frozenset({62, 64})  # of a name, of an IP address
_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})

_TRUST = "Set bus_ca_file to the authority that signed the broker's certificate (its PEM file)."


def untrusted(error: ssl.SSLError, host: str, port: int) -> BusUnavailable:
    """The error for a TLS handshake that failed, with what to do about this kind of failure."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        message = f"{host}:{port} does not speak TLS as expected: {error}"
        advice = "Check the port (8883 is usual for TLS), or write mqtt:// in bus_url for a broker without it."
        return BusUnavailable(message, advice=advice)
    message = f"the broker at {host}:{port} can't be trusted: {error.verify_message}"
    return BusUnavailable(message, advice=_certificate_advice(error.verify_code, host))


def _certificate_advice(code: int, host: str) -> str:
    if code == _EXPIRED:
        return "Renew the broker's certificate; if it is still good, set this machine's clock."
    if code == _NOT_YET_VALID:
        return "Set this machine's clock (`timedatectl`): by it the broker's certificate is not valid yet."
    if code in _HOST_MISMATCH:
        return f"Write the name of the certificate into bus_url, or have one made that names {host}."
    if code in _UNKNOWN_AUTHORITY:
        return _TRUST
    return f"{_TRUST} Check the certificate with `openssl s_client -connect {host}:8883`."


def unreachable(error: OSError, host: str, port: int) -> BusUnavailable:
    """The error for a connection that did not come about."""
    message = f"no MQTT broker answers at {host}:{port}: {error}"
    if isinstance(error, socket.gaierror):
        advice = "No machine of that name is known here: check the host in bus_url, or write its IP address."
    elif isinstance(error, ConnectionRefusedError):
        advice = "Start the broker, or correct the port in bus_url: that machine answers, and nothing listens there."
    elif isinstance(error, ConnectionResetError):
        advice = (
            "It closed the connection at once: check the port, and whether it speaks TLS (mqtts://) or not (mqtt://)."
        )
    elif isinstance(error, TimeoutError):
        advice = "Is the machine on, in this network, and does no firewall stand between?"
    else:
        advice = "Start the broker, or set bus_url to where it runs."
    return BusUnavailable(message, advice=advice)
