"""One metric family: its declaration, and how its samples are read out of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from controller.metrics.snapshot import Snapshot

Sample = tuple[tuple[str, ...], float]
"""Label values in the order of the family's labels, and the value in base units."""

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Family:
    """A family as it is exposed. Names end in their unit, counters in ``_total``."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    read: Callable[[Snapshot], Iterable[Sample]] | None = None  # None: it is counted where it happens
