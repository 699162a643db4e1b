"""Signatures of models, in the OpenSSF model-signing format with an offline key pair.

A signature is a Sigstore bundle: a DSSE envelope around an in-toto statement that lists every file of the model with
its SHA-256, the manifest among them. What the `model_signing` command signs and checks is the same, file for file.

Sources: OpenSSF Model Signing specification 1.0; in-toto Statement v1; DSSE v1.0 (the signed bytes are its PAE);
Sigstore bundle v0.3.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError
from modelkit.manifest import MAX_SIGNATURE_BYTES, Manifest, encode_manifest

MANIFEST_FILE = "manifest.json"
SIGNATURE_FILE = "model.sig"

_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_REMEDY = "sign the model with a key that the nodes trust: bramble model sign"
_CURVES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}


class _Sig(msgspec.Struct):
    sig: str


class _Envelope(msgspec.Struct, rename="camel"):
    payload: str
    payload_type: str
    signatures: tuple[_Sig, ...]


class _Bundle(msgspec.Struct, rename="camel"):
    dsse_envelope: _Envelope


class _Resource(msgspec.Struct, frozen=True):
    name: str
    algorithm: str
    digest: str


class _Predicate(msgspec.Struct):
    resources: tuple[_Resource, ...]


class _Subject(msgspec.Struct):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: str
    predicate_type: str
    subject: tuple[_Subject, ...]
    predicate: _Predicate


def make_key() -> bytes:
    """Return a new private key (P-256) as PEM, without a passphrase: keep it in a file that only you can read."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_half(private_key: bytes) -> bytes:
    """Return the public half of a private key, both as PEM.

    Raises:
        ModelRejectedError: it is not an unencrypted private key on one of the curves P-256, P-384 and P-521.

    """
    return _write_public(_read_private(private_key).public_key())


def identify(public_key: bytes) -> str:
    """Return the SHA-256 by which signatures hint at a public key.

    Raises:
        ModelRejectedError: it is not a public key that can be used.

    """
    return sha256_bytes(_write_public(_read_public(public_key)))


def list_files(manifest: Manifest) -> dict[str, str]:
    """Return the SHA-256 of each file of a model, by the file's name; the manifest is one of them."""
    files = {artefact.file: artefact.sha256 for artefact in manifest.artefacts}
    if manifest.known_answer is not None:
        files[manifest.known_answer.file] = manifest.known_answer.sha256
    return {**files, MANIFEST_FILE: sha256_bytes(encode_manifest(manifest))}


def sign(manifest: Manifest, private_key: bytes) -> bytes:
    """Return the signature of a model: a Sigstore bundle as JSON.

    Raises:
        ModelRejectedError: the key cannot be used.

    """
    key = _read_private(private_key)
    payload = json.dumps(_state(manifest)).encode()
    signature = key.sign(_pre_authenticate(payload), ec.ECDSA(_CURVES[key.curve.name]()))
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {
            "publicKey": {"hint": sha256_bytes(_write_public(key.public_key()))},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle).encode()


def verify(bundle: bytes, manifest: Manifest, trusted: Sequence[bytes]) -> str:
    """Hold a model's signature against the model and the public keys (PEM) that are trusted.

    Returns:
        The identity (see :func:`identify`) of the key that signed.

    Raises:
        ModelRejectedError: none of the keys signed it, or what was signed is not this model.

    """
    envelope = _open(bundle)
    payload = _decode64(envelope.payload)
    signer = _find_signer(envelope, payload, trusted)
    _compare(payload, manifest)
    return signer


def _state(manifest: Manifest) -> dict[str, Any]:
    """Return the in-toto statement about a model, its files in alphabetical order."""
    files = sorted(list_files(manifest).items())
    return {
        "_type": _STATEMENT,
        "subject": [{"name": manifest.name, "digest": {"sha256": _digest_root(digest for _, digest in files)}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE_FILE],
            },
            "resources": [{"name": name, "algorithm": "sha256", "digest": digest} for name, digest in files],
        },
    }


def _digest_root(digests: Any) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()


def _pre_authenticate(payload: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _open(bundle: bytes) -> _Envelope:
    if len(bundle) > MAX_SIGNATURE_BYTES:
        raise ModelRejectedError(
            f"the signature has {len(bundle)} bytes, the limit is {MAX_SIGNATURE_BYTES}", remedy=_REMEDY
        )
    try:
        envelope = msgspec.json.decode(bundle, type=_Bundle).dsse_envelope
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRejectedError(f"the signature is not a Sigstore bundle: {error}", remedy=_REMEDY) from error
    if envelope.payload_type != _PAYLOAD or len(envelope.signatures) != 1:
        raise ModelRejectedError(
            f"the signature holds {len(envelope.signatures)} of {envelope.payload_type[:80]!r}, not one statement",
            remedy=_REMEDY,
        )
    return envelope


def _find_signer(envelope: _Envelope, payload: bytes, trusted: Sequence[bytes]) -> str:
    signature = _decode64(envelope.signatures[0].sig)
    for pem in trusted:
        key = _read_public(pem)
        try:
            key.verify(signature, _pre_authenticate(payload), ec.ECDSA(_CURVES[key.curve.name]()))
        except InvalidSignature:
            continue
        return sha256_bytes(_write_public(key))
    known = ", ".join(identify(pem)[:12] for pem in trusted) or "none"
    raise ModelRejectedError(f"no trusted key made this signature (trusted: {known})", remedy=_REMEDY)


def _compare(payload: bytes, manifest: Manifest) -> None:
    try:
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRejectedError(f"what was signed is not an in-toto statement: {error}", remedy=_REMEDY) from error
    if (statement.type, statement.predicate_type) != (_STATEMENT, _PREDICATE):
        raise ModelRejectedError(f"what was signed is a {statement.predicate_type[:80]!r}, not a model", remedy=_REMEDY)
    resources = statement.predicate.resources
    signed = {each.name: each.digest for each in resources if each.algorithm == "sha256"}
    expected = list_files(manifest)
    if len(signed) != len(resources) or signed != expected:
        wrong = sorted(name for name in {*signed, *expected} if signed.get(name) != expected.get(name))
        raise ModelRejectedError(
            f"the signature of {manifest.name} is for other files: {', '.join(wrong)[:300]} differ", remedy=_REMEDY
        )
    root = _digest_root(digest for _, digest in sorted(signed.items()))
    if [(each.name, each.digest.get("sha256")) for each in statement.subject] != [(manifest.name, root)]:
        raise ModelRejectedError(f"the signature is not about the model {manifest.name}", remedy=_REMEDY)


def _decode64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ModelRejectedError(f"the signature is not base64: {error}", remedy=_REMEDY) from error


def _read_private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ModelRejectedError(
            f"the private key cannot be read: {error}", remedy="make one with `bramble model keygen`"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _CURVES:
        raise ModelRejectedError(
            "the private key is not on one of the curves P-256, P-384 and P-521",
            remedy="make one with `bramble model keygen`",
        )
    return key


def _read_public(pem: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ModelRejectedError(
            f"a trusted key cannot be read: {error}", remedy="give the public half as PEM"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise ModelRejectedError(
            "a trusted key is not on one of the curves P-256, P-384 and P-521", remedy="give the public half as PEM"
        )
    return key


def _write_public(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
