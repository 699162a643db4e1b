"""Whose models this node serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wire.errors import BadRequestError

MAX_KEYS_BYTES = 100_000
_HEAD = "-----BEGIN PUBLIC KEY-----"


@dataclass(frozen=True, slots=True)
class Trust:
    """Public keys (PEM) whose signatures count. Without any, signatures are not asked for."""

    keys: tuple[str, ...] = ()
    allow_unsigned: bool = False  # a model without a signature is served; one with a wrong signature never is

    @property
    def wants_signature(self) -> bool:
        """Whether signatures are looked at."""
        return bool(self.keys)


def read_trust(place: Path | None, *, allow_unsigned: bool) -> Trust:
    """Read the trusted keys: a PEM file with one or more, or a directory of ``*.pub``.

    Raises:
        BadRequestError: there is no key, or something else.

    """
    if place is None:
        return Trust(allow_unsigned=allow_unsigned)
    remedy = "give a public key made by `bramble model keygen`, or a directory of such files ending in .pub"
    try:
        files = sorted(place.glob("*.pub")) if place.is_dir() else [place]
        keys = tuple(key for file in files for key in _read_keys(file, remedy))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the trusted keys {place} cannot be read: {error}", remedy=remedy) from error
    if not keys:
        raise BadRequestError(f"there is no trusted key in {place}", remedy=remedy)
    return Trust(keys, allow_unsigned)


def _read_keys(file: Path, remedy: str) -> list[str]:
    with file.open("rb") as stream:
        text = stream.read(MAX_KEYS_BYTES).decode("ascii")
    head, *keys = text.split(_HEAD)
    if head.strip() or not keys:
        raise BadRequestError(f"{file} does not hold public keys", remedy=remedy)
    return [f"{_HEAD}{key.rstrip()}\n" for key in keys]
