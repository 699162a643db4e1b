"""The versions of a model that a cluster keeps: what operators ask for, and how each of them is."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from wire.ids import Digest, Token
from wire.messages import Message

VersionState = Literal["serving", "preparing", "kept"]
"""In force; put into force, and not on all nodes yet; kept so that it can be put into force."""


class VersionRequest(Message, frozen=True):
    """What ``control.<user>.model.promote`` carries."""

    model: Token
    version: Annotated[str, Meta(min_length=1, max_length=64)]  # as its manifest says, or how its digest begins


class VersionStatus(Message, frozen=True, omit_defaults=True):
    """One version of a model."""

    version: str
    digest: Digest  # of its manifest
    added_at: float
    state: VersionState
    nodes: tuple[Token, ...] = ()  # that are ready with it
    refused: dict[str, str] = msgspec.field(default_factory=dict)  # why, by node
