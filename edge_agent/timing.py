"""What the children that measure models are asked and what they answer."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from modelkit.manifest import Manifest
from wire.precision import Precision


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which model to measure, and where it may be cut."""

    backend: str
    variant: str
    manifest: Manifest
    artefact: str  # path
    picture: str | None  # path of the known answer's picture; None: a gray one will do
    threads: Annotated[int, Meta(ge=1)]
    at: tuple[int, ...] = ()
    wires: tuple[Precision, ...] = ()  # one a cut, where it is asked what they do to answers
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


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a precision does to answers, as in :class:`wire.effects.WireEffect`; ``problem``: why that is not known."""

    pictures: int = 0
    same_first: int = 0
    matched: float = 0.0
    score_change: float = 0.0
    least_overlap: float = 1.0
    refused: str = ""  # why the precision must not be used
    problem: str = ""
    remedy: str = ""
