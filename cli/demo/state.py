"""What a demonstration has seen so far."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from wire.messages import Result
from wire.status import ClusterStatus

SHOWN_RESULTS = 8
SHOWN_NOTES = 4


@dataclass(slots=True)
class DemoState:
    """Fed with results, statuses and notes; read by the view."""

    status: ClusterStatus | None = None
    first_result_s: float | None = None
    results: int = 0
    served: Counter[str] = field(default_factory=Counter)
    last: deque[Result] = field(default_factory=lambda: deque(maxlen=SHOWN_RESULTS))
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN_NOTES))

    def take_result(self, result: Result, *, age_s: float) -> None:
        """Take in a result; ``age_s`` is the age of the process."""
        if result.error is not None:
            self.last.append(result)
            return
        if self.first_result_s is None:
            self.first_result_s = age_s
        self.results += 1
        self.served.update(result.nodes)
        self.last.append(result)
