"""Which nodes must not serve which models, because they answered wrongly; every controller heeds them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from wire.ids import Digest, Token
from wire.messages import Count, Message


class Fence(Message, frozen=True):
    """A node is out of rotation for one artefact of a model."""

    model: Token
    digest: Digest
    reason: Annotated[str, Meta(max_length=400)]
    since: float  # Unix seconds
    passed: Count = 0  # canaries answered rightly since, one after another


class FenceBook(Message, frozen=True):
    """All fences of one node: the value of its key in the bucket ``fences``."""

    node: Token
    fences: tuple[Fence, ...] = ()


class ProveRequest(Message, frozen=True):
    """``node.<node>.command.prove``: load a model anew, and prove it, in a child process first."""

    model: Token
