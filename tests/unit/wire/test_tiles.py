from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.cameras import CameraConfig
from wire.errors import BadRequestError
from wire.headers import OVERLAP, REGION, TILES, WHOLE, Hop, InferOptions, WorkOrder
from wire.messages import decode, encode
from wire.tiles import MAX_TILES, Tiles, read_region, read_tiles, write_region

tiles = st.builds(
    Tiles,
    columns=st.integers(1, 8),
    rows=st.integers(1, 4),
    overlap=st.floats(0, 0.8),
    whole=st.booleans(),
)
sides = st.tuples(st.integers(0, 30_000), st.integers(1, 30_000)).map(lambda each: (each[0], each[0] + each[1]))


@given(tiles)
def test_tiles_survive_the_headers_of_a_request_and_a_cameras_configuration(wanted: Tiles) -> None:
    assert InferOptions.from_headers(InferOptions(tiles=wanted).to_headers()).tiles == wanted
    config = CameraConfig(camera="door", url="push:", models=("m",), tiles=wanted)
    assert decode(encode(config), CameraConfig) == config


@given(sides, sides)
def test_a_region_survives_the_headers_of_a_work_order(across: tuple[int, int], down: tuple[int, int]) -> None:
    region = (across[0], down[0], across[1], down[1])
    order = WorkOrder(frame="f", digest="d", itinerary=(Hop("a", 0),), deadline_ms=5, region=region)
    assert WorkOrder.from_headers(order.to_headers()) == order
    assert read_region(write_region(region)) == region


def test_a_request_says_tiles_as_people_write_them() -> None:
    assert InferOptions.from_headers({"bramble-tiles": "3x2"}).tiles == Tiles(columns=3, rows=2)
    assert InferOptions.from_headers({TILES: "1x4", OVERLAP: "0.5", WHOLE: "No"}).tiles == Tiles(
        columns=1, rows=4, overlap=0.5, whole=False
    )
    assert InferOptions.from_headers({}).tiles is None


@pytest.mark.parametrize(
    "headers",
    [
        {TILES: "0x2"}, {TILES: "2"}, {TILES: "2X2"}, {TILES: "9x1"}, {TILES: "8x8"}, {TILES: "2x2", OVERLAP: "0.9"},
        {TILES: "2x2", OVERLAP: "nan"}, {TILES: "2x2", OVERLAP: "-0.1"}, {TILES: "2x2", WHOLE: "maybe"}, {TILES: "٢x٢"},
    ],
)  # fmt: skip
def test_other_tiles_are_refused_with_a_remedy(headers: dict[str, str]) -> None:
    with pytest.raises(BadRequestError) as caught:
        InferOptions.from_headers(headers)
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "1,2,3", "0,0,0,5", "5,0,4,9", "0,0,123456,9", "a,b,c,d", "-1,0,4,4", "0,0,1,1 "])
def test_other_regions_are_refused(text: str) -> None:
    headers = WorkOrder(frame="f", digest="d", itinerary=(Hop("a", 0),), deadline_ms=5).to_headers() | {REGION: text}
    with pytest.raises(BadRequestError, match="is not a part of a picture"):
        WorkOrder.from_headers(headers)


@given(st.text(max_size=12), st.floats())
def test_whatever_is_written_ends_in_tiles_or_a_bad_request(grid: str, overlap: float) -> None:
    try:
        found = read_tiles(grid, overlap)
    except BadRequestError:
        return
    assert 1 <= found.columns * found.rows <= MAX_TILES
