"""The certificate of a server, on its own host: its key is made there and stays there.

    python -m wire.certificate request /etc/bramble/server.pem [--new] [--check]

prints ``{"request", "certificate"}``: what the operator is to sign (PKCS #10, PEM), and the certificate as it is now,
empty where there is none for that key. With ``--new`` the request is for a new key, which waits beside the file until

    python -m wire.certificate install /etc/bramble/server.pem --owner bramble < signed.pem

puts certificate and key there in one step, so that a server that starts just then finds a pair.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MAX_BYTES = 1 << 16
_PEM = serialization.Encoding.PEM


class CertificateError(Exception):
    """What is there, or what came, cannot be used."""


def request(file: Path, *, new: bool = False, check: bool = False) -> dict[str, str]:
    """Return what is to be signed, and the certificate as it is now.

    Args:
        file: the server's certificate and key, PEM.
        new: make a new key; the old one serves until its successor is installed.
        check: make nothing; both parts are empty where something would be made.

    Raises:
        CertificateError: a file holds no key, or no certificate.
        OSError: it cannot be read or written.

    """
    waiting = _waiting(file)
    if not waiting.exists() and (new or not file.exists()):
        if check:
            return {"request": "", "certificate": ""}
        key = ec.generate_private_key(ec.SECP256R1())
        _write(waiting, _encode(key), owner="")
    held = waiting if waiting.exists() else file
    asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(_read_key(held), hashes.SHA256())
    certificate = "" if held == waiting else _encode_certificate(_read_certificate(file.read_bytes(), file))
    return {"request": asked.public_bytes(_PEM).decode(), "certificate": certificate}


def install(file: Path, signed: bytes, *, owner: str = "") -> bool:
    """Put a certificate and the key that it is for in place; tell whether that changed anything.

    Args:
        file: where both go; nobody but ``owner`` can read it.
        signed: the certificate, PEM.
        owner: the user that the server runs as; empty: who runs this.

    Raises:
        CertificateError: it is no certificate, or one for a key that is not here.
        OSError: a file cannot be read or written.

    """
    certificate = _read_certificate(signed, Path("the certificate that came"))
    waiting = _waiting(file)
    held = waiting if waiting.exists() else file
    key = _read_key(held)
    if certificate.public_key() != key.public_key():
        raise CertificateError(f"the certificate is for another key than the one in {held}")
    content = _encode_certificate(certificate) + _encode(key)
    changed = not file.exists() or file.read_text("ascii") != content
    if changed:
        _write(file, content, owner=owner)
    waiting.unlink(missing_ok=True)
    return changed


def _waiting(file: Path) -> Path:
    return file.with_suffix(f".next{file.suffix}")


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{path} holds no key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{path} holds a key of another kind than EC")
    return key


def _read_certificate(data: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError as error:
        raise CertificateError(f"{path} cannot be read: {error}") from error


def _encode(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def _encode_certificate(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(_PEM).decode()


def _write(path: Path, text: str, *, owner: str) -> None:
    """Write a file that only its owner can read; a half-written one is never seen."""
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "w") as file:
        file.write(text)
    if owner:
        shutil.chown(half, owner, owner)
    half.replace(path)


def main() -> None:
    """Ask or install."""
    parser = argparse.ArgumentParser(prog="python -m wire.certificate", description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    asking = verbs.add_parser("request", help="print what the operator is to sign")
    asking.add_argument("file", type=Path)
    asking.add_argument("--new", action="store_true", help="for a new key")
    asking.add_argument("--check", action="store_true", help="make nothing")
    installing = verbs.add_parser("install", help="take the signed certificate from the standard input")
    installing.add_argument("file", type=Path)
    installing.add_argument("--owner", default="", help="the user that the server runs as")
    found = parser.parse_args()
    try:
        if found.verb == "request":
            print(json.dumps(request(found.file, new=found.new, check=found.check)))  # noqa: T201 - the answer
        else:
            changed = install(found.file, sys.stdin.buffer.read(MAX_BYTES), owner=found.owner)
            print("changed" if changed else "unchanged")  # noqa: T201 - the answer
    except (CertificateError, OSError, LookupError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
