"""What the child that times models is asked and what it answers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from modelkit.manifest import Manifest


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which model to time, and where it may be cut."""

    backend: str
    variant: str
    manifest: Manifest
    artefact: str  # path
    picture: str | None  # path of the known answer's picture; None: a gray one will do
    threads: Annotated[int, Meta(ge=1)]
    at: tuple[int, ...] = ()
    signature: str | None = None
    trusted: tuple[str, ...] = ()  # with a signature: it is checked before the model is loaded


class ModelTimes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Seconds and bytes; ``problem`` is empty when there are any."""

    runtime: str = ""
    seconds: tuple[float, ...] = ()  # of each prefix, the whole model last
    frame_s: float = 0.0
    result_s: float = 0.0
    passing_s: float = 0.0
    load_s: float = 0.0
    memory_bytes: int = 0
    slowdown: float = 1.0
    problem: str = ""
    remedy: str = ""
