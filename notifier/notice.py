"""One thing worth telling, and its end."""

from __future__ import annotations

from typing import Literal

from notifier.settings import Kind
from wire.messages import Message


class Notice(Message, frozen=True, omit_defaults=True):
    """A trouble or a sighting that began or ended; as it is posted and published."""

    kind: Kind
    state: Literal["raised", "cleared"]
    about: str  # such as "camera door"
    check: str  # what of it: a check's name, or a label
    severity: str  # warning | broken, of a trouble; empty of a sighting
    text: str  # a sentence for people
    at: float  # Unix seconds
    remedy: str = ""
    frame: str = ""  # of a sighting: the frame that showed it first
