"""Camera URLs: what is one, what it means, and that its password never shows."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cameras.errors import BadSourceError
from controller.cameras.source import FROZEN_S, Source, parse_source


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("file:///clips/a.mp4", "file", "/clips/a.mp4"),
        ("file:/clips/a.mp4", "file", "/clips/a.mp4"),
        ("file://localhost/clips/a%20b.mp4?loop=1", "file", "/clips/a b.mp4"),
        ("/clips/a.mp4", "file", "/clips/a.mp4"),
        ("/clips/a.mp4?fps=5", "file", "/clips/a.mp4"),
        ("dir:///pictures", "directory", "/pictures"),
        ("/pictures/", "directory", "/pictures/"),
        ("rtsp://10.0.0.5/stream1", "rtsp", "rtsp://10.0.0.5/stream1"),
        ("RTSP://10.0.0.5/stream1", "rtsp", "RTSP://10.0.0.5/stream1"),
        ("rtsps://10.0.0.5:322/s#fps=5", "rtsp", "rtsps://10.0.0.5:322/s"),
        ("rtsp://[fe80::1]:554/s", "rtsp", "rtsp://[fe80::1]:554/s"),
        ("rtsp://h/cam?channel=1&subtype=0#fps=5&stall=30", "rtsp", "rtsp://h/cam?channel=1&subtype=0"),
        ("http://cam/video.mjpg", "mjpeg", "http://cam/video.mjpg"),
        ("https://cam/video.mjpg", "mjpeg", "https://cam/video.mjpg"),
        ("usb:0", "usb", "/dev/video0"),
        ("usb:/dev/video2?width=640&height=480", "usb", "/dev/video2"),
        ("/dev/video0", "usb", "/dev/video0"),
        ("synthetic:", "synthetic", ""),
        ("synthetic:?width=640&height=360&fps=10", "synthetic", ""),
        ("push:", "push", ""),
    ],
)
def test_a_camera_url_says_kind_and_target(text: str, kind: str, target: str) -> None:
    source = parse_source(text)
    assert (source.kind, source.target, source.text) == (kind, target, text)


def test_options_are_read() -> None:
    source = parse_source("rtsp://h/s#fps=2.5&keyframes=1&frozen=30&stall=20")
    assert (source.fps, source.keyframes, source.frozen, source.stall) == (2.5, True, 30.0, 20.0)
    drawn = parse_source("synthetic:?width=320&height=200&fps=5")
    assert (drawn.width, drawn.height, drawn.fps) == (320, 200, 5.0)
    assert parse_source("file:///a.mp4?loop=1").loop


def test_a_path_that_is_a_directory_is_one(tmp_path: Path) -> None:
    assert parse_source(str(tmp_path)).kind == "directory"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" rtsp://h/s", "spaces"),
        ("rtsp://h/s\n", "spaces"),
        ("rtsp://h/\x07s", "control characters"),
        ("x" * 5000, "too long"),
        ("clip.mp4", "scheme"),
        ("ftp://h/s", "'ftp' is not known"),
        ("rtsp:///s", "host is missing"),
        ("rtsp://u:p@/s", "host is missing"),
        ("rtsp://h:0/s", "port"),
        ("rtsp://h:99999/s", "port"),
        ("rtsp://h:port/s", "port"),
        ("file://server/share/a.mp4", "three slashes"),
        ("file:a.mp4", "absolute"),
        ("file:///", "path is empty"),
        ("/", "path is empty"),
        ("file:///a%00b.mp4", "NUL"),
        ("usb:", "device such as /dev/video0"),
        ("usb:/dev/../etc/passwd", "device such as /dev/video0"),
        ("usb:/etc/passwd", "device such as /dev/video0"),
        ("synthetic:moving", "nothing but options"),
        ("synthetic:?fps=fast", "fps must be a number"),
        ("synthetic:?fps=nan", "fps must be a number"),
        ("synthetic:?fps=1e9", "fps must be a number"),
        ("synthetic:?width=8", "width must be a number"),
        ("synthetic:?colour=red", "no option 'colour'"),
        ("synthetic:?fps=5&fps=6", "given twice"),
        ("synthetic:?fps", "list of option=value"),
        ("file:///a.mp4?loop=yes", "loop must be 0 or 1"),
        ("rtsp://h/s#loop=1", "no option 'loop'"),
    ],
)
def test_what_is_no_camera_url_is_refused_with_the_forms_there_are(text: str, why: str) -> None:
    with pytest.raises(BadSourceError, match=why) as caught:
        parse_source(text)
    assert "rtsp://[user:password@]host" in caught.value.remedy
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter22@10.0.0.5/s",
        "rtsp://admin:hunter22@10.0.0.5/s?token=hunter22",
        "http://10.0.0.5/video?user=admin&pwd=hunter22",
        "http://10.0.0.5/video?account=hunter22",
        "rtsp://10.0.0.5:554/user=admin_password=hunter22_channel=1_stream=0.sdp",
    ],
)
def test_a_password_shows_in_no_text_of_a_source(text: str) -> None:
    source = parse_source(text)
    for shown in (str(source), repr(source), f"{source}", source.conceal(f"cannot open {text}: no")):
        assert "hunter22" not in shown
    assert "10.0.0.5" in str(source)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter22@10.0.0.5:0/s",
        "rtsp://admin:hunter22@h/s#colour=1",
        "rtsp://admin:hunter22" + "x" * 300 + "@h:0/s",
        "rtsp://admin:p#hunter22@h/s",
        "rtsp://admin:p?hunter22@h/s",
        "admin:hunter22@10.0.0.5/s",
        "ftp://h/s?account=hunter22",
    ],
)
def test_a_refused_url_is_told_without_its_password(text: str) -> None:
    with pytest.raises(BadSourceError) as caught:
        parse_source(text)
    assert "hunter22" not in str(caught.value)


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=3, max_size=20))
def test_any_password_is_concealed_even_in_ffmpeg_s_words(password: str) -> None:
    quoted = urllib.parse.quote(password, safe="")
    source = parse_source(f"rtsp://admin:{quoted}@camera.example/s")
    words = source.conceal(f"Error opening {source.target}: 401, user info admin:{quoted} refused")
    assert f"admin:{quoted}" not in words
    assert f"admin:{quoted}" not in str(source)


@given(st.text(max_size=80))
def test_any_text_is_a_source_or_a_bad_source(text: str) -> None:
    try:
        assert isinstance(parse_source(text), Source)
    except BadSourceError as error:
        assert error.remedy  # noqa: PT017 - both outcomes are right, nothing else is


@given(
    st.sampled_from(["rtsp://", "http://", "file://", "dir:", "usb:", "synthetic:?", "push:?", "/"]),
    st.text(max_size=60),
)
def test_any_text_after_a_known_beginning_is_a_source_or_a_bad_source(beginning: str, text: str) -> None:
    try:
        assert isinstance(parse_source(beginning + text), Source)
    except BadSourceError as error:
        assert error.remedy  # noqa: PT017 - both outcomes are right, nothing else is


@pytest.mark.parametrize(
    "text", ["//admin:hunter22@10.0.0.5:554/s", "/admin:hunter22@10.0.0.5/", "file:///u:hunter22@h/s"]
)
def test_a_url_that_lost_its_scheme_is_a_path_and_shows_no_password_all_the_same(text: str) -> None:
    source = parse_source(text)
    assert source.kind in {"file", "directory"}
    assert "hunter22" not in f"{source} {source!r} {source.conceal(f'cannot open {text}')}"


def test_a_path_longer_than_any_file_name_may_be_is_a_file_that_is_not_there() -> None:
    assert parse_source("/" + "x" * 300).kind == "file"


@pytest.mark.parametrize(
    ("url", "after"),
    [
        ("rtsp://h/s", FROZEN_S),
        ("http://h/s", FROZEN_S),
        ("/dev/video0", FROZEN_S),
        ("rtsp://h/s#frozen=300", 300.0),
        ("rtsp://h/s#frozen=0", None),
        ("synthetic:", None),
        ("/clips/a.mp4", None),
        ("push:", None),
    ],
)
def test_cameras_that_are_live_count_as_blind_after_half_a_minute_of_one_picture(url: str, after: float | None) -> None:
    assert parse_source(url).frozen_after == after
