"""What ``bramble camera test`` finds out."""

from __future__ import annotations

import time

from controller.cameras.errors import FaultKind
from controller.cameras.probe import probe_source
from controller.cameras.source import parse_source
from tests.cameras_testing.clip import H264Clip
from tests.cameras_testing.mjpeg_camera import MjpegCamera
from tests.cameras_testing.rtsp_camera import RtspCamera


async def test_a_probe_tells_codec_size_rate_and_delay(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp:
        report = await probe_source(parse_source(rtsp.url), 15)
    assert report.fault is None
    assert (report.codec, report.width, report.height, report.declared_fps) == ("h264", 320, 180, 25.0)
    assert 20 < report.measured_fps < 30
    assert 0 < report.first_picture_after < 10
    assert report.picture_bytes > 500


async def test_a_probe_knows_mjpeg(jpegs: list[bytes]) -> None:
    async with MjpegCamera(jpegs) as http:
        report = await probe_source(parse_source(http.url), 15)
    assert (report.fault, report.codec, report.width, report.height) == (None, "mjpeg", 320, 180)


async def test_a_probe_names_a_wrong_password_without_showing_it(clip: H264Clip) -> None:
    async with RtspCamera(clip, user="admin", password="right") as rtsp:
        report = await probe_source(parse_source(rtsp.url_for("admin", "hunter22")), 15)
    assert report.fault is not None
    assert report.fault.kind is FaultKind.REFUSED_USER
    assert report.fault.remedy
    assert "hunter22" not in repr(report)


async def test_a_probe_ends_in_time_when_the_camera_is_silent(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp:
        rtsp.answers = False
        started = time.monotonic()
        report = await probe_source(parse_source(rtsp.url), 1.5)
    assert time.monotonic() - started < 4
    assert report.fault is not None
    assert report.fault.kind is FaultKind.TIMEOUT


async def test_a_probe_tells_the_ways_of_not_being_there_apart(clip: H264Clip) -> None:
    async with RtspCamera(clip) as rtsp:
        no_stream = await probe_source(parse_source(f"rtsp://127.0.0.1:{rtsp.port}/other"), 15)
        url = rtsp.url
    refused = await probe_source(parse_source(url), 15)
    no_file = await probe_source(parse_source("/nowhere.mp4"), 15)
    assert [report.fault and report.fault.kind for report in (no_stream, refused, no_file)] == [
        FaultKind.NOT_FOUND,
        FaultKind.UNREACHABLE,
        FaultKind.NOT_FOUND,
    ]


async def test_a_name_that_does_not_resolve_is_told() -> None:
    report = await probe_source(parse_source("rtsp://camera.invalid/stream"), 20)
    assert report.fault is not None
    assert "camera.invalid" in report.fault.message


async def test_a_pushed_source_needs_no_probe() -> None:
    report = await probe_source(parse_source("push:"), 1)
    assert (report.fault, report.codec) == (None, "pushed")
