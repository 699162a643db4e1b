"""Whatever the windows, strides and paddings: the parts together give what the whole gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkit.slicing import read_graph
from modelkit.tiling import Grid, TilingRefusedError, tile
from tests.slicing_testing.runtime import BUILTIN, DELEGATED, make_inputs
from tests.tiling_testing.builder import Builder
from tests.tiling_testing.parts import run_front, run_parts, worst_difference

FLOAT_TOLERANCE = 1e-5
_LEAST_SIDE = 5  # of a tensor that a layer is still added to

sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
strides = st.tuples(st.integers(1, 3), st.integers(1, 3))
grids = st.builds(Grid, st.integers(1, 4), st.integers(1, 3))
Layer = Callable[[Builder, int], int]


@st.composite
def convolutions(draw: Any) -> Layer:
    dilation = draw(st.sampled_from([(1, 1), (2, 1), (2, 2), (1, 3)]))
    stride = draw(strides) if dilation == (1, 1) else (1, 1)
    channels, size, same, relu6 = draw(st.integers(1, 5)), draw(sizes), draw(st.booleans()), draw(st.booleans())
    return lambda graph, source: graph.convolve(
        source, channels, size, stride, dilation, same=same or _is_small(graph, source), relu6=relu6
    )


@st.composite
def depthwise(draw: Any) -> Layer:
    dilation = draw(st.sampled_from([(1, 1), (2, 2)]))
    stride = draw(st.integers(1, 2)) if dilation == (1, 1) else 1
    multiplier, size, same = draw(st.integers(1, 2)), draw(sizes), draw(st.booleans())
    return lambda graph, source: graph.convolve_depthwise(
        source, multiplier, size, stride, dilation, same=same or _is_small(graph, source)
    )


@st.composite
def pools(draw: Any) -> Layer:
    code = draw(st.sampled_from(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
    size, stride = draw(sizes), draw(strides)
    same = code == "MAX_POOL_2D" and draw(st.booleans())
    return lambda graph, source: graph.pool(source, code, size, stride, same=same)


@st.composite
def pads(draw: Any) -> Layer:
    widths = [(0, 0), *(draw(st.tuples(st.integers(0, 1), st.integers(0, 2))) for _ in range(2)), (0, 0)]
    value = draw(st.booleans())
    return lambda graph, source: graph.pad(source, widths, value=value)


@st.composite
def resizes(draw: Any) -> Layer:
    code = draw(st.sampled_from(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"]))
    factors, half = draw(st.sampled_from([(2, 2), (1, 2), (4, 1)])), draw(st.booleans())
    return lambda graph, source: graph.resize(source, code, factors, half=half)


@st.composite
def branches(draw: Any) -> Layer:
    """A residual block: two ways that see different halos of one tensor."""
    size, code = draw(sizes), draw(st.sampled_from(["ADD", "MUL", "MAXIMUM", "CONCATENATION"]))

    def add(graph: Builder, source: int) -> int:
        side = graph.convolve(source, graph.shape(source)[3], size)
        if code == "CONCATENATION":
            return graph.concatenate([source, side])
        kind = {"ADD": "Add", "MUL": "Mul", "MAXIMUM": "MaximumMinimum"}[code]
        return graph.pointwise(kind, code, source, side)

    return add


@st.composite
def constants(draw: Any) -> Layer:
    """Something added that differs from position to position, or is the same at all of them."""
    everywhere = draw(st.booleans())
    return lambda graph, source: graph.pointwise(
        "Add", "ADD", source, graph.values((1, 1, 1, graph.shape(source)[3]) if everywhere else graph.shape(source))
    )


def _is_small(graph: Builder, source: int) -> bool:
    return min(graph.shape(source)[1:3]) < 2 * _LEAST_SIDE


layers = st.lists(
    st.one_of(convolutions(), depthwise(), pools(), pads(), resizes(), branches(), constants()), min_size=1, max_size=5
)


def build(chosen: list[Layer], height: int, width: int, *, int8: bool) -> bytes:
    graph = Builder((1, height, width, 2), int8=int8)
    tensor = graph.source
    for layer in chosen:
        if min(graph.shape(tensor)[1:3]) >= _LEAST_SIDE:
            tensor = layer(graph, tensor)
    return graph.finish(tensor if tensor != graph.source else graph.convolve(tensor, 2, (3, 3)))


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
@settings(max_examples=80)
@given(chosen=layers, height=st.integers(5, 24), width=st.integers(5, 20), grid=grids, share=st.floats(0, 1))
def test_parts_together_give_what_the_whole_gives(  # noqa: PLR0917 - drawn
    int8: bool,  # noqa: FBT001 - a case
    chosen: list[Layer],
    height: int,
    width: int,
    grid: Grid,
    share: float,
) -> None:
    data = build(chosen, height, width, int8=int8)
    at = max(1, round(share * len(read_graph(data).operators)))
    try:
        tiling = tile(data, at, grid)
    except TilingRefusedError as error:
        if not any(reason in str(error) for reason in ("is too small for", "of padding alone")):
            raise
        return
    inputs = make_inputs(data)
    for kernels in (DELEGATED, BUILTIN):
        difference = worst_difference(run_front(data, at, inputs, kernels), run_parts(tiling, inputs, kernels))
        assert difference <= (0 if int8 else FLOAT_TOLERANCE), kernels
