"""The adapter to `cryptography`: a certificate authority of the house, and the broker's certificate from it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ingest.errors import ConfigError

AUTHORITY_DAYS = 3650
SERVER_DAYS = 730
RENEW_BEFORE_DAYS = 60
"""How long before its end a certificate is made anew, at the next `strapline init`."""

_CLOCK_SKEW = timedelta(days=1)
"""A Raspberry Pi without a battery starts in the past."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes


def new_authority(name: str, now: datetime) -> Pair:
    """An authority that may sign servers and nothing above them, for AUTHORITY_DAYS."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = (
        _builder(subject, subject, key.public_key(), now, now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, SHA256()), key)


def new_server(authority: Pair, hosts: Sequence[str], now: datetime) -> Pair:
    """A server's certificate for SERVER_DAYS, but not longer than its authority's.

    Args:
        authority: who signs it.
        hosts: names and IP addresses by which clients reach the server; the first one is its own name.
        now: aware of its time zone.

    Raises:
        ConfigError: a host that no certificate can name.
    """
    issuer, issuer_key = _certificate(authority.certificate), _private_key(authority.key)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    end = min(now + timedelta(days=SERVER_DAYS), issuer.not_valid_after_utc)
    builder = (
        _builder(issuer.subject, subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(hosts)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return _pair(builder.sign(issuer_key, SHA256()), key)


def is_issued_by(certificate: bytes, authority: bytes) -> bool:
    """Whether the authority signed the certificate.

    Raises:
        ConfigError: one of them is no certificate.
    """
    try:
        _certificate(certificate).verify_directly_issued_by(_certificate(authority))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def ends_soon(certificate: bytes, now: datetime) -> bool:
    """Whether it has ended, or will within RENEW_BEFORE_DAYS.

    Raises:
        ConfigError: it is no certificate.
    """
    return now > _certificate(certificate).not_valid_after_utc - timedelta(days=RENEW_BEFORE_DAYS)


def names(certificate: bytes, hosts: Sequence[str]) -> bool:
    """Whether a certificate names these hosts and no others.

    Raises:
        ConfigError: it is no certificate, or a host can't stand in one.
    """
    try:
        extension = _certificate(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    return set(extension.value) == set(_general_names(hosts))


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(end)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for host in hosts:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            try:
                found.append(x509.DNSName(host))
            except ValueError as error:  # not ASCII
                message = f"{host!r} can't stand in a certificate"
                raise ConfigError(message, advice="Give a host name of ASCII letters, or an IP address.") from error
    return found


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ConfigError("a certificate is damaged", advice="Move it away and run the same again.") from error


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):  # the text of the error may tell of the key
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        message = "the authority's private key can't be read"
        raise ConfigError(message, advice="Bring the right one back, or move the authority away to get a new one.")
    return key
