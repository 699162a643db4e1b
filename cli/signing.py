"""The operator's key for signing models: a file that nobody else can read, with its public half beside it."""

from __future__ import annotations

import os
from pathlib import Path

import click
from platformdirs import user_config_path

from modelkit.signature import make_key, public_half
from wire.errors import BadRequestError

PUBLIC = ".pub"
_VARIABLE = "BRAMBLE_SIGNING_KEY"

key_option = click.option(
    "--key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"The private key to sign with; default: that of ${_VARIABLE}, or your own, made at its first use.",
)


def own_key_file() -> Path:
    """Return where this user's key is, whether it was made already or not."""
    if given := os.environ.get(_VARIABLE):
        return Path(given)
    return user_config_path("bramble") / "model-signing.pem"


def public_file(key_file: Path) -> Path:
    """Return where the public half of a key is."""
    return key_file.with_suffix(PUBLIC)


def create_key(key_file: Path) -> None:
    """Make a key and write both halves, each whole or not at all.

    Raises:
        BadRequestError: the file exists, or cannot be written.

    """
    key = make_key()
    try:
        key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(key_file, key, 0o600)
        _write_new(public_file(key_file), public_half(key), 0o644)
    except FileExistsError as error:
        raise BadRequestError(
            f"{error.filename} exists", remedy="name another file with --key; nothing was overwritten"
        ) from error
    except OSError as error:
        raise BadRequestError(f"the key {key_file} cannot be written: {error.strerror}") from error


def read_key(key_file: Path) -> bytes:
    """Return a private key (PEM).

    Raises:
        BadRequestError: it cannot be read, or others can read it.

    """
    try:
        with key_file.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise BadRequestError(f"{key_file} can be read by others", remedy=f"chmod 600 {key_file}")
            return file.read()
    except OSError as error:
        raise BadRequestError(
            f"the signing key {key_file} cannot be read: {error.strerror}", remedy="make one: bramble model keygen"
        ) from error


def take_key(key_file: Path | None) -> bytes:
    """Return the key in the file that was named, else this user's own, which is made when it is first asked for.

    Raises:
        BadRequestError: see :func:`read_key` and :func:`create_key`.

    """
    if key_file is not None:
        return read_key(key_file)
    own = own_key_file()
    if not own.exists():
        try:
            create_key(own)
        except BadRequestError:
            if not own.exists():  # somebody else was faster: theirs is as good
                raise
    return read_key(own)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist; a link in its place does as little harm as a half-written file."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(part, path)
    finally:
        part.unlink()
