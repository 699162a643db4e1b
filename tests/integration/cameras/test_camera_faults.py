"""What goes wrong with cameras: it is flagged in time, told in words, and repaired when it can be."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import psutil
import pytest
import simplejpeg

from controller.cameras.watchdog import Limits
from tests.cameras_testing.clip import H264Clip, make_h264, make_jpegs
from tests.cameras_testing.mjpeg_camera import MjpegCamera
from tests.cameras_testing.readers import find_readers
from tests.cameras_testing.recorder import Recorder, recording
from tests.cameras_testing.rtsp_camera import RtspCamera

QUICK = Limits(connect=6.0, stall=1.0)
SECRET = "s3cret-hunter2"


def said(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> str:
    """All that a person could read of a camera."""
    records = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    return "\n".join([*map(repr, recorder.states), *records])


@pytest.mark.parametrize("fault", ["stop", "mute"])
async def test_a_camera_that_falls_silent_is_blind_in_time_and_live_again(clip: H264Clip, fault: str) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url, limits=QUICK) as (_, recorder):
        await recorder.until_frames(5)
        rtsp.behaviour = "stop" if fault == "stop" else "mute"
        await recorder.until_phase("blind")
        assert time.time() - recorder.frames[-1].captured_at < QUICK.stall + 0.5
        assert "no picture from" in recorder.reason
        rtsp.behaviour = "play"
        returned = time.monotonic()
        await recorder.until_phase("live")
        assert time.monotonic() - returned < 5.0


async def test_by_default_a_silent_camera_is_flagged_within_five_seconds(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url) as (_, recorder):
        await recorder.until_frames(5)
        rtsp.behaviour = "mute"
        await recorder.until_phase("blind")
        assert time.time() - recorder.frames[-1].captured_at < 5.0


async def test_a_camera_that_loses_power_is_blind_at_once_and_live_within_five_seconds(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url) as (camera, recorder):
        await recorder.until_frames(5)
        await rtsp.kill()
        await recorder.until_phase("blind", within=2.0)
        await recorder.until(lambda: "refused the connection" in recorder.reason, 10)
        await rtsp.start()
        returned = time.monotonic()
        await recorder.until_phase("live")
        assert time.monotonic() - returned < 5.0
        assert camera.state.restarts >= 1
        seqs = [frame.seq for frame in recorder.frames]
        assert len(set(seqs)) == len(seqs)


@pytest.mark.parametrize("scheme", ["digest", "basic"])
async def test_the_right_password_opens_the_camera(clip: H264Clip, scheme: str) -> None:
    camera = RtspCamera(clip, user="admin", password=SECRET, scheme="digest" if scheme == "digest" else "basic")
    async with camera as rtsp, recording(rtsp.url_for("admin", SECRET)) as (_, recorder):
        await recorder.until_frames(2)


async def test_a_wrong_password_is_named_and_shown_nowhere(clip: H264Clip, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with RtspCamera(clip, user="admin", password="another") as rtsp:
        async with recording(rtsp.url_for("admin", SECRET)) as (_, recorder):
            await recorder.until_phase("blind")
        assert "refused the user name or password" in recorder.reason
        # FFmpeg asks with the password once, or twice when the nonce is new to it; and nobody hammers on.
        assert rtsp.refusals <= 3
    assert SECRET not in said(recorder, caplog)


async def test_a_wrong_mjpeg_password_is_named_and_shown_nowhere(
    jpegs: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    camera = MjpegCamera(jpegs, user="admin", password="another")
    async with camera as http, recording(http.url_for("admin", SECRET)) as (_, recorder):
        await recorder.until_phase("blind")
    assert "refused the user name or password" in recorder.reason
    assert SECRET not in said(recorder, caplog)


async def test_a_password_is_in_no_argument_and_no_environment(
    clip: H264Clip, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("NATS_PASSWORD", "of the parent alone")
    async with (
        RtspCamera(clip, user="admin", password=SECRET) as rtsp,
        recording(rtsp.url_for("admin", SECRET)) as (_, recorder),
    ):
        await recorder.until_frames(1)
        (reader,) = find_readers()
        assert SECRET not in " ".join(reader.cmdline())
        assert SECRET not in str(reader.environ())
        assert "NATS_PASSWORD" not in reader.environ()
        rtsp.behaviour = "stop"
        await recorder.until_phase("blind")
    assert SECRET not in said(recorder, caplog)


async def test_what_a_reader_prints_is_logged_without_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "zygote = os.getpid()\n"
        "def complain(event, _):\n"
        "    if event == 'socket.__new__' and os.getpid() != zygote:\n"
        f"        os.write(2, b'libfoo: cannot open rtsp://admin:{SECRET}@10.0.0.5/s\\n')\n"
        "sys.addaudithook(complain)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with recording("synthetic:?fps=20") as (_, recorder):
        await recorder.until_frames(2)
    assert "libfoo: cannot open rtsp://***@10.0.0.5/s" in caplog.text
    assert SECRET not in said(recorder, caplog)


async def test_a_camera_that_accepts_and_says_nothing_is_blind(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp:
        rtsp.answers = False
        async with recording(rtsp.url, limits=Limits(connect=2.0)) as (_, recorder):
            await recorder.until_phase("blind")
            assert "no picture within 2 s" in recorder.reason
            rtsp.answers = True
            await recorder.until_phase("live")


@pytest.mark.parametrize("damage", ["garbage", "truncate"])
async def test_broken_jpegs_are_never_handed_on(jpegs: list[bytes], damage: str) -> None:
    async with MjpegCamera(jpegs) as http, recording(http.url, limits=QUICK) as (_, recorder):
        await recorder.until_frames(5)
        http.behaviour = "garbage" if damage == "garbage" else "truncate"
        await recorder.until_phase("blind")
        http.behaviour = "play"
        await recorder.until_phase("live")
        assert {frame.jpeg for frame in recorder.frames} <= set(jpegs)


async def test_a_camera_whose_pictures_change_their_size_midway_goes_on(jpegs: list[bytes]) -> None:
    shown = list(jpegs)
    async with MjpegCamera(shown) as http, recording(http.url) as (_, recorder):
        await recorder.until_frames(5)
        for width, height in ((640, 480), (33, 17), (1920, 1080)):
            shown[:] = make_jpegs(width=width, height=height, count=4)
            await until_size(recorder, width, height)
        assert {state.phase for state in recorder.states} <= {"starting", "live"}


async def test_an_rtsp_camera_whose_stream_changes_its_size_midway_goes_on(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp, recording(rtsp.url, limits=QUICK) as (_, recorder):
        await recorder.until_frames(5)
        assert sizes(recorder)[-1] == (clip.height, clip.width)
        rtsp.show(make_h264(width=640, height=360, seconds=2))
        await until_size(recorder, 640, 360)
        await recorder.until_phase("live")


@pytest.mark.parametrize("claim", [(0, 0), (65_535, 65_535)])
async def test_a_picture_of_an_absurd_size_is_never_handed_on(jpegs: list[bytes], claim: tuple[int, int]) -> None:
    shown = list(jpegs)
    async with MjpegCamera(shown) as http, recording(http.url, limits=QUICK) as (_, recorder):
        await recorder.until_frames(5)
        shown[:] = [claim_size(jpeg, *claim) for jpeg in jpegs]
        await recorder.until_phase("blind")
        shown[:] = jpegs
        await recorder.until_phase("live")
        assert set(sizes(recorder)) == {(180, 320)}


async def until_size(recorder: Recorder, width: int, height: int) -> None:
    """Wait for a picture of that size."""
    await recorder.until(lambda: sizes(recorder)[-1] == (height, width), within=15.0)


def sizes(recorder: Recorder) -> list[tuple[int, int]]:
    """Height and width of every picture so far."""
    return [simplejpeg.decode_jpeg_header(frame.jpeg)[:2] for frame in recorder.frames]


def claim_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Return the JPEG with another size in its frame header (ITU T.81, B.2.2)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :]


async def test_a_garbage_h264_stream_never_counts_as_live(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp:
        rtsp.behaviour = "garbage"
        async with recording(rtsp.url, limits=Limits(connect=3.0)) as (_, recorder):
            await recorder.until_phase("blind")
            assert recorder.reason
            assert not recorder.frames
            rtsp.behaviour = "play"
            await recorder.until_phase("live")


async def test_a_killed_reader_is_started_again_and_numbers_go_on() -> None:
    async with recording("synthetic:?fps=20") as (camera, recorder):
        await recorder.until_frames(3)
        (reader,) = find_readers()
        reader.kill()
        await recorder.until_phase("blind")
        assert "reader process died" in recorder.reason
        before = len(recorder.frames)
        await recorder.until_phase("live")
        await recorder.until_frames(1)
        assert camera.state.restarts == 1
        assert recorder.frames[before].seq > recorder.frames[before - 1].seq


async def test_a_stopped_reader_is_killed_and_replaced() -> None:
    async with recording("synthetic:?fps=20", limits=QUICK) as (camera, recorder):
        await recorder.until_frames(3)
        (reader,) = find_readers()
        reader.suspend()
        await recorder.until_phase("blind")
        await recorder.until_phase("live")
        assert reader not in find_readers()
        assert camera.state.restarts == 1


async def test_cancelling_a_camera_leaves_no_process(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp:
        async with recording(rtsp.url) as (_, recorder):
            await recorder.until_frames(1)
            assert len(find_readers()) == 1
        assert find_readers() == []


def test_a_reader_ends_with_its_parent_however_that_dies() -> None:
    script = (
        "import asyncio, sys\n"
        "from controller.cameras.camera import Camera\n"
        "from controller.cameras.nursery import Nursery\n"
        "from controller.cameras.source import parse_source\n"
        "ignore = lambda _: None\n"
        "async def run():\n"
        "    await Camera('c', parse_source('synthetic:'), motion=None, fps=None, max_width=None,\n"
        "        running=Nursery().running_reader,\n"
        "        on_frame=lambda _: print('frame', flush=True), on_gated=ignore, on_superseded=ignore,\n"
        "        on_state=ignore).run()\n"
        "asyncio.run(run())\n"
    )
    with psutil.Popen([sys.executable, "-c", script], stdout=-1) as parent:
        assert parent.stdout.readline() == b"frame\n"
        family = parent.children(recursive=True)
        assert len(family) == 2
        parent.kill()
        _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


async def test_a_camera_that_is_not_there_is_told_from_one_that_has_no_such_stream(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp:
        async with recording(f"rtsp://127.0.0.1:{rtsp.port}/nowhere") as (_, recorder):
            await recorder.until_phase("blind")
            assert "no such stream (404)" in recorder.reason
        url = rtsp.url
    async with recording(url) as (_, recorder):
        await recorder.until_phase("blind")
        assert "nothing listens there" in recorder.reason
