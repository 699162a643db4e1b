"""One moment of the dashboard, as a screen shows it. Pure; what several widgets ask of it is worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tui.severity import Assessment, assess
from tui.state import Dashboard

FRESH_S = 0.25
"""So long a status is taken as it came: ages are shown in tenths of a second, and to judge a cluster is dear."""


@dataclass(frozen=True, eq=False)  # each moment is another; to compare two would cost more than to show one
class Moment:
    """What is known, and the monotonic time at which it is shown."""

    board: Dashboard
    now: float

    @cached_property
    def assessment(self) -> Assessment | None:
        """The cluster as it is by now, judged; None while nothing is known."""
        status, waited_s = self.board.status, self.board.waited(self.now)
        if status is None or waited_s < FRESH_S:
            return self.board.judged
        return assess(status, waited_s=waited_s)

    @property
    def at(self) -> float:
        """Now by the controller's clock, in Unix seconds."""
        return self.board.controller_time(self.now)

    @property
    def is_stale(self) -> bool:
        """Whether what is shown may not be so any more."""
        return self.board.is_stale(self.now)
