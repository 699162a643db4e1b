"""What the agent was told at its start: one frozen value, built once from the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent.trust import Trust, read_trust
from wire.errors import BadRequestError
from wire.ids import check_token

AUTO = "auto"
MAX_THREADS = 64
_LEVELS = ("debug", "info", "warning", "error")
_USUAL_THREADS = 4  # a Raspberry Pi's cores; more buys little on models of this size


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How fast the simulated backend plays its models."""

    speed: float = 1.0  # twice the speed halves the seconds of every model
    seconds: dict[str, float] = {}  # for a picture, by model; what the model's manifest says otherwise

    def __post_init__(self) -> None:
        """Refuse what would never end, or end before it began."""
        if not 0 < self.speed < float("inf"):
            raise ValueError(f"speed must be above 0, not {self.speed}")
        for model, seconds in self.seconds.items():
            if not 0 <= seconds <= 60:  # noqa: PLR2004 - said in the message
                raise ValueError(f"{model}: the seconds for a picture are 0 to 60, not {seconds}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    node: str
    context: str | None  # a context's name or file; None: as the nats command finds it
    cache: Path
    cache_bytes: int
    backends: tuple[str, ...]  # names of backends; ("auto",): all whose runtime is installed
    threads: int  # of the inference runtime
    profile: Profile
    trust: Trust
    memory_bytes: int  # the agent and its models should take no more; 0: what the machine has
    log_level: str
    journal: bool  # the log's reader adds the time itself


def parse_settings(arguments: Sequence[str], *, environ: Mapping[str, str]) -> Settings:
    """Read the command line; a usage error ends the process with status 2.

    Raises:
        BadRequestError: a name or the profile is not valid.

    """
    found = _parser().parse_args(arguments)
    return Settings(
        node=check_token(found.node, "node"),
        context=found.context,
        cache=found.cache or default_cache(environ),
        cache_bytes=found.cache_mib << 20,
        backends=tuple(name for name in found.backends.split(",") if name),
        threads=found.threads or min(_USUAL_THREADS, len(os.sched_getaffinity(0))),
        profile=load_profile(found.profile) if found.profile else Profile(),
        trust=read_trust(found.trust, allow_unsigned=found.allow_unsigned),
        memory_bytes=found.memory_mib << 20,
        log_level=found.log_level,
        journal=found.journal,
    )


def default_cache(environ: Mapping[str, str]) -> Path:
    """Return where artefacts are kept: systemd's ``CacheDirectory=`` where there is one, else the user's own cache."""
    if given := environ.get("CACHE_DIRECTORY"):
        return Path(given.split(":")[0])
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".cache"
    return Path(base) / "bramble" / "agent"


def load_profile(path: Path) -> Profile:
    """Read a profile for the simulated backend.

    Raises:
        BadRequestError: the file cannot be read, or says anything that a profile does not have.

    """
    remedy = "write `speed = 0.5`, or a table [seconds] with `model = 0.02`"
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Profile)
    except OSError as error:
        raise BadRequestError(f"the profile {path} cannot be read: {error.strerror}", remedy=remedy) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"the profile {path} is not valid: {error}", remedy=remedy) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bramble-agent", description="Serves models on this node.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--node", required=True, metavar="NAME", help="this node's name in the cluster")
    add("--context", metavar="FILE|NAME", help="the nats context to connect with")
    add("--cache", type=Path, metavar="DIR", help="where artefacts are kept (default: the user's cache)")
    add("--cache-mib", type=_between(16, 1 << 20), default=2048, metavar="N", help="its size, at most (default: 2048)")
    add("--backends", default=AUTO, metavar="LIST", help="auto, or any of litert,edgetpu,onnx,simulated")
    add(
        "--threads", type=_between(1, MAX_THREADS), metavar="N", help="threads of the runtime (default: cores, up to 4)"
    )
    add("--profile", type=Path, metavar="FILE", help="TOML: how fast the simulated backend is")
    add("--trust", type=Path, metavar="FILE|DIR", help="serve only models signed by these public keys")
    add("--allow-unsigned", action="store_true", help="with --trust: serve models without a signature all the same")
    add(
        "--memory-mib",
        type=_between(64, 1 << 24),
        default=0,
        metavar="N",
        help="what the planner may count on here, agent included (default: what the machine has)",
    )
    add("--log-level", choices=_LEVELS, default="info")
    add("--journal", action="store_true", help="log without the time, which a journal adds itself")
    return parser


class _between:  # noqa: N801 - reads as a verb where it is used; argparse prints the class's name in its message
    """A whole number within a range, for argparse."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def __call__(self, text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else -1
        if not self._low <= value <= self._high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {self._low} to {self._high}")
        return value
