"""What cannot be divided exactly is refused, with the operator named and a remedy."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from modelkit.errors import ModelRejectedError
from modelkit.slicing import read_graph
from modelkit.tiling import Grid, TilingRefusedError, survey, tile
from tests.slicing_testing.runtime import BUILTIN, make_inputs
from tests.slicing_testing.tiny_models import OPERATORS, build_plain, change, halve, put_out, rename_operators
from tests.tiling_testing.builder import Builder
from tests.tiling_testing.parts import run_front, run_parts, worst_difference

PLAIN = build_plain()
TWO = Grid(2)


def build(add: Callable[[Builder, int], int], *, int8: bool = False) -> bytes:
    """A convolution, then whatever `add` adds, on 12 rows of 10."""
    graph = Builder((1, 12, 10, 2), int8=int8)
    return graph.finish(add(graph, graph.convolve(graph.source, 2, (3, 3))))


def refuse_mean(graph: Builder, source: int) -> int:
    output = graph.tensor((1, 1, 1, 2))
    graph.add_operator("Reducer", "MEAN", [source, graph.constant(np.array([1, 2], np.int32))], [output], keepDims=True)
    return output


def refuse_reshape(graph: Builder, source: int) -> int:
    output = graph.tensor((1, 10, 12, 2))
    graph.add_operator("Reshape", "RESHAPE", [source, graph.constant(np.array([1, 10, 12, 2], np.int32))], [output])
    return output


def refuse_softmax(graph: Builder, source: int) -> int:
    output = graph.tensor((1, 240))
    graph.add_operator("Softmax", "SOFTMAX", [source], [output], beta=1.0)
    return output


@pytest.mark.parametrize(
    ("add", "reason"),
    [
        (refuse_mean, r"operator 1 \(MEAN\): it takes the mean of the whole picture"),
        (refuse_reshape, r"operator 1 \(RESHAPE\): it mixes rows"),
        (refuse_softmax, r"operator 1 \(SOFTMAX\): it handles .* of shape \[1, 240\], which has no rows and columns"),
        (
            lambda graph, source: graph.concatenate([source, source], axis=1),
            r"operator 1 \(CONCATENATION\): it puts rows or columns together",
        ),
        (
            lambda graph, source: graph.pool(source, "AVERAGE_POOL_2D", (3, 3), (1, 1), same=True),
            r"operator 1 \(AVERAGE_POOL_2D\): it takes the mean of fewer values at the padded border",
        ),
        (
            lambda graph, source: graph.resize(source, "RESIZE_BILINEAR", (3, 2), half=False),
            r"operator 1 \(RESIZE_BILINEAR\): it resizes 12 to 36, which is not by a power of two",
        ),
        (
            lambda graph, source: graph.resize(source, "RESIZE_BILINEAR", (2, 2), half=False, corners=True),
            r"operator 1 \(RESIZE_BILINEAR\): it aligns the corners of the whole picture",
        ),
        (
            lambda graph, source: graph.pointwise("Cumsum", "CUMSUM", source),
            r"operator 1 \(CUMSUM\): it is not known to treat each row by itself",
        ),
    ],
)
def test_an_operator_that_sees_more_than_its_rows_is_named(add: Callable[[Builder, int], int], reason: str) -> None:
    data = build(add)
    with pytest.raises(TilingRefusedError, match=reason) as caught:
        tile(data, 2, TWO)
    assert caught.value.remedy
    assert [bool(option.problem) for option in survey(data, TWO)] == [False, True]
    assert len(tile(data, 1, TWO).parts) == 2


def test_weights_that_depend_on_the_picture_are_refused() -> None:
    graph = Builder((1, 12, 10, 2), int8=False)
    kernel = graph.pool(graph.source, "MAX_POOL_2D", (12, 10), (12, 10), same=False)
    output = graph.tensor((1, 12, 10, 1))
    graph.add_operator("Conv2D", "CONV_2D", [graph.source, kernel], [output], strideH=1, strideW=1, padding=0,
                       dilationHFactor=1, dilationWFactor=1)  # fmt: skip
    with pytest.raises(TilingRefusedError, match="weights that depend on the picture"):
        tile(graph.finish(output), 2, TWO)


def test_custom_operators_are_refused_whatever_their_name() -> None:
    def make_custom(model: object) -> None:
        rename_operators(32, 1)(model)
        model.operatorCodes[-1].customCode = "ADD"  # type: ignore[attr-defined]

    with pytest.raises(TilingRefusedError, match=r"operator 1 \(ADD\)"):
        tile(change(PLAIN, make_custom), 3, TWO)


@pytest.mark.parametrize("at", [-1, 0, OPERATORS + 1])
def test_a_cut_that_the_model_does_not_have_is_refused(at: int) -> None:
    with pytest.raises(TilingRefusedError, match=f"there is no cut {at}"):
        tile(PLAIN, at, TWO)


def test_more_parts_than_rows_are_refused() -> None:
    with pytest.raises(TilingRefusedError, match="is too small for 9x1 parts at 4"):
        tile(PLAIN, 4, Grid(9))
    assert len(tile(PLAIN, 4, Grid(8)).parts) == 8


def test_an_average_over_padding_is_exact_where_a_part_is_the_whole() -> None:
    data = build(lambda graph, source: graph.pool(source, "AVERAGE_POOL_2D", (3, 3), (1, 1), same=True), int8=True)
    inputs = make_inputs(data)
    assert worst_difference(run_front(data, 2, inputs, BUILTIN), run_parts(tile(data, 2, Grid(1)), inputs)) == 0


def test_tensors_that_skip_the_cut_and_early_outputs_are_handed_on_in_parts() -> None:
    data = change(PLAIN, put_out("picture", "first", "scores"))
    tiling = tile(data, 4, Grid(3))
    assert [tensor.name for tensor in tiling.crossing] == ["picture", "first", "again", "deep"]
    inputs = make_inputs(data)
    merged = run_parts(tiling, inputs)
    assert merged[find_tensor(data, "picture")].tobytes() == inputs[0].tobytes()
    expected = run_front(data, 4, inputs, BUILTIN)
    assert set(expected) == set(merged)
    assert worst_difference(expected, run_parts(tiling, inputs, BUILTIN)) <= 1e-5


def test_half_precision_weights_come_along() -> None:
    data = change(PLAIN, halve("wide/kernel", "first/kernel"))
    inputs = make_inputs(data)
    assert worst_difference(run_front(data, 6, inputs, BUILTIN), run_parts(tile(data, 6, TWO), inputs, BUILTIN)) <= 1e-5


def test_parts_of_equal_shape_are_the_same_file() -> None:
    graph = Builder((1, 40, 8, 2), int8=True)
    data = graph.finish(graph.convolve(graph.source, 4, (3, 3)))
    first, second, third, last = (part.digest for part in tile(data, 1, Grid(4)).parts)
    assert second == third
    assert len({first, second, last}) == 3
    assert tile(data, 1, Grid(4)) == tile(data, 1, Grid(4))


def test_a_thousand_files_with_one_lying_field_end_in_parts_or_a_typed_error() -> None:
    graph = Builder((1, 8, 8, 2), int8=True)
    tensor = graph.pad(graph.convolve(graph.source, 2, (3, 3), (2, 2)), [(0, 0), (1, 1), (1, 1), (0, 0)])
    tensor = graph.resize(
        graph.pool(tensor, "MAX_POOL_2D", (3, 3), (1, 1), same=True), "RESIZE_BILINEAR", (2, 2), half=True
    )
    data = graph.finish(graph.pointwise("Add", "ADD", tensor, graph.values((1, 1, 1, 2))))
    taken = tried = 0
    for at in range(0, len(data) - 3, 4):
        (value,) = struct.unpack_from("<I", data, at)
        for lie in (value ^ 1 << (at // 4) % 32, 0xFFFFFFFF if at % 8 else 0x7FFFFFF0, value + 4 & 0xFFFFFFFF):
            taken += divide_everywhere(data[:at] + struct.pack("<I", lie) + data[at + 4 :])
            tried += 1
    assert tried > 1000
    assert 0 < taken < tried


def divide_everywhere(data: bytes) -> bool:
    try:
        tile(data, len(read_graph(data).operators), TWO)
        survey(data, TWO)
    except ModelRejectedError as error:
        if not error.remedy:
            raise
        return False
    return True


def find_tensor(data: bytes, name: str) -> int:
    return next(tensor.index for tensor in read_graph(data).tensors if tensor.name == name)
