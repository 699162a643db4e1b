"""How to reach the cluster: a ``nats`` context file, as the NATS command line keeps them.

The first found wins: a path or name given, ``NATS_CONTEXT``, ``NATS_URL``, the selected context, the default URL.
The file format is the one of https://github.com/nats-io/jsm.go/tree/main/natscontext.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from wire.errors import BadRequestError
from wire.ids import is_token
from wire.redact import redact_url
from wire.subjects import INBOXES

DEFAULT_URL = "nats://127.0.0.1:4222"
ANONYMOUS = "anonymous"
"""Who we are to a server without users."""


class Context(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the server is and who we are. Keys of the file that Bramble has no use for are left alone."""

    url: str = DEFAULT_URL
    description: str = ""
    user: str = ""
    password: str = ""
    token: str = ""
    creds: str = ""  # path
    nkey: str = ""  # path of the seed
    user_jwt: str = ""  # the signed claim that belongs to the seed; no secret
    user_seed: str = ""  # in place of a path
    cert: str = ""  # path
    key: str = ""  # path
    ca: str = ""  # path
    inbox_prefix: str = ""

    def __repr__(self) -> str:
        return f"Context({redact_url(self.url)!r})"

    @property
    def user_name(self) -> str:
        """Who we are to the cluster: the name in the claim, which the inbox's prefix repeats."""
        name = self.inbox_prefix.removeprefix(INBOXES)
        return name if name != self.inbox_prefix and is_token(name) else ANONYMOUS

    @property
    def servers(self) -> list[str]:
        """The server URLs, one each."""
        return [part.strip() for part in self.url.split(",") if part.strip()]


def inbox_prefix_of(user: str) -> str:
    """Return the prefix of the inboxes in which a user, and nobody else, may listen."""
    return f"{INBOXES}{user}"


def is_inbox_of(user: str, reply: str) -> bool:
    """Tell whether an answer on ``reply`` reaches that user, and nobody else."""
    prefix = "_INBOX" if user == ANONYMOUS else inbox_prefix_of(user)
    return reply.startswith(f"{prefix}.")


def config_home(environ: Mapping[str, str]) -> Path:
    """Return the directory where the ``nats`` command keeps its contexts."""
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "/nonexistent") / ".config"
    return Path(base) / "nats"


def load_context(name: str | None = None, *, environ: Mapping[str, str] = os.environ) -> Context:
    """Find and read the context that the user means.

    Args:
        name: a context's name or the path of its file; None looks further, as this module says.
        environ: the process's environment.

    Raises:
        BadRequestError: the context named does not exist or cannot be read.

    """
    path = find_context(name, environ=environ)
    if path is not None:
        return _read(path)
    return Context(url=environ.get("NATS_URL") or DEFAULT_URL)


def find_context(name: str | None = None, *, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the path of the context file that :func:`load_context` would read; None where a URL alone is used."""
    home = config_home(environ)
    chosen = name or environ.get("NATS_CONTEXT")
    if not chosen and not environ.get("NATS_URL"):
        chosen = _read_selected(home)
    return _locate(chosen, home) if chosen else None


def save_context(context: Context, path: Path) -> None:
    """Write a context file that only its owner can read; a half-written one is never seen."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_suffix(f".{os.getpid()}.half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(context), indent=2) + b"\n")
    half.replace(path)


def _read_selected(home: Path) -> str:
    try:
        return (home / "context.txt").read_text("utf-8").strip()
    except OSError:
        return ""


def _locate(chosen: str, home: Path) -> Path:
    if "/" in chosen or chosen.endswith(".json"):
        return Path(chosen).expanduser()
    return home / "context" / f"{chosen}.json"


def _read(path: Path) -> Context:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Context)
    except OSError as error:
        raise BadRequestError(
            f"the context {path} cannot be read: {error.strerror}",
            remedy="list contexts with `nats context ls`, or give --context the path of one",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the context {path} is malformed: {error}") from error
