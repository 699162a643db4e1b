"""A layout in which the front of a model is divided by area, as an operator asked for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modelkit.tiling import Grid
from wire.errors import BadRequestError
from wire.plans import Layout, PlannedNode, PlannedStage

NAME = "tiles"


class Divided(NamedTuple):
    """A model's files: of the parts, and of what goes on with them."""

    at: int
    end: int  # operators in all
    parts: tuple[tuple[str, tuple[int, int, int, int]], ...]  # digest, and what it sees of the input
    rest: str


def lay_out(
    divided: Divided, grid: Grid, nodes: Sequence[PlannedNode], *, version: str, variant: str, whole: str
) -> Layout:
    """Give each part a node of its own, the fastest ones, and the rest the next one, or the first where there is none.

    The node of the rest and those that are left hold the whole model as well, so that a frame has another way where a
    part is lost; each frame takes the way that is expected to be done first.

    Raises:
        BadRequestError: there are fewer nodes than parts.

    """
    able = sorted(
        (each for each in nodes if each.variant == variant and each.whole_s > 0), key=lambda each: each.whole_s
    )
    names = [each.node for each in able]
    if len(names) < grid.parts:
        raise BadRequestError(
            f"{len(names)} nodes run the {variant} variant, too few for {grid.parts} parts",
            remedy="divide into fewer parts, or add nodes",
        )
    rest = names[grid.parts] if len(names) > grid.parts else names[0]
    parts = tuple(
        PlannedStage(start=0, end=divided.at, nodes=(node,), digest=digest, crop=crop)
        for node, (digest, crop) in zip(names, divided.parts, strict=False)
    )
    last = PlannedStage(start=divided.at, end=divided.end, nodes=(rest,), digest=divided.rest)
    spare = tuple(dict.fromkeys((rest, *names[grid.parts :])))
    return Layout(
        name=NAME,
        version=version,
        variant=variant,
        whole=whole,
        pipelines=((*parts, last), (PlannedStage(start=0, end=divided.end, nodes=spare),)),
        grid=(grid.rows, grid.columns),
    )
