"""What of a request goes on the record: who, what and on what; never a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.desks.door import describe
from wire import subjects
from wire.cameras import CameraConfig
from wire.messages import NameRequest, encode


def subject(noun: str = "camera", verb: str = "add", user: str = "ann") -> str:
    return subjects.CONTROL.build(user=user, noun=noun, verb=verb)


def test_a_camera_is_recorded_by_name_and_redacted_address() -> None:
    config = CameraConfig(camera="door", url="rtsp://joe:s3cret@10.0.0.9/1?token=abc", models=("net",))
    deed = describe(subject(), encode(config))
    assert (deed.who, deed.action, deed.target) == ("ann", "camera.add", "door")
    assert deed.detail == "rtsp://***@10.0.0.9/1?token=***"
    assert deed.digest is None  # of words with a password among them, it would help to guess it


@given(st.text("abcdefghijklmnop0123456789", min_size=6, max_size=20))
def test_no_password_of_a_camera_is_ever_in_a_deed(password: str) -> None:
    config = CameraConfig(camera="door", url=f"rtsp://joe:X{password}X@host/1", models=("net",))
    assert f"X{password}X" not in encode(describe(subject(), encode(config))).decode()


def test_a_model_is_recorded_with_the_digest_of_what_was_asked() -> None:
    deed = describe(subject("model", "add"), b'{"name":"net"}')
    assert deed.target == "net"
    assert deed.digest


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"7", b'{"name": 7}', b"\xff"])
def test_a_request_that_cannot_be_read_is_recorded_all_the_same(payload: bytes) -> None:
    deed = describe(subject("node", "drain"), payload)
    assert (deed.who, deed.action, deed.target) == ("ann", "node.drain", "")


def test_a_name_is_a_target() -> None:
    assert describe(subject("node", "drain"), encode(NameRequest(name="pi1"))).target == "pi1"
