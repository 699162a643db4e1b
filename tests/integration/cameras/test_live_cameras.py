"""Live cameras that work, through the real reader process and the real FFmpeg."""

from __future__ import annotations

import time
from pathlib import Path

import simplejpeg

from controller.cameras.frame import Frame
from controller.cameras.motion import MotionPolicy
from controller.cameras.watchdog import Limits
from tests.cameras_testing.clip import H264Clip, read_counter
from tests.cameras_testing.mjpeg_camera import MjpegCamera
from tests.cameras_testing.recorder import recording
from tests.cameras_testing.rtsp_camera import RtspCamera


async def test_an_rtsp_camera_gives_its_pictures_in_order_and_accounts_for_each(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url) as (camera, recorder):
        await recorder.until_frames(30)
        counters = [read_counter(frame.jpeg) for frame in recorder.frames]
        # Every picture that the camera sent has the next number, whether it was handed on or superseded.
        assert counters == [counters[0] + frame.seq - recorder.frames[0].seq for frame in recorder.frames]
        seqs = recorder.accounted_seqs
        assert seqs[: len(seqs) - 2] == list(range(len(seqs) - 2))
        assert {(frame.width, frame.height, frame.camera) for frame in recorder.frames} == {(320, 180, "door")}
        assert camera.state.phase == "live"
        assert camera.state.frames == len(seqs)


async def test_an_rtsp_picture_is_fresh_when_it_arrives(clip: H264Clip) -> None:
    ages: list[float] = []

    def measure(frame: Frame) -> None:
        ages.append(time.time() - frame.captured_at)

    async with RtspCamera(clip) as rtsp, recording(rtsp.url, on_frame=measure) as (_, recorder):
        await recorder.until_frames(30)
    assert sorted(ages)[len(ages) // 2] < 0.25


async def test_an_mjpeg_camera_s_pictures_arrive_byte_for_byte(jpegs: list[bytes]) -> None:
    async with MjpegCamera(jpegs) as http, recording(http.url) as (_, recorder):
        await recorder.until_frames(25)
        assert {frame.jpeg for frame in recorder.frames} <= set(jpegs)
        assert len({frame.jpeg for frame in recorder.frames}) > 10


async def test_wide_pictures_are_scaled_down_before_they_are_encoded(clip: H264Clip, jpegs: list[bytes]) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url, max_width=160) as (_, recorder):
        await recorder.until_frames(3)
        assert {simplejpeg.decode_jpeg_header(frame.jpeg)[:2] for frame in recorder.frames} == {(90, 160)}
    async with MjpegCamera(jpegs) as http, recording(http.url, max_width=100) as (_, recorder):
        await recorder.until_frames(3)
        assert {(frame.width, frame.height) for frame in recorder.frames} == {(100, 56)}
        assert {simplejpeg.decode_jpeg_header(frame.jpeg)[:2] for frame in recorder.frames} == {(56, 100)}


async def test_colours_survive_scaling_and_encoding(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url, max_width=160) as (_, recorder):
        await recorder.until_frames(1)
    rgb = simplejpeg.decode_jpeg(recorder.frames[0].jpeg)
    # The gradient's middle, away from every shape: drawn as (80, 76, 90) at a fifth of the height.
    red, green, blue = (int(level) for level in rgb[18, 80])
    assert abs(red - 80) < 8
    assert abs(green - 76) < 8
    assert abs(blue - 90) < 8


async def test_a_frame_limit_lets_no_more_through(jpegs: list[bytes]) -> None:
    async with MjpegCamera(jpegs, fps=40) as http, recording(http.url + "#fps=5") as (_, recorder):
        await recorder.until_frames(8)
        first, last = recorder.frames[0], recorder.frames[-1]
        rate = (len(recorder.frames) - 1) / (last.captured_at - first.captured_at)
        assert 4.0 < rate < 5.6
        assert not recorder.superseded


async def test_key_frames_alone_can_be_asked_for(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url + "#keyframes=1") as (_, recorder):
        await recorder.until_frames(3)
        assert {read_counter(frame.jpeg) % 25 for frame in recorder.frames} == {0}


async def test_pictures_without_motion_are_announced_and_not_sent(tmp_path: Path, jpegs: list[bytes]) -> None:
    for number in range(12):
        (tmp_path / f"{number}.jpg").write_bytes(jpegs[0])
    (tmp_path / "12.jpg").write_bytes(jpegs[15])
    policy = MotionPolicy(keepalive=None, hold=0.0)
    async with recording(f"dir://{tmp_path}?fps=40", motion=policy) as (_, recorder):
        await recorder.until_phase("ended")
    assert [frame.jpeg for frame in recorder.frames] == [jpegs[0], jpegs[15]]
    assert [notice.seq for notice in recorder.gated] == list(range(1, 12))
    assert recorder.frames[0].motion is None
    assert recorder.frames[1].motion is not None
    assert recorder.frames[1].motion > 0.005


async def test_the_newest_picture_wins_while_the_parent_is_slow() -> None:
    blocked_until = 0.0

    def block_once(frame: Frame) -> None:
        nonlocal blocked_until
        if frame.seq < 10 or blocked_until:
            return
        # Being slow is the subject here: the whole event loop stands still, as under a busy controller.
        time.sleep(1.0)
        blocked_until = time.time()

    # Shorter than the stand-still: the watchdog must not blame the camera for it.
    limits = Limits(stall=0.7)
    url = "synthetic:?fps=50&width=320&height=180"
    async with recording(url, on_frame=block_once, limits=limits) as (_, recorder):
        await recorder.until(lambda: bool(blocked_until), 15)
        before = len(recorder.frames)
        await recorder.until_frames(20)
        # Two pictures were under way when the parent stopped; whatever follows them is new.
        stale = [frame for frame in recorder.frames[before:] if frame.captured_at < blocked_until - 0.2]
        assert len(stale) <= 2
        assert len(recorder.superseded) > 20
        seqs = recorder.accounted_seqs
        assert seqs == list(range(len(seqs)))
        assert [state.phase for state in recorder.states] == ["starting", "live"]


async def test_a_frozen_picture_counts_as_blindness_until_it_moves(jpegs: list[bytes]) -> None:
    shown = jpegs[:1]
    async with MjpegCamera(shown) as http, recording(http.url + "#frozen=1") as (_, recorder):
        await recorder.until_phase("live")
        await recorder.until_phase("blind")
        assert "frozen picture" in recorder.reason
        shown.extend(jpegs[1:])
        await recorder.until_phase("live")
