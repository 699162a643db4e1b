"""A reader that finds no memory: it costs its camera some seconds, and nobody else anything."""

from __future__ import annotations

import resource
from pathlib import Path

from PIL import Image

from tests.cameras_testing.readers import find_readers
from tests.cameras_testing.recorder import recording

MAY_HOLD = 2 << 30


async def test_a_reader_that_gets_no_more_memory_is_told_and_its_camera_comes_back(tmp_path: Path) -> None:
    for number in range(26):
        Image.effect_noise((64, 64) if number < 25 else (3000, 3000), 100).save(tmp_path / f"{number}.jpg")
    async with recording(f"dir://{tmp_path}?fps=10&loop=1") as (camera, recorder):
        await recorder.until_frames(3)
        (reader,) = find_readers()
        assert reader.rlimit(resource.RLIMIT_DATA) == (MAY_HOLD, MAY_HOLD)
        reader.rlimit(resource.RLIMIT_DATA, (1 << 20, MAY_HOLD))  # as if it held all that it may
        await recorder.until_phase("blind")
        await recorder.until_phase("live")
        assert camera.state.restarts == 1
        assert recorder.accounted_seqs == sorted(set(recorder.accounted_seqs))
