"""Who gets which part of the picture, and what is there when a part is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.nodes.placement import find_cut, make_stage
from controller.planning.tiles import Divided, lay_out
from modelkit.manifest import Artefact, InputSpec, Manifest
from modelkit.tiling import Grid
from wire.errors import BadRequestError
from wire.plans import Layout, PlannedNode

WHOLE = "a" * 64
MANIFEST = Manifest(
    name="m", version="1", task="classify", description="d", licence="MIT", origin="o", labels=("x",),
    input=InputSpec(width=8, height=8),
    artefacts=(Artefact(variant="cpu-int8", file="m.tflite", sha256=WHOLE, bytes=1),),
)  # fmt: skip


def make_node(name: str, seconds: float, variant: str = "cpu-int8") -> PlannedNode:
    return PlannedNode(
        node=name, variant=variant, whole_s=seconds, room_bytes=1, receive_bytes_s=1, send_bytes_s=1, latency_s=0
    )


def divide(nodes: list[PlannedNode], grid: Grid) -> Layout:
    parts = tuple((f"{part:064x}", (0, part, 8, part + 1)) for part in range(grid.parts))
    divided = Divided(at=3, end=9, parts=parts, rest="f" * 64)
    return lay_out(divided, grid, nodes, version="1", variant="cpu-int8", whole=WHOLE)


@given(st.integers(1, 3), st.integers(1, 3), st.lists(st.floats(0.001, 1), min_size=1, max_size=12))
def test_each_part_has_a_node_of_its_own_and_the_whole_model_is_held_too(
    rows: int, columns: int, seconds: list[float]
) -> None:
    nodes = [make_node(f"n{place}", each) for place, each in enumerate(seconds)]
    grid = Grid(rows, columns)
    if len(nodes) < grid.parts:
        with pytest.raises(BadRequestError, match="too few"):
            divide(nodes, grid)
        return
    layout = divide(nodes, grid)
    (*parts, rest), (whole,) = layout.pipelines
    held = [part.nodes for part in parts]
    assert all(len(each) == 1 for each in held)
    assert len(set(held)) == grid.parts
    assert set(rest.nodes) <= set(whole.nodes)
    assert {node for each in held for node in each} | set(whole.nodes) == {node.node for node in nodes}
    assert (rest.nodes in held) == (len(nodes) == grid.parts)


def test_the_shards_of_a_layout_are_parts_and_a_rest_of_one_cut() -> None:
    layout = divide([make_node(name, 0.1) for name in "abc"], Grid(2))
    pipeline = layout.pipelines[0]
    shards = [make_stage(MANIFEST, layout, pipeline, number) for number in range(3)]
    assert [(shard.start, shard.end, shard.crop) for shard in shards] == [
        (0, 3, (0, 0, 8, 1)), (0, 3, (0, 1, 8, 2)), (3, 9, None),
    ]  # fmt: skip
    assert {(shard.cut, shard.grid, shard.stages) for shard in shards} == {(find_cut(layout, pipeline), (2, 1), 3)}


def test_nodes_that_run_another_variant_or_cannot_run_it_take_no_part() -> None:
    nodes = [make_node("a", 0.1), make_node("b", 0.1, "cpu-f32"), make_node("c", -1.0)]
    with pytest.raises(BadRequestError, match="1 nodes run the cpu-int8 variant, too few for 2 parts"):
        divide(nodes, Grid(2))
