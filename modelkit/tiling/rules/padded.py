"""Operators that add constant values around the picture."""

from __future__ import annotations

from dataclasses import dataclass

from modelkit.tiling.facts import Facts
from modelkit.tiling.region import COLUMNS, ROWS, Region, Span
from modelkit.tiling.rules.step import AXES, Rule, Step, Want


@dataclass(frozen=True, slots=True)
class _Padded:
    """Constant values around the picture."""

    facts: Facts
    lengths: tuple[int, int]  # of the input
    widths: tuple[int, ...]  # before and after each of the four sides

    def step(self, needed: Region) -> Step:
        spans: list[Span] = []
        pads: list[int] = []
        for axis, length, span in zip(AXES, self.lengths, needed, strict=True):
            before = self.widths[2 * axis]
            inside, around = Span(span.start - before, span.end - before).clip(length)
            if inside.length < 1:
                raise self.facts.refusal(f"would give a part of {span.length} rows or columns of padding alone")
            spans.append(inside)
            pads.extend(around)
        others = (None,) * (len(self.facts.operator.inputs) - 1)
        widths = (*self.widths[: 2 * ROWS], *pads, *self.widths[2 * COLUMNS + 2 :])
        return Step((Want(Region(*spans)), *others), needed, constants={1: widths})


def bind_padded(facts: Facts) -> Rule:
    """Values around any side; parts keep those of the borders that are theirs."""
    source, output, widths = facts.picture_shape(0), facts.output_shape(), facts.numbers(1)
    expected = [side + sum(widths[2 * axis : 2 * axis + 2]) for axis, side in enumerate(source)]
    if len(widths) != 2 * len(source) or min(widths) < 0 or list(output) != expected:
        raise facts.refusal(f"pads {list(source)} by {list(widths)} to {list(output)}")
    return _Padded(facts, (source[ROWS], source[COLUMNS]), widths)
