"""The real models, cut everywhere: every chain of shards gives the whole model's answer, bit for bit."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe

from modelkit.library import Library
from modelkit.slicing import cuts, read_graph, slice_model, split
from modelkit.slicing.cost import count_macs
from models import recipes
from tests.slicing_testing.runtime import BUILTIN, DELEGATED, differing, make_inputs, run, run_chain

pytestmark = pytest.mark.timeout(300)  # the first run fetches 60 MB

MODELS = [("mobilenet_v2", "cpu-f32"), ("mobilenet_v2", "cpu-int8"), ("ssd_mobilenet_v2", "cpu-f32")]


@cache
def read_file(root: Library, name: str, variant: str) -> bytes:
    return root.path(recipes.build(name, root, lambda _line: None).artefact(variant)).read_bytes()


def divide(operators: int, stages: int) -> tuple[int, ...]:
    return tuple(operators * stage // stages for stage in range(1, stages))


@pytest.mark.parametrize(("name", "variant"), MODELS)
def test_two_shards_are_the_whole_model_at_every_cut(library: Library, name: str, variant: str) -> None:
    data = read_file(library, name, variant)
    inputs = make_inputs(data)
    expected = run(data, inputs)
    assert all(np.ptp(output.astype(np.float64)) > 0 for output in expected)
    found = cuts(read_graph(data))
    assert [cut.at for cut in found if differing(expected, run_chain(split(data, (cut.at,)), inputs))] == []


@pytest.mark.parametrize("kernels", [DELEGATED, BUILTIN], ids=["xnnpack", "builtin"])
@pytest.mark.parametrize(("name", "variant"), MODELS)
def test_three_five_and_as_many_shards_as_operators_are_the_whole_model(
    library: Library, name: str, variant: str, kernels: object
) -> None:
    data = read_file(library, name, variant)
    inputs = make_inputs(data)
    expected = run(data, inputs, kernels)
    operators = len(read_graph(data).operators)
    for stages in (3, 5, operators):
        assert differing(expected, run_chain(split(data, divide(operators, stages)), inputs, kernels)) == 0, stages


def test_the_cuts_of_mobilenet_are_where_its_blocks_end(library: Library) -> None:
    graph = read_graph(read_file(library, "mobilenet_v2", "cpu-f32"))
    assert sum(count_macs(graph, operator) for operator in graph.operators) == 300_774_272
    by_place = {cut.at: cut for cut in cuts(graph)}
    assert [by_place[at].bytes for at in (16, 20, 24, 28, 40, 43, 51, 55, 63)] == [
        100_352, 100_352, 100_352, 50_176, 50_176, 75_264, 75_264, 31_360, 31_360,
    ]  # fmt: skip
    assert [round(by_place[at].macs_share, 2) for at in (16, 28, 43, 63)] == [0.30, 0.40, 0.55, 0.85]


def test_shards_of_a_half_precision_model_carry_their_own_weights_only(library: Library) -> None:
    data = read_file(library, "ssd_mobilenet_v2", "cpu-f32")
    stages = split(data, divide(len(read_graph(data).operators), 5)).stages
    sizes = [len(stage.shard.data) for stage in stages]
    assert len(data) < sum(sizes) < 1.02 * len(data)


def test_weights_that_the_quantizer_puts_behind_the_flatbuffer_come_along(library: Library) -> None:
    work = quantizer.Quantizer(bytearray(read_file(library, "mobilenet_v2", "cpu-f32")), recipe.dynamic_wi8_afp32())
    data = bytes(work.quantize(enable_progress_bar=False, enable_progress_report=False).quantized_model)
    assert any(buffer.offset > 1 for buffer in schema.ModelT.InitFromPackedBuf(data).buffers)
    inputs = make_inputs(data)
    whole = slice_model(data, 0, len(read_graph(data).operators)).data
    expected = run(data, inputs)
    assert differing(expected, run(whole, inputs)) == 0
    assert differing(expected, run_chain(split(data, (16, 40, 55)), inputs)) == 0
