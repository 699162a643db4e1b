"""The process boundary: what the parent hands over, and what it accepts."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from controller.cameras.child import ReaderChild
from controller.cameras.errors import FramingError
from controller.cameras.framing import Alive, encode_message
from controller.cameras.motion import MotionPolicy
from controller.cameras.nursery import reader_environment
from controller.cameras.source import parse_source
from controller.cameras.spec import LENGTH, ReaderSpec, decode_spec, encode_spec


def test_a_spec_survives_the_way() -> None:
    source = parse_source("rtsp://admin:hunter22@h/s#fps=5")
    spec = ReaderSpec(source=source, first_seq=7, fps=5.0, max_width=640, motion=MotionPolicy(keepalive=None))
    assert decode_spec(encode_spec(spec)[LENGTH.size :]) == spec


def test_a_spec_shows_no_password() -> None:
    assert "hunter22" not in repr(ReaderSpec(source=parse_source("rtsp://admin:hunter22@h/s")))


def test_a_broken_spec_is_refused_without_repeating_it() -> None:
    with pytest.raises(FramingError) as caught:
        decode_spec(b'{"source": "rtsp://admin:hunter22@h/s"}')
    assert "hunter22" not in str(caught.value)


def test_a_reader_inherits_no_secrets() -> None:
    environment = {"PATH": "/bin", "NATS_PASSWORD": "hunter22", "AWS_SECRET_ACCESS_KEY": "hunter22", "LANG": "C"}
    kept = reader_environment(environment)
    assert kept["PATH"] == "/bin"
    assert "hunter22" not in kept.values()


def messages_of(data: bytes) -> tuple[ReaderChild, asyncio.StreamReader]:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    # Neither process nor writer is touched by reading.
    return ReaderChild(0, 0, stream, None), stream  # type: ignore[arg-type]


async def test_messages_end_with_the_stream_even_in_the_middle_of_one() -> None:
    child, _ = messages_of(encode_message(Alive()) * 2 + b"BC")
    assert [message async for message in child.messages()] == [Alive(), Alive()]


async def test_garbage_from_a_reader_is_a_framing_error() -> None:
    child, _ = messages_of(encode_message(Alive()) + b"Traceback (most recent call last)")
    with pytest.raises(FramingError, match="where a message begins"):
        [message async for message in child.messages()]


def test_a_reader_loads_no_decoder_that_its_source_does_not_need() -> None:
    script = (
        "import sys\n"
        "from controller.cameras.reader import open_feed\n"
        "from controller.cameras.source import parse_source\n"
        "from controller.cameras.spec import ReaderSpec\n"
        "open_feed(ReaderSpec(source=parse_source('synthetic:')))\n"
        "print(sorted({'av', 'cv2', 'nats'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
