"""What dividing costs, at every cut: work done twice, bytes that travel, and what is left for one node to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelkit.slicing.cost import count_macs
from modelkit.slicing.model import read_model
from modelkit.tiling.errors import TilingRefusedError
from modelkit.tiling.layout import Front, Layout, find_front, lay_out
from modelkit.tiling.region import COLUMNS, ROWS, Grid, Region

_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Option:
    """The front before cut `at`, divided."""

    at: int
    after: str  # the kind of the operator before the cut
    macs: tuple[int, ...] = ()  # of each part
    bytes_in: tuple[int, ...] = ()  # of the inputs of each part, as tensors
    bytes_out: tuple[int, ...] = ()  # that each part hands on
    halo: float = 0.0  # work of all parts over that of the undivided front, less 1
    front_share: float = 0.0  # of the whole model's work that is before the cut, 0 to 1
    path_share: float = 0.0  # of the whole model's work that one frame waits for: the greatest part and the rest
    problem: str = ""  # why the front cannot be divided there; empty where it can


def survey(data: bytes, grid: Grid) -> tuple[Option, ...]:
    """Every cut of a .tflite. Raises ModelRejectedError where the file is malformed or cannot be cut at all."""
    front = find_front(read_model(data))
    return tuple(_weigh(front, at, grid) for at in range(1, len(front.graph.operators) + 1))


def choose_cut(options: Sequence[Option]) -> Option:
    """The cut at which a frame should be done soonest, by work and traffic. Raises TilingRefusedError if there is none.

    A guess from the file alone: nodes are alike, and _BYTES of activations weigh as much as all of the model's work.
    """
    possible = [option for option in options if not option.problem]
    if not possible:
        raise TilingRefusedError(options[0].problem, remedy="run this model whole, or as a pipeline")
    return min(possible, key=lambda option: option.path_share + max(option.bytes_out) / _BYTES)


def _weigh(front: Front, at: int, grid: Grid) -> Option:
    graph = front.graph
    after = graph.operators[at - 1].kind
    try:
        layouts = lay_out(front, at, grid)
    except TilingRefusedError as error:
        return Option(at, after, problem=str(error))
    macs = tuple(_count(front, layout) for layout in layouts)
    costs = [count_macs(graph, operator) for operator in graph.operators]
    before, total = sum(costs[:at]), sum(costs) or 1
    return Option(
        at=at,
        after=after,
        macs=macs,
        bytes_in=tuple(_count_bytes(front, _pick_inputs(front, layout)) for layout in layouts),
        bytes_out=tuple(_count_bytes(front, dict(layout.pieces)) for layout in layouts),
        halo=sum(macs) / before - 1 if before else 0.0,
        front_share=before / total,
        path_share=(max(macs) + total - before) / total,
    )


def _count(front: Front, layout: Layout) -> int:
    """Multiply-accumulates: those of the whole operator, in proportion to the region."""
    graph = front.graph
    count = 0
    for place, step in layout.steps.items():
        shape = graph.tensors[graph.operators[place].outputs[0]].shape
        count += count_macs(graph, graph.operators[place]) * step.produces.area // (shape[ROWS] * shape[COLUMNS])
    return count


def _pick_inputs(front: Front, layout: Layout) -> dict[int, Region]:
    return {tensor: layout.regions[tensor] for tensor in front.graph.inputs if tensor in layout.regions}


def _count_bytes(front: Front, regions: dict[int, Region]) -> int:
    count = 0
    for index, region in regions.items():
        tensor = front.graph.tensors[index]
        count += (tensor.bytes or 0) * region.area // (tensor.shape[ROWS] * tensor.shape[COLUMNS])
    return count
