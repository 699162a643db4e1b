"""The real detector on a large picture: tiles find what the whole picture, made small, does not show."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
import pytest

from edge_agent.backends.base import Findings, Servable
from edge_agent.backends.litert import LitertBackend
from modelkit.answers import Detection
from modelkit.library import Library
from modelkit.picture import decode_picture, encode_jpeg
from modelkit.sliced import Box, Look, cut_picture, fuse
from models import recipes
from wire.headers import WorkOrder

pytestmark = pytest.mark.timeout(300)  # the first run fetches 60 MB

SIDE = 4
FRAMES = range(5, 245, 15)  # of the street clip, put together as 4 x 4: 2560 x 1088 pixels
SAME = 0.5  # intersection over union


@pytest.fixture(scope="module")
def detector(library: Library) -> Iterator[Servable]:
    manifest = recipes.build("ssd_mobilenet_v2", library, lambda _line: None)
    servable = LitertBackend().serve(manifest, "cpu-f32", library.path(manifest.artefact("cpu-f32")), threads=1)
    yield servable
    servable.close()


@pytest.fixture(scope="module")
def frames(library: Library) -> list[np.ndarray]:
    with av.open(str(recipes.fetch_clip(library, lambda _line: None))) as clip:
        shown = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    return [shown[place] for place in FRAMES]


def detect(detector: Servable, jpeg: bytes, tile: Box | None = None) -> tuple[Detection, ...]:
    order = WorkOrder(frame="f", digest="", itinerary=(), deadline_ms=1, region=tile)
    prepared = detector.prepare(jpeg, order)
    findings = detector.interpret(prepared, detector.infer(prepared), order)
    assert isinstance(findings, Findings)
    assert findings.detections is not None
    return tuple(Detection(each.label, each.index, each.score, each.box) for each in findings.detections)


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def recall(expected: list[Detection], found: tuple[Detection, ...]) -> int:
    return sum(
        any(each.label == known.label and overlap(each.box, known.box) >= SAME for each in found) for known in expected
    )


def test_tiles_find_what_the_whole_picture_misses(detector: Servable, frames: list[np.ndarray]) -> None:
    rows = [np.concatenate(frames[row * SIDE : (row + 1) * SIDE], axis=1) for row in range(SIDE)]
    jpeg = encode_jpeg(np.concatenate(rows, axis=0), quality=90)
    height, width = decode_picture(jpeg).shape[:2]
    expected = [  # what the detector finds in each frame by itself, at its place in the large picture
        Detection(each.label, each.index, each.score, tuple(  # type: ignore[arg-type]
            (place + side) / SIDE for place, side in zip((place % SIDE, place // SIDE) * 2, each.box, strict=True)
        ))
        for place, frame in enumerate(frames)
        for each in detect(detector, encode_jpeg(frame, quality=90))
    ]  # fmt: skip
    assert len(expected) > 30
    whole = detect(detector, jpeg)
    looks = [Look(Box(0, 0, width, height), whole)]
    tiles = cut_picture(width, height, columns=SIDE, rows=SIDE, overlap=0.2)
    looks += [Look(tile, detect(detector, jpeg, tile)) for tile in tiles]
    fused = fuse(looks, width, height)
    assert recall(expected, whole) <= 2
    assert recall(expected, fused) >= len(expected) / 2
    assert recall(list(whole), fused) == len(whole)
    assert len(fused) < sum(len(look.detections) for look in looks)


def test_a_tile_is_seen_as_the_picture_that_it_shows(detector: Servable, frames: list[np.ndarray]) -> None:
    """One frame beside black: the tile that is the frame gives what the frame gives, at its place."""
    frame = frames[11]
    jpeg = encode_jpeg(np.concatenate([np.zeros_like(frame), frame], axis=1), quality=95)
    height, width = frame.shape[:2]
    alone = detect(detector, encode_jpeg(frame, quality=95))
    assert alone
    beside = detect(detector, jpeg, Box(width, 0, 2 * width, height))
    assert [each.label for each in beside] == [each.label for each in alone]
    for one, other in zip(beside, alone, strict=True):
        x0, y0, x1, y1 = other.box
        assert one.box == pytest.approx(((1 + x0) / 2, y0, (1 + x1) / 2, y1), abs=0.02)
