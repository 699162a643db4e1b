"""What the dashboard asks of whatever feeds it: a cluster, or a recording of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tui.actions import Action
from tui.updates import Update, Wants
from wire.plans import PlanReport, PlanRequest

Put = Callable[[Update], None]


class Source(Protocol):
    """A source of updates, and where actions go."""

    async def run(self, put: Put) -> None:
        """Hand over updates until cancelled."""

    def want(self, wants: Wants) -> None:
        """Say what the open screens need beyond the status."""

    def hurry(self) -> None:
        """Try to connect now."""

    async def act(self, action: Action) -> str:
        """Carry out an action and return what was done. Raises a BrambleError where it was not."""

    async def propose(self, request: PlanRequest) -> PlanReport:
        """Have a plan made, and change nothing; may take minutes. Raises a BrambleError where there is none."""
