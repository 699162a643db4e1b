"""Files, directories, drawn and pushed pictures."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from controller.cameras.errors import BadPictureError, BadSourceError
from tests.cameras_testing.clip import read_counter, write_mp4
from tests.cameras_testing.recorder import recording


async def test_a_file_is_played_once_at_its_own_pace_and_every_picture_accounted_for(tmp_path: Path) -> None:
    path = write_mp4(tmp_path / "clip.mp4", fps=25, count=50)
    async with recording(f"file://{path}") as (camera, recorder):
        await recorder.until_phase("ended")
    assert recorder.accounted_seqs == list(range(50))
    assert {frame.seq: read_counter(frame.jpeg) for frame in recorder.frames} == {
        frame.seq: frame.seq for frame in recorder.frames
    }
    played = recorder.frames[-1].captured_at - recorder.frames[0].captured_at
    assert 1.7 < played < 3.0
    assert camera.state.frames == 50


async def test_a_file_can_be_played_faster_and_in_a_loop(tmp_path: Path) -> None:
    path = write_mp4(tmp_path / "clip.mp4", count=10)
    async with recording(f"{path}?fps=50&loop=1") as (camera, recorder):
        await recorder.until_frames(25)
        assert camera.state.phase == "live"
    assert read_counter(recorder.frames[-1].jpeg) == recorder.frames[-1].seq % 10


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("text.mp4", b"this is no video" * 100, "no video that can be read"),
        (
            "list.mp4",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
            "no video that can be read",
        ),
        ("empty.mp4", b"", "no video that can be read"),
    ],
)
async def test_a_file_that_is_no_video_is_refused_in_words(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    async with recording(f"file://{path}") as (_, recorder):
        await recorder.until_phase("blind")
    assert words in recorder.reason
    assert str(path) in recorder.reason


async def test_a_missing_file_is_named() -> None:
    async with recording("file:///nowhere/clip.mp4") as (_, recorder):
        await recorder.until_phase("blind")
    assert recorder.reason.startswith("there is no /nowhere/clip.mp4")


async def test_a_directory_is_shown_in_natural_order_and_broken_files_are_left_out(
    tmp_path: Path, jpegs: list[bytes]
) -> None:
    for number in (10, 9, 1):
        (tmp_path / f"shot{number}.jpg").write_bytes(jpegs[number])
    (tmp_path / "shot5.jpg").write_bytes(jpegs[5][:1000])
    (tmp_path / "shot11.png").write_bytes(png_of(jpegs[11]))
    (tmp_path / "notes.txt").write_text("not a picture")
    async with recording(f"dir://{tmp_path}?fps=20") as (_, recorder):
        await recorder.until_phase("ended")
    assert [read_counter(frame.jpeg) for frame in recorder.frames] == [1, 9, 10, 11]
    assert [frame.jpeg for frame in recorder.frames[:3]] == [jpegs[1], jpegs[9], jpegs[10]]


def png_of(jpeg: bytes) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.asarray(simplejpeg.decode_jpeg(jpeg))).save(buffer, "png")
    return buffer.getvalue()


async def test_an_empty_directory_says_which_pictures_it_wants(tmp_path: Path) -> None:
    async with recording(f"dir://{tmp_path}") as (_, recorder):
        await recorder.until_phase("blind")
    assert "no picture in" in recorder.reason
    assert ".jpg" in recorder.reason


async def test_a_synthetic_camera_draws_what_was_asked_for() -> None:
    async with recording("synthetic:?width=320&height=200&fps=30") as (camera, recorder):
        await recorder.until_frames(20)
        assert {(frame.width, frame.height) for frame in recorder.frames} == {(320, 200)}
        assert [read_counter(frame.jpeg) for frame in recorder.frames] == [frame.seq for frame in recorder.frames]
        assert 20 < camera.state.fps < 40


async def test_a_missing_usb_camera_says_what_to_do() -> None:
    async with recording("usb:/dev/video917") as (_, recorder):
        await recorder.until_phase("blind")
    assert recorder.reason.startswith("there is no device /dev/video917; plug the camera in")


async def test_a_usb_source_that_is_no_camera_is_refused() -> None:
    async with recording("usb:/dev/null") as (_, recorder):
        await recorder.until_phase("blind")
    assert recorder.reason.startswith("/dev/null is no camera")


async def test_pushed_pictures_become_frames_and_their_absence_blindness(jpegs: list[bytes]) -> None:
    async with recording("push:?stall=0.5") as (camera, recorder):
        await recorder.until_phase("starting")
        assert camera.push(jpegs[0], 5.0).seq == 0
        assert camera.push(jpegs[1], 6.0).seq == 1
        assert [(frame.jpeg, frame.captured_at) for frame in recorder.frames] == [(jpegs[0], 5.0), (jpegs[1], 6.0)]
        assert recorder.phase == "live"
        await recorder.until_phase("blind")
        assert "nobody has pushed" in recorder.reason
        camera.push(jpegs[2], 7.0)
        assert recorder.phase == "live"


async def test_a_truncated_pushed_jpeg_is_refused_with_bad_image(jpegs: list[bytes]) -> None:
    async with recording("push:") as (camera, recorder):
        await asyncio.wait_for(recorder.until_phase("starting"), 5)
        with pytest.raises(BadPictureError, match="ends early") as caught:
            camera.push(jpegs[0][:-100], 5.0)
        assert caught.value.code == "bad_image"
        assert recorder.frames == []


async def test_only_a_push_source_takes_pushed_pictures(jpegs: list[bytes]) -> None:
    async with recording("synthetic:") as (camera, _):
        with pytest.raises(BadSourceError, match="takes no pushed frames"):
            camera.push(jpegs[0], 5.0)
