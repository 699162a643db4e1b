"""What each part of a divided picture computes: from the regions that are wanted at the cut back to the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelkit.slicing.cut import find_problems
from modelkit.slicing.graph import Graph, Tensor
from modelkit.slicing.model import Model
from modelkit.tiling.errors import TilingRefusedError
from modelkit.tiling.region import COLUMNS, ROWS, Grid, Region
from modelkit.tiling.rules import Rule, Step, bind

_RANK = 4


@dataclass(frozen=True)
class Front:
    """The operators of a model, from the first on, that can be divided, and why the next one cannot."""

    model: Model
    rules: tuple[Rule, ...]
    refusal: TilingRefusedError | None

    @property
    def graph(self) -> Graph:
        """The model as a graph."""
        return self.model.graph


@dataclass(frozen=True, slots=True)
class Layout:
    """What one part computes."""

    steps: Mapping[int, Step]  # by operator; those that nothing needs are left out
    regions: Mapping[int, Region]  # that exist, of each tensor that flows
    pieces: Mapping[int, Region]  # what the part hands on, of each tensor that crosses the cut


def find_front(model: Model) -> Front:
    """How far the model can be divided."""
    rules: list[Rule] = []
    for operator in model.graph.operators:
        try:
            rules.append(bind(model, operator))
        except TilingRefusedError as error:
            return Front(model, tuple(rules), error)
    return Front(model, tuple(rules), None)


def find_crossing(front: Front, at: int) -> tuple[Tensor, ...]:
    """The tensors that parts hand on at cut `at`. Raises TilingRefusedError where the front cannot end there."""
    graph, length = front.graph, len(front.graph.operators)
    if not 0 < at <= length:
        raise TilingRefusedError(
            f"there is no cut {at}: the model has {length} operators", remedy="list them with `bramble model tiles`"
        )
    if at > len(front.rules) and front.refusal is not None:
        raise front.refusal
    if problem := find_problems(graph).get(at):
        raise TilingRefusedError(f"the model cannot be cut at {at}: {problem}", remedy="cut at another place")
    if at == length and set(graph.outputs) - set(graph.births):
        raise TilingRefusedError("an output of the model is a constant", remedy="cut before the last operator")
    tensors = tuple(graph.crossing(at))
    for tensor in tensors:
        if len(tensor.shape) != _RANK or 0 in tensor.shape:
            raise TilingRefusedError(
                f"the picture cannot be divided at {at}: {tensor} of shape {list(tensor.shape)} has no rows",
                remedy="cut at another place",
            )
    return tensors


def lay_out(front: Front, at: int, grid: Grid) -> tuple[Layout, ...]:
    """What each part computes of operators `[0, at)`, row by row. Raises TilingRefusedError."""
    crossing = find_crossing(front, at)
    cells = {tensor.index: grid.cells(tensor.shape[ROWS], tensor.shape[COLUMNS]) for tensor in crossing}
    for tensor in crossing:
        if any(cell.area < 1 for cell in cells[tensor.index]):
            raise TilingRefusedError(
                f"{tensor} of shape {list(tensor.shape)} is too small for {grid} parts at {at}",
                remedy="divide into fewer parts, or cut earlier",
            )
    return tuple(_trace(front, at, {tensor: cells[tensor][part] for tensor in cells}) for part in range(grid.parts))


def _trace(front: Front, at: int, pieces: Mapping[int, Region]) -> Layout:
    """Walk back from the cut: what an operator must compute is what all later ones and the cut need of it."""
    graph = front.graph
    needed = dict(pieces)
    regions: dict[int, Region] = {}
    steps: dict[int, Step] = {}
    for place in range(at - 1, -1, -1):
        operator = graph.operators[place]
        wanted = [needed[tensor] for tensor in operator.outputs if tensor in needed]
        if not wanted:
            continue
        step = front.rules[place].step(_join(wanted))
        steps[place] = step
        regions |= dict.fromkeys(operator.outputs, step.produces)
        for tensor, want in zip(operator.inputs, step.wants, strict=True):
            if want is not None and tensor in graph.births:
                needed[tensor] = want.region.hull(needed.get(tensor, want.region))
    regions |= {tensor: needed[tensor] for tensor in graph.inputs if tensor in needed}
    return Layout(steps, regions, dict(pieces))


def _join(regions: Sequence[Region]) -> Region:
    joined = regions[0]
    for region in regions[1:]:
        joined = joined.hull(region)
    return joined
