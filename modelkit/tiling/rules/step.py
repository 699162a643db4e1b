"""What computing a part of an operator's output takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from modelkit.tiling.region import COLUMNS, NO_PADS, ROWS, Pads, Region

AXES = (ROWS, COLUMNS)


@dataclass(frozen=True, slots=True)
class Want:
    """A region of an input, and what is put around it."""

    region: Region
    pads: Pads = NO_PADS
    lowest: bool = False  # pads hold the least value there is, not zero: no maximum is ever one of them


@dataclass(frozen=True, slots=True)
class Step:
    """An operator that computes a region of its output."""

    wants: tuple[Want | None, ...]  # for each input; None: as it is
    produces: Region  # at least what was asked for
    options: Mapping[str, int] = field(default_factory=dict)  # that change
    constants: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # inputs with another value


class Rule(Protocol):
    """An operator that can be divided."""

    def step(self, needed: Region) -> Step:
        """How to compute that region. Raises TilingRefusedError where just this region cannot be had exactly."""
