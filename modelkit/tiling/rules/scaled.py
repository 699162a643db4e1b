"""Operators that make more positions of few, or few of more."""

from __future__ import annotations

from dataclasses import dataclass

from modelkit.tiling.facts import Facts
from modelkit.tiling.region import COLUMNS, ROWS, Region, Span
from modelkit.tiling.rules.step import AXES, Rule, Step, Want


@dataclass(frozen=True, slots=True)
class _Scaled:
    """More positions out than in: each input position gives a block of `factors`, and sees `halo` around it."""

    lengths: tuple[int, int]  # of the input
    factors: tuple[int, int]
    halo: int
    operands: int
    sized: bool  # the operator takes the size of its output as input 1

    def step(self, needed: Region) -> Step:
        inside, produced = [], []
        for length, factor, span in zip(self.lengths, self.factors, needed, strict=True):
            seen = Span(span.start // factor - self.halo, -(-span.end // factor) + self.halo).clip(length)[0]
            inside.append(seen)
            produced.append(Span(seen.start * factor, seen.end * factor))
        size = (produced[0].length, produced[1].length)
        others = (None,) * (self.operands - 1)
        return Step((Want(Region(*inside)), *others), Region(*produced), constants={1: size} if self.sized else {})


def bind_resize(facts: Facts, halo: int) -> Rule:
    """Resizing by a power of two only: there, positions between pixels are exact, wherever a part begins."""
    source, output, options = facts.picture_shape(0), facts.output_shape(), facts.options()
    names = ("2", "3") if facts.operator.kind == "RESIZE_BILINEAR" else ("0", "1")
    if options.number(names[0]):
        raise facts.refusal("aligns the corners of the whole picture")
    if tuple(output[axis] for axis in AXES) != facts.numbers(1):
        raise facts.refusal(f"says that it resizes to {list(facts.numbers(1))} and gives {list(output)}")
    factors = []
    for axis in AXES:
        factor, rest = divmod(output[axis], source[axis])
        if rest or factor & (factor - 1):
            raise facts.refusal(f"resizes {source[axis]} to {output[axis]}, which is not by a power of two")
        factors.append(factor)
    return _Scaled((source[ROWS], source[COLUMNS]), (factors[0], factors[1]), halo, 2, sized=True)


def bind_depth_to_space(facts: Facts) -> Rule:
    """Channels spread out as blocks."""
    source, output, block = facts.picture_shape(0), facts.output_shape(), facts.options().number("0")
    if block < 1 or any(output[axis] != source[axis] * block for axis in AXES):
        raise facts.refusal(f"makes {list(output)} of {list(source)} with blocks of {block}")
    return _Scaled((source[ROWS], source[COLUMNS]), (block, block), 0, 1, sized=False)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Blocks of positions become one position each."""

    block: int

    def step(self, needed: Region) -> Step:
        rows, columns = (Span(span.start * self.block, span.end * self.block) for span in needed)
        return Step((Want(Region(rows, columns)),), needed)


def bind_space_to_depth(facts: Facts) -> Rule:
    """Blocks folded into channels."""
    source, output, block = facts.picture_shape(0), facts.output_shape(), facts.options().number("0")
    if block < 1 or any(source[axis] != output[axis] * block for axis in AXES):
        raise facts.refusal(f"makes {list(output)} of {list(source)} with blocks of {block}")
    return _Gathered(block)
