"""One moment of the dashboard, as a screen shows it. Pure; what several widgets ask of it is worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tui.severity import Assessment, assess
from tui.state import Dashboard


@dataclass(frozen=True, eq=False)  # each moment is another; to compare two would cost more than to show one
class Moment:
    """What is known, and the monotonic time at which it is shown."""

    board: Dashboard
    now: float

    @cached_property
    def assessment(self) -> Assessment | None:
        """The cluster as it is by now, judged; None while nothing is known."""
        status = self.board.status
        return assess(status, waited_s=self.board.waited(self.now)) if status else None

    @property
    def at(self) -> float:
        """Now by the controller's clock, in Unix seconds."""
        return self.board.controller_time(self.now)

    @property
    def is_stale(self) -> bool:
        """Whether what is shown may not be so any more."""
        return self.board.is_stale(self.now)
