"""NKeys: who somebody is, without a secret on any server.

A key pair is made where it is used, and its private half, the seed, stays there in a file that only its user can read.
On a node:

    python -m wire.identity /etc/bramble/agent.nk

makes the seed where there is none yet and prints the public half, to be signed with ``bramble access add``.
Format: https://github.com/nats-io/nkeys (Ed25519, RFC 8032).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import sys
from enum import Enum
from pathlib import Path

import nkeys

from wire.errors import BadRequestError, BrambleError

_SEED_BYTES = 32
_PUBLIC_BYTES = 35  # prefix, 32 of the key, two of the checksum


class Kind(Enum):
    """What a key belongs to; the letter is the first of the public half."""

    OPERATOR = "O"
    ACCOUNT = "A"
    USER = "U"


_PREFIXES = {
    Kind.OPERATOR: nkeys.PREFIX_BYTE_OPERATOR,
    Kind.ACCOUNT: nkeys.PREFIX_BYTE_ACCOUNT,
    Kind.USER: nkeys.PREFIX_BYTE_USER,
}


class KeyPair:
    """A seed and what can be done with it. It never shows the seed by accident."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.strip()
        try:
            prefix, raw = nkeys.decode_seed(self._seed.encode("ascii"))
            self._pair = nkeys.from_seed(bytearray(self._seed.encode("ascii")))
            self.public: str = self._pair.public_key.decode()
            whole = nkeys.encode_seed(bytes(raw), prefix).decode() == self._seed  # nkeys does not check the checksum
        except (nkeys.NkeysError, ValueError, TypeError, IndexError):
            whole = False
        if not whole:
            raise BadRequestError("this is not the seed of an NKey", remedy="it has 58 characters and begins with S")

    @classmethod
    def make(cls, kind: Kind) -> KeyPair:
        """Make a new pair."""
        return cls(nkeys.encode_seed(secrets.token_bytes(_SEED_BYTES), _PREFIXES[kind]).decode())

    def __repr__(self) -> str:
        return f"KeyPair({self.public})"

    def reveal_seed(self) -> str:
        """Return the private half, to be written where only its user can read it."""
        return self._seed

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return bytes(self._pair.sign(data))


def check_public_key(text: str, kind: Kind) -> str:
    """Return a public half if it is one of that kind.

    Raises:
        BadRequestError: it is not, or its checksum says that it was mistyped.

    """
    try:
        raw = base64.b32decode(text)
    except (binascii.Error, ValueError):
        raw = b""
    known = len(raw) == _PUBLIC_BYTES and raw[0] == _PREFIXES[kind]
    if not known or nkeys.crc16(bytearray(raw[:-2])).to_bytes(2, "little") != raw[-2:]:
        raise BadRequestError(
            f"{text[:80]!r} is not the public half of {kind.name.lower()} key",
            remedy=f"it has 56 characters and begins with {kind.value}; copy it whole",
        )
    return text


def write_private(path: Path, text: str) -> None:
    """Write a file that only its user can read; a half-written one is never seen."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_name(f".{path.name}.{os.getpid()}.half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    half.replace(path)


def read_key_pair(path: Path) -> KeyPair:
    """Read a seed from its file.

    Raises:
        BadRequestError: it cannot be read or is none.

    """
    try:
        return KeyPair(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the key {path} cannot be read: {error}") from error


def keep_key_pair(path: Path) -> KeyPair:
    """Return the user's key pair in that file, made now if it is not there.

    Raises:
        BadRequestError: what is there is no key, or the file cannot be written.

    """
    if path.exists():
        return read_key_pair(path)
    pair = KeyPair.make(Kind.USER)
    try:
        write_private(path, pair.reveal_seed() + "\n")
    except OSError as error:
        raise BadRequestError(f"the key {path} cannot be written: {error.strerror}") from error
    return pair


def main() -> None:
    """Keep a key pair in the file named, and print its public half."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and one path
        sys.exit("usage: python -m wire.identity FILE")
    try:
        print(keep_key_pair(Path(sys.argv[1])).public)  # noqa: T201 - the answer
    except BrambleError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
