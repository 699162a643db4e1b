"""Live cameras through the real reader process and the real FFmpeg."""

from __future__ import annotations

import time

import pytest

from tests.cameras_testing.clip import H264Clip, make_h264, make_jpegs, read_counter
from tests.cameras_testing.mjpeg_camera import MjpegCamera
from tests.cameras_testing.recorder import recording
from tests.cameras_testing.rtsp_camera import RtspCamera


@pytest.fixture(scope="module")
def clip() -> H264Clip:
    return make_h264()


@pytest.fixture(scope="module")
def jpegs() -> list[bytes]:
    return make_jpegs()


async def test_an_rtsp_camera_gives_its_pictures_in_order(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url) as (camera, recorder):
        await recorder.until_frames(30)
        counters = [read_counter(frame.jpeg) for frame in recorder.frames]
        assert counters[:20] == list(range(counters[0], counters[0] + 20))
        assert all((frame.width, frame.height) == (320, 180) for frame in recorder.frames)
        assert camera.state.phase == "live"
        assert [frame.seq for frame in recorder.frames] == sorted({frame.seq for frame in recorder.frames})
        ages = [time.time() - frame.captured_at for frame in recorder.frames]
        assert ages == sorted(ages, reverse=True)


async def test_mjpeg_pictures_arrive_byte_for_byte(jpegs: list[bytes]) -> None:
    async with MjpegCamera(jpegs) as http, recording(http.url) as (_, recorder):
        await recorder.until_frames(20)
        assert {frame.jpeg for frame in recorder.frames} <= set(jpegs)
