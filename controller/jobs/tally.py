"""What has become of jobs at this controller since its start."""

from __future__ import annotations

from collections import Counter

from wire.jobs import JobEnd


class Tally:
    """Counts outcomes, and deliveries of jobs that had one."""

    def __init__(self) -> None:
        self.ends: Counter[tuple[str, str, str]] = Counter()  # by model, end and reason
        self.repeated = 0

    def note(self, model: str, end: JobEnd, reason: str) -> None:
        """Count an outcome; ``reason`` is the code of a failure's error, else empty."""
        self.ends[model, end.value, reason] += 1
