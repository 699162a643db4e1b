"""Convolutions and pools: operators that look through a window."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from modelkit.tiling.facts import Facts
from modelkit.tiling.region import NO_PADS, Region, Span, whole_region
from modelkit.tiling.rules.step import AXES, Rule, Step, Want

SAME, VALID = 0, 1  # schema.fbs: Padding

LEAST = {
    "float32": struct.pack("<f", float("-inf")), "int8": struct.pack("<b", -128), "uint8": b"\0",
    "int16": struct.pack("<h", -(1 << 15)),
}  # fmt: skip
"""For each type, the value that no other is below, as the file holds it."""


class _Window(NamedTuple):
    """What an output position sees along one axis."""

    length: int  # of the input
    reach: int  # from the first position that is seen to behind the last
    stride: int
    before: int  # positions of padding in front of the input

    def look(self, needed: Span) -> tuple[Span, tuple[int, int]]:
        """The part of the input that is seen, and how much padding before and after it."""
        first = needed.start * self.stride - self.before
        last = (needed.end - 1) * self.stride - self.before
        return Span(first, last + self.reach).clip(self.length)


@dataclass(frozen=True, slots=True)
class _Windowed:
    """Convolutions and pools."""

    facts: Facts
    windows: tuple[_Window, _Window]
    whole: tuple[Region, Region]  # of the input and of the output
    padding: int
    fill: str  # what padding counts as: zero, lowest or nothing

    def step(self, needed: Region) -> Step:
        others = (None,) * (len(self.facts.operator.inputs) - 1)
        if needed == self.whole[1]:
            return Step((Want(self.whole[0]), *others), needed)
        (rows, above), (columns, beside) = (
            window.look(span) for window, span in zip(self.windows, needed, strict=True)
        )
        pads = (above, beside)
        if pads != NO_PADS and self.fill == "nothing":
            raise self.facts.refusal("takes the mean of fewer values at the padded border")
        want = Want(Region(rows, columns), pads, lowest=self.fill == "lowest")
        return Step((want, *others), needed, options={"0": VALID} if self.padding == SAME else {})


class _Look(NamedTuple):
    """What an operator says of its window along one axis."""

    size: int
    stride: int
    dilation: int


class _Fields(NamedTuple):
    """Where the options of a windowed operator are, by axis: rows, then columns."""

    strides: tuple[str, str]
    dilations: tuple[str, str] | None
    sizes: tuple[str, str] | None  # None: those of the weights


CONVOLUTION = _Fields(("2", "1"), ("5", "4"), None)
DEPTHWISE = _Fields(("2", "1"), ("6", "5"), None)
POOL = _Fields(("2", "1"), None, ("4", "3"))


def bind_windowed(facts: Facts, fields: _Fields, fill: str) -> Rule:
    """A window at each position; `fill` is what padding counts as: zero, lowest or nothing."""
    source, output, options = facts.picture_shape(0), facts.output_shape(), facts.options()
    strides = [options.number(name) for name in fields.strides]
    dilations = [options.number(name, 1) for name in fields.dilations] if fields.dilations else [1, 1]
    if fields.sizes:
        sizes = [options.number(name) for name in fields.sizes]
        if fill == "lowest" and facts.dtype(0) not in LEAST:
            raise facts.refusal(f"takes the greatest of {facts.dtype(0)} values")
    else:
        if any(facts.flows(position) for position in range(1, len(facts.operator.inputs))):
            raise facts.refusal("has weights that depend on the picture")
        kernel = facts.shape(1)
        if len(kernel) != len(source):
            raise facts.refusal(f"has weights of shape {list(kernel)}")
        sizes = [kernel[axis] for axis in AXES]
    padding = options.number("0")
    looks = [_Look(*look) for look in zip(sizes, strides, dilations, strict=True)]
    rows, columns = (
        _make_window(facts, (source[axis], output[axis]), look, padding) for axis, look in zip(AXES, looks, strict=True)
    )
    return _Windowed(facts, (rows, columns), (whole_region(source), whole_region(output)), padding, fill)


def _make_window(facts: Facts, lengths: tuple[int, int], look: _Look, padding: int) -> _Window:
    """The window along one axis; `lengths` are those of the input and of the output."""
    length, output = lengths
    if min(look) < 1 or padding not in (SAME, VALID):
        raise facts.refusal(f"has windows of {look.size} with stride {look.stride} and dilation {look.dilation}")
    reach, stride = (look.size - 1) * look.dilation + 1, look.stride
    expected = -(-length // stride) if padding == SAME else (length - reach) // stride + 1
    if output != expected:
        raise facts.refusal(f"says that {length} rows or columns give {output}, not {expected}")
    missing = max(0, (output - 1) * stride + reach - length) if padding == SAME else 0
    return _Window(length, reach, stride, missing // 2)
