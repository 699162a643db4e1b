"""What a probe is asked and what it answers. A model is first loaded by a child process: it may crash, and only it."""

from __future__ import annotations

import hashlib
import signal
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_agent.backends.base import Runtime
from edge_agent.backends.part import WHOLE, Part
from edge_agent.trust import Trust
from modelkit.manifest import Manifest

WALL_S = 60.0  # a Raspberry Pi 4 needs 2 to 5 s
CPU_S = 60
_MEMORY_FLOOR = 2 << 30  # address space, most of it never touched: thread stacks and what the runtime maps
_MEMORY_FACTOR = 8  # of the artefact's size


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model to be loaded and asked for its known answer, or a stage of one to be run on a blank input."""

    backend: str
    variant: str
    manifest: Manifest
    artefact: str  # path
    picture: str | None  # path of the known answer's picture
    threads: Annotated[int, Meta(ge=1)]
    part: Part = WHOLE
    memory_bytes: Annotated[int, Meta(ge=1)]
    signature: str | None = None
    whole: str | None = None  # path of the signed artefact that a stage must have been cut from
    trusted: tuple[str, ...] = ()  # public keys as PEM; with any, the signature is checked before the model is loaded


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the probe found. ``problem`` is empty when the model is good."""

    problem: str = ""
    remedy: str = ""
    peak_bytes: int = 0  # of resident memory


def bound_memory(artefact_bytes: int) -> int:
    """Return the address space that a probe may take."""
    return _MEMORY_FLOOR + _MEMORY_FACTOR * artefact_bytes


def fingerprint(manifest_digest: str, variant: str, runtime: Runtime, machine: str, trust: Trust) -> str:
    """Return one digest for the circumstances in which a model was proved; when one changes, it is proved again."""
    facts = f"{manifest_digest}\n{variant}\n{runtime.name}\n{runtime.version}\n{machine}\n{trust}"
    return hashlib.sha256(facts.encode()).hexdigest()


def describe_exit(status: int) -> str:
    """Say in words how a probe ended. ``status`` is negative for a signal, as ``subprocess`` has it."""
    if status >= 0:
        return f"the probe ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if -status in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE):
        return f"the runtime crashed with {name} on this model"
    if -status == signal.SIGXCPU:
        return f"the model took more than {CPU_S} s of processor time"
    return f"the probe was killed with {name}"
