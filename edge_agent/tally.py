"""What a shard has done so far: a frozen value, folded frame by frame."""

from __future__ import annotations

import msgspec

WEIGHT = 0.2  # of the newest frame in the moving average: it follows a throttled processor within about ten frames


class Tally(msgspec.Struct, frozen=True):
    """Counts, and the moving average of the node's own time a frame (exponentially weighted)."""

    ewma_ms: float = 0.0
    served: int = 0
    failed: int = 0
    faults: int = 0  # failures in a row that were the node's own

    def add_served(self, busy_ms: float) -> Tally:
        """Count a frame that took ``busy_ms`` without its waiting."""
        average = busy_ms if self.served == 0 else self.ewma_ms + WEIGHT * (busy_ms - self.ewma_ms)
        return Tally(average, self.served + 1, self.failed, 0)

    def add_failed(self, *, own_fault: bool) -> Tally:
        """Count a frame that was answered with an error."""
        return Tally(self.ewma_ms, self.served, self.failed + 1, self.faults + own_fault)
