"""Activations in fewer bytes, where the link is what holds a plan up. Pure.

The planner first lays the model out as if everything that may be coded were; then each hop goes back to the most exact
precision that costs next to nothing. What is left is coded because a link needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import takewhile

from controller.planning.problem import Workload
from wire.precision import Precision

GAIN = 0.1
"""A plan that codes has to be so much better than the best one of its kind that does not, a share."""
LOSS = 0.02
"""So little is given up, in all, to send a hop more exactly."""

_KEPT = {Precision.EXACT: 1.0, Precision.F16: 0.5, Precision.INT8: 0.25}
"""What is left of the bytes of float32."""

Wires = Mapping[int, Precision]
"""The precision at each cut that is not exact, by the operator before which it is."""


def code(work: Workload, wires: Wires) -> Workload:
    """Return the workload with what crosses in these precisions."""
    floats = work.float_bytes or (0,) * len(work.cuts)
    return replace(
        work,
        crossing_bytes=tuple(
            size - round(real * (1 - _KEPT[wires.get(at, Precision.EXACT)]))
            for at, size, real in zip(work.cuts, work.crossing_bytes, floats, strict=True)
        ),
    )


def code_all(work: Workload, wire: Precision) -> Wires:
    """Return the wires where every cut with floats is as coarse as allowed."""
    floats = work.float_bytes or (0,) * len(work.cuts)
    return {at: wire for at, real in zip(work.cuts, floats, strict=True) if real and wire is not Precision.EXACT}


def list_finer(wire: Precision) -> tuple[Precision, ...]:
    """Return the precisions that are more exact than one, the most exact first."""
    return tuple(takewhile(lambda each: each is not wire, Precision))


def find_coarsest(wires: Iterable[Precision]) -> Precision:
    """Return the coarsest of several; of none, exact."""
    return max(wires, key=list(Precision).index, default=Precision.EXACT)
