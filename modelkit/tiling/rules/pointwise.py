"""Operators whose output depends, at each position, on the same position of their inputs."""

from __future__ import annotations

from dataclasses import dataclass

from modelkit.tiling.facts import Facts
from modelkit.tiling.region import CHANNELS, Region, Span
from modelkit.tiling.rules.step import AXES, Rule, Step, Want


@dataclass(frozen=True, slots=True)
class _Pointwise:
    """Each position of the output depends on the same position of the inputs."""

    operands: tuple[tuple[int, ...] | None, ...]  # the rows and columns of each; None: it has none

    def step(self, needed: Region) -> Step:
        return Step(tuple(None if sides is None else _crop(sides, needed) for sides in self.operands), needed)


def _crop(sides: tuple[int, ...], needed: Region) -> Want:
    """The region of an operand, of which a side of 1 is the same for all positions."""
    rows, columns = (span if side > 1 else Span(0, 1) for side, span in zip(sides, needed, strict=True))
    return Want(Region(rows, columns))


def bind_pointwise(facts: Facts) -> Rule:
    """Element by element; a constant is the same at all positions, or has a value for each."""
    output = facts.output_shape()
    operands: list[tuple[int, ...] | None] = []
    for position in range(len(facts.operator.inputs)):
        shape = facts.picture_shape(position) if facts.flows(position) else facts.shape(position)
        aligned = (1, 1, 1, 1, *shape)[-4:]
        sides = tuple(aligned[axis] for axis in AXES)
        if any(side not in (1, output[axis]) for side, axis in zip(sides, AXES, strict=True)):
            raise facts.refusal(f"takes {list(shape)} for {list(output)}")
        if len(shape) <= CHANNELS and sides != (1, 1):
            raise facts.refusal(f"takes a constant of shape {list(shape)}, which has no rows of its own")
        operands.append(sides if facts.flows(position) or sides != (1, 1) else None)
    if not any(facts.flows(position) for position in range(len(operands))):
        raise facts.refusal("does not depend on the picture")
    return _Pointwise(tuple(operands))


def bind_concatenation(facts: Facts) -> Rule:
    """Channels side by side."""
    rank = len(facts.output_shape())
    if facts.options().number("0") % rank != CHANNELS:
        raise facts.refusal("puts rows or columns together")
    return bind_pointwise(facts)


def bind_softmax(facts: Facts) -> Rule:
    """Shares of the channels, at each position by itself: refused where there are no positions."""
    facts.output_shape()
    return bind_pointwise(facts)


def bind_split(facts: Facts) -> Rule:
    """Channels taken apart."""
    output, (axis,) = facts.output_shape(), facts.numbers(0)[:1] or (0,)
    if axis % len(output) != CHANNELS:
        raise facts.refusal("takes rows or columns apart")
    return _Pointwise((None, tuple(facts.picture_shape(1)[side] for side in AXES)))
