"""The real models, divided wherever they can be: the parts and the rest give the whole model's answer, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from modelkit.library import Library
from modelkit.slicing import read_graph, split
from modelkit.tiling import Grid, survey, tile
from tests.models.test_slicing import MODELS, read_file
from tests.slicing_testing.runtime import BUILTIN, DELEGATED, differing, make_inputs, run
from tests.tiling_testing.parts import run_front, run_parts, worst_difference

pytestmark = pytest.mark.timeout(300)  # the first run fetches 60 MB

EVERY = 12  # cuts, for what need not be looked at everywhere
FLOAT_TOLERANCE = 1e-5


def possible_cuts(data: bytes, grid: Grid) -> list[int]:
    return [option.at for option in survey(data, grid) if not option.problem]


@pytest.mark.parametrize(("name", "variant"), MODELS)
def test_two_bands_give_what_the_front_gives_at_every_cut_that_allows_it(
    library: Library, name: str, variant: str
) -> None:
    data = read_file(library, name, variant)
    inputs = make_inputs(data)
    found = possible_cuts(data, Grid(2))
    assert len(found) == {"mobilenet_v2": 67, "ssd_mobilenet_v2": 49}[name]
    different = [
        at
        for at in found
        if worst_difference(run_front(data, at, inputs, DELEGATED), run_parts(tile(data, at, Grid(2)), inputs))
    ]
    assert different == []


@pytest.mark.parametrize("kernels", [DELEGATED, BUILTIN], ids=["xnnpack", "builtin"])
@pytest.mark.parametrize("grid", [Grid(4), Grid(2, 2), Grid(3, 5)], ids=str)
@pytest.mark.parametrize(("name", "variant"), MODELS)
def test_finer_grids_give_what_the_front_gives(
    library: Library, name: str, variant: str, grid: Grid, kernels: object
) -> None:
    data = read_file(library, name, variant)
    inputs = make_inputs(data)
    for at in possible_cuts(data, grid)[:: EVERY + grid.parts]:
        parts = run_parts(tile(data, at, grid), inputs, kernels)
        difference = worst_difference(run_front(data, at, inputs, kernels), parts)
        assert difference <= (0 if variant == "cpu-int8" else FLOAT_TOLERANCE), at


@pytest.mark.parametrize(("name", "variant"), MODELS)
def test_the_rest_of_the_model_takes_what_the_parts_hand_on(library: Library, name: str, variant: str) -> None:
    data = read_file(library, name, variant)
    inputs = make_inputs(data)
    expected = run(data, inputs)
    assert all(np.ptp(output.astype(np.float64)) > 0 for output in expected)
    for at in possible_cuts(data, Grid(2))[::EVERY]:
        handed = run_parts(tile(data, at, Grid(2)), inputs)
        rest = split(data, (at,)).stages[1].shard
        assert differing(expected, run(rest.data, [handed[tensor.index] for tensor in rest.inputs])) == 0, at


def test_the_first_blocks_of_mobilenet_can_be_divided_for_little(library: Library) -> None:
    data = read_file(library, "mobilenet_v2", "cpu-f32")
    by_cut = {option.at: option for option in survey(data, Grid(2))}
    assert by_cut[16].halo < 0.05
    assert by_cut[40].halo > 0.5
    assert by_cut[16].bytes_out == (50_176, 50_176)
    assert min(option.path_share for option in by_cut.values() if not option.problem) == by_cut[25].path_share < 0.85
    assert len(by_cut) == len(read_graph(data).operators)
    assert "operator 67 (MEAN)" in by_cut[68].problem
    assert by_cut[70].problem == by_cut[68].problem
