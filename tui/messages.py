"""What screens tell the app."""

from __future__ import annotations

from textual.message import Message

from tui.actions import Action
from tui.jump import Target


class Go(Message):
    """The user wants to see something."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target


class Ask(Message):
    """The user wants something done; ``confirmed`` where a form has asked already."""

    def __init__(self, action: Action, *, confirmed: bool = False) -> None:
        super().__init__()
        self.action = action
        self.confirmed = confirmed


class Plan(Message):
    """The user wants to see what plan a model could have."""

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model


class Shown(Message):
    """A screen that was covered can be seen again."""
