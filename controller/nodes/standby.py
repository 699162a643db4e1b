"""Primary and backup nodes of a model: who stands by, and when a primary that was lost is trusted again. Pure.

While a primary serves, the others stand by: loaded, proved, idle. When the last primary is lost, they take over at
once, since the pool falls back on whoever is left. A primary that returns stands by itself for a while, longer each
time that it was lost of late, so that a node which comes and goes does not take the work with it each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

RETURN_S = 10.0
MAX_RETURN_S = 160.0
MEMORY_S = 600.0
"""A loss is forgotten after so long without another."""


@dataclass(frozen=True, slots=True)
class Primary:
    """One primary node of one model."""

    ready_since: float | None = None
    losses: int = 0
    lost_at: float = float("-inf")
    ever_ready: bool = False

    def see(self, now: float, *, ready: bool) -> Primary:
        """Return it after a look at whether it serves."""
        losses = 0 if now - self.lost_at > MEMORY_S and self.ready_since is not None else self.losses
        if ready and self.ready_since is None:
            return replace(self, ready_since=now, ever_ready=True)
        if not ready and self.ready_since is not None:
            return replace(self, ready_since=None, losses=losses + 1, lost_at=now)
        return replace(self, losses=losses)

    def trusted(self, now: float) -> bool:
        """Tell whether it may have the work; one that was never lost may at once."""
        if self.ready_since is None:
            return False
        if self.losses == 0:
            return True
        return now - self.ready_since >= min(MAX_RETURN_S, RETURN_S * 2.0 ** min(self.losses - 1, 16))


def choose_standby(primaries: Mapping[str, Primary], ready: Collection[str], now: float) -> frozenset[str]:
    """Return the nodes that stand by, of those that are ready to serve."""
    trusted = {name for name, each in primaries.items() if name in ready and each.trusted(now)}
    backups = {name for name in ready if name not in primaries}
    if trusted:
        return frozenset(set(ready) - trusted)
    return frozenset(set(ready) & primaries.keys()) if backups else frozenset()


class Standby:
    """Who stands by for which model. Look some times a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._primaries: dict[str, dict[str, Primary]] = {}
        self._standing_by: dict[str, frozenset[str]] = {}

    def replace(self, policies: Mapping[str, tuple[str, ...]]) -> None:
        """Take over the primaries of each model that has some."""
        self._primaries = {
            model: {name: self._primaries.get(model, {}).get(name, Primary()) for name in names}
            for model, names in policies.items()
        }
        self._standing_by = {model: who for model, who in self._standing_by.items() if model in self._primaries}

    def look(self, ready: Callable[[str], Collection[str]]) -> None:
        """Judge anew; ``ready`` returns the nodes that serve a model."""
        now = self._clock()
        for model, primaries in self._primaries.items():
            serving = ready(model)
            seen = {name: each.see(now, ready=name in serving) for name, each in primaries.items()}
            self._primaries[model] = seen
            self._standing_by[model] = choose_standby(seen, serving, now)

    def of(self, model: str) -> frozenset[str]:
        """Return the nodes that stand by for a model; they are taken all the same where nobody else is left."""
        return self._standing_by.get(model, frozenset())

    def primary(self, model: str) -> tuple[str, ...]:
        """Return a model's primary nodes."""
        return tuple(sorted(self._primaries.get(model, ())))
