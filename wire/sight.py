"""How long each camera has been blind since it was first added, as controllers keep it for ever."""

from __future__ import annotations

from wire.ids import Token
from wire.messages import Message, NotNegative


class Sight(Message, frozen=True):
    """One camera's account of blindness."""

    seconds_blind: NotNegative
    as_of: float  # Unix seconds
    watching: bool  # it was to be watched then, so that time without anybody counts; False once it was removed


class SightBook(Message, frozen=True):
    """The accounts of all cameras that one controller has had; of several books the latest account counts."""

    cameras: dict[Token, Sight]
