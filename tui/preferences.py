"""A user's own theme and keys, from ``bramble/top.toml`` in the user's configuration directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from wire.errors import BadRequestError

MAX_BYTES = 64 << 10


class Preferences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user wants otherwise. Keys are by the ids of bindings, as Textual names keys: ``drain = "D,f2"``."""

    theme: str = ""  # empty: Textual's default
    keys: dict[str, str] = {}


def find_preferences(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the file is, if there is one."""
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "/nonexistent", ".config")
    return Path(base, "bramble", "top.toml")


def read_preferences(path: Path, *, themes: frozenset[str], keys: frozenset[str]) -> Preferences:
    """Read the file; without one there are none.

    Args:
        path: of the file.
        themes: that there are.
        keys: ids of the bindings that there are.

    Raises:
        BadRequestError: it cannot be read, or names what is not there.

    """
    try:
        data = path.read_bytes()[:MAX_BYTES]
    except FileNotFoundError:
        return Preferences()
    except OSError as error:
        raise BadRequestError(f"{path} cannot be read: {error.strerror}") from error
    try:
        found = msgspec.toml.decode(data, type=Preferences)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"{path} is malformed: {error}", remedy="see docs/dashboard.md") from error
    if found.theme and found.theme not in themes:
        raise BadRequestError(f"{path}: there is no theme {found.theme!r}", remedy=f"choose of {_list(themes)}")
    if unknown := found.keys.keys() - keys:
        raise BadRequestError(f"{path}: there is nothing called {min(unknown)!r}", remedy=f"choose of {_list(keys)}")
    return found


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
