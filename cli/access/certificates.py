"""The cluster's own certificate authority: it vouches for servers, so that clients know whom they talk to.

Users are known by their NKeys, not by certificates. Keys are ECDSA on P-256; everything follows RFC 5280.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wire.errors import BadRequestError
from wire.identity import write_private

CA_FILE = "ca.pem"
CA_KEY_FILE = "ca-key.pem"
CA_DAYS = 3650
SERVER_DAYS = 730
RENEW_DAYS = 90
"""With fewer days left a certificate is issued anew wherever the playbooks come by."""

_CLOCKS = timedelta(hours=1)  # machines without a clock of their own may be a little behind


def create_ca(directory: Path, cluster: str) -> Path:
    """Make a certificate authority, whose key stays in the operator's directory; return its certificate's path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Bramble {cluster}")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        _builder(name, name, key.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(directory / CA_KEY_FILE, _private(key))
    file = directory / CA_FILE
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return file


def issue(directory: Path, hosts: Sequence[str], *, days: int = SERVER_DAYS) -> tuple[str, str]:
    """Return a server's certificate and its key, PEM.

    Args:
        directory: the operator's.
        hosts: every name and address by which clients and other servers reach it.
        days: how long it is good.

    Raises:
        BadRequestError: there is no host, or no certificate authority.

    """
    key = ec.generate_private_key(ec.SECP256R1())
    return _issue(directory, hosts, key.public_key(), days), _private(key)


def sign_request(directory: Path, request: bytes, hosts: Sequence[str], *, days: int = SERVER_DAYS) -> str:
    """Return the certificate for a request (PKCS #10, PEM) of a server that keeps its key; ``hosts`` are ours to say.

    Raises:
        BadRequestError: the request is malformed or not signed by its own key.

    """
    try:
        asked = x509.load_pem_x509_csr(request)
        honest = asked.is_signature_valid
        public = asked.public_key()
    except (ValueError, InvalidSignature) as error:
        raise BadRequestError(f"the certificate request cannot be read: {error}") from error
    if not honest or not isinstance(public, ec.EllipticCurvePublicKey):
        raise BadRequestError(
            "the certificate request is not signed by an EC key of its own",
            remedy="openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server …",
        )
    return _issue(directory, hosts, public, days)


def is_good(directory: Path, certificate: bytes, request: bytes, hosts: Sequence[str], now: datetime) -> bool:
    """Tell whether a server may keep its certificate.

    Args:
        directory: the operator's.
        certificate: what the server has, PEM; empty: nothing.
        request: the server's request, whose key the certificate must be for.
        hosts: those that it must be good for, and no others.
        now: with a time zone.

    Returns:
        False where it cannot be read, is another authority's, key's or host's, or ends within ``RENEW_DAYS``.

    """
    try:
        held = x509.load_pem_x509_certificate(certificate)
        held.verify_directly_issued_by(x509.load_pem_x509_certificate((directory / CA_FILE).read_bytes()))
        names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        key = x509.load_pem_x509_csr(request).public_key()
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    fits = held.public_key() == key and set(names) == {_general_name(host) for host in hosts}
    return fits and held.not_valid_after_utc - now >= timedelta(days=RENEW_DAYS)


def _issue(directory: Path, hosts: Sequence[str], public: ec.EllipticCurvePublicKey, days: int) -> str:
    if not hosts:
        raise BadRequestError("a certificate is for at least one host", remedy="name each with --host")
    try:
        ca = x509.load_pem_x509_certificate((directory / CA_FILE).read_bytes())
        ca_key = serialization.load_pem_private_key((directory / CA_KEY_FILE).read_bytes(), None)
    except (OSError, ValueError) as error:
        raise BadRequestError(f"the certificate authority in {directory} cannot be read: {error}") from error
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)  # made by create_ca
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    certificate = (
        _builder(name, ca.subject, public, days)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            # Servers of one cluster are each other's clients.
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS)
        .not_valid_after(now + timedelta(days=days))
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        try:
            return x509.DNSName(host)
        except ValueError as error:
            raise BadRequestError(f"{host[:80]!r} is no host: {error}") from error


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
