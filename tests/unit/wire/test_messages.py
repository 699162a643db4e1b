from __future__ import annotations

import inspect

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import errors, messages
from wire.cameras import CameraConfig, SourceRequest
from wire.errors import BadRequestError, BrambleError, ErrorCode, error_from_json
from wire.messages import Counts, Detection, Heartbeat, Message, Result, Shard, Timings, decode, encode

KINDS = [k for _, k in inspect.getmembers(messages, inspect.isclass) if issubclass(k, Message) and k is not Message]
tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
shares = st.floats(0, 1)
results = st.builds(
    Result,
    frame=st.text(),
    camera=tokens,
    model=tokens,
    captured_at=st.floats(0, 2e9),
    timings=st.builds(Timings, total_ms=st.floats(0, 1e6)),
    detections=st.none()
    | st.lists(
        st.builds(Detection, label=st.text(), index=st.integers(0, 9), score=shares, box=st.tuples(*[shares] * 4))
    ).map(tuple),
)


@given(results)
def test_a_result_comes_back_as_it_was_sent(result: Result) -> None:
    assert decode(encode(result), Result) == result


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
@given(data=st.one_of(st.binary(max_size=100), st.text(max_size=60).map(str.encode), st.just(b"[" * 100_000)))
def test_any_bytes_are_a_message_or_a_bad_request(kind: type[Message], data: bytes) -> None:
    try:
        found = decode(data, kind)
    except BadRequestError:
        return
    assert isinstance(found, kind)


def test_an_unknown_key_is_refused_with_its_name() -> None:
    with pytest.raises(BadRequestError, match="colour"):
        decode(b'{"camera":"a","url":"push:","models":["m"],"colour":1}', CameraConfig)


@pytest.mark.parametrize(
    "change", [{"camera": "a.b"}, {"models": []}, {"fps": 0}, {"deadline_ms": 1}, {"url": ""}, {"threshold": 1.5}]
)
def test_a_value_out_of_range_is_refused(change: dict[str, object]) -> None:
    good = {"camera": "a", "url": "push:", "models": ["m"]}
    assert decode(msgspec.json.encode(good), CameraConfig).camera == "a"
    with pytest.raises(BadRequestError):
        decode(msgspec.json.encode(good | change), CameraConfig)


STAGE = {
    "model": "m", "version": "1", "variant": "cpu-f32", "digest": "0" * 64, "stage": 1, "stages": 3, "start": 16,
    "end": 40, "whole": "1" * 64, "cut": "2" * 16,
}  # fmt: skip


def test_a_stage_and_a_whole_model_are_known_by_the_digest_of_the_whole() -> None:
    stage = decode(msgspec.json.encode(STAGE), Shard)
    assert (stage.digest, stage.artefact) == ("0" * 64, "1" * 64)
    whole = Shard(model="m", version="1", variant="cpu-f32", digest="1" * 64)
    assert whole.artefact == "1" * 64
    assert decode(encode(whole), Shard) == whole


@pytest.mark.parametrize(
    "change",
    [{"stage": 3}, {"end": 16}, {"start": 40}, {"whole": None}, {"cut": None}, {"cut": "x"}, {"stages": 65},
     {"stage": 0, "stages": 1}, {"wire": "f8"}],
)  # fmt: skip
def test_a_shard_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadRequestError):
        decode(msgspec.json.encode(STAGE | change), Shard)


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Counts().offered = 1  # type: ignore[misc]


def test_a_camera_url_is_in_no_repr() -> None:
    secret = "rtsp://user:hunter2@host/"
    assert "hunter2" not in repr(CameraConfig(camera="a", url=secret, models=("m",)))
    assert "hunter2" not in repr(SourceRequest(url=secret))


@given(st.sampled_from(ErrorCode), st.text(), st.text())
def test_an_error_comes_back_with_its_code_message_and_remedy(code: ErrorCode, message: str, remedy: str) -> None:
    sent = errors.error_from_body(errors.ErrorBody(code=code, message=message, remedy=remedy))
    back = error_from_json(sent.to_json())
    assert back is not None
    assert (back.code, back.message, back.remedy) == (code, message, remedy)
    assert type(back) is type(sent)


@given(st.one_of(st.binary(max_size=100), st.just(b'{"error":' * 50_000)))
def test_bytes_that_are_no_error_reply_are_told_apart(data: bytes) -> None:
    found = error_from_json(data)
    assert found is None or isinstance(found, BrambleError)


def test_every_code_has_an_exception_of_its_own() -> None:
    assert {errors.error_from_body(errors.ErrorBody(code=c, message="")).code for c in ErrorCode} == set(ErrorCode)


def test_a_heartbeat_of_a_node_whose_name_is_no_token_is_refused() -> None:
    assert Heartbeat.__struct_fields__[0] == "node"
    with pytest.raises(BadRequestError, match=r"node"):
        decode(b'{"node":"a.b"}', Heartbeat)
