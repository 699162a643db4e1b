"""How a model is to be served, as its operator wants it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from wire.ids import Token
from wire.messages import Message


class ServingPolicy(Message, frozen=True):
    """While one of ``primary`` serves the model, all other nodes stand by. Without primaries all serve alike."""

    model: Token
    primary: Annotated[tuple[Token, ...], Meta(max_length=64)] = ()
