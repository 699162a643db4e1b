"""A node's pace beside its profile, from heartbeats alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.surveying.pace import LEAST_FRAMES, WINDOW_S, Pace, expect_seconds, has_drifted, to_scale
from tests.testing.heartbeats import make_heartbeat
from wire.messages import Heartbeat, Shard, ShardReport, ShardState
from wire.profiles import Profile

DIGEST = "a" * 64
WHOLE = Shard(model="net", version="1", variant="cpu-int8", digest=DIGEST)
PROFILE = Profile(
    node="a", model="net", variant="cpu-int8", digest=DIGEST, runtime="r", threads=1, at=(10, 20),
    seconds=(0.02, 0.05, 0.09), measured_at=0.0, frame_s=0.004, result_s=0.001,
)  # fmt: skip


def beat(busy_s: float, served: int, *, session: str = "s") -> Heartbeat:
    report = ShardReport(shard=WHOLE, state=ShardState.READY, served=served)
    return replace(make_heartbeat("a", session=session, shards=(report,)), busy_s=busy_s)


def stage(number: int, start: int, end: int, stages: int = 3) -> Shard:
    return replace(
        WHOLE, digest="b" * 64, stage=number, stages=stages, start=start, end=end, whole=DIGEST, cut="0" * 16
    )


@given(st.floats(0.1, 10), st.integers(LEAST_FRAMES, 1000), st.floats(0.001, 1))
def test_the_ratio_is_busy_time_over_what_was_expected(slower: float, frames: int, each: float) -> None:
    pace = Pace().after(beat(100.0, 5000), 0.0).after(beat(100.0 + frames * each * slower, 5000 + frames), 10.0)
    ratio = pace.compare(lambda _: each)
    assert ratio == pytest.approx(slower, rel=1e-3)


def test_few_frames_an_idle_node_and_unknown_work_say_nothing() -> None:
    begun = Pace().after(beat(1.0, 100), 0.0)
    assert begun.compare(lambda _: 0.1) is None
    assert begun.after(beat(1.0, 100), 5.0).compare(lambda _: 0.1) is None
    assert begun.after(beat(2.0, 100 + LEAST_FRAMES - 1), 5.0).compare(lambda _: 0.1) is None
    assert begun.after(beat(2.0, 200), 5.0).compare(lambda _: None) is None


def test_an_agent_that_starts_again_and_old_heartbeats_are_forgotten() -> None:
    begun = Pace().after(beat(100.0, 1000), 0.0)
    assert len(begun.after(beat(0.0, 0, session="t"), 1.0).samples) == 1
    assert len(begun.after(beat(100.0, 1000), WINDOW_S + 1).samples) == 1


def test_stages_take_the_differences_of_prefixes_and_the_ends_their_extras() -> None:
    assert expect_seconds(PROFILE, WHOLE) == pytest.approx(0.095)
    assert expect_seconds(PROFILE, stage(0, 0, 10)) == pytest.approx(0.024)
    assert expect_seconds(PROFILE, stage(1, 10, 20)) == pytest.approx(0.03)
    assert expect_seconds(PROFILE, stage(2, 20, 33)) == pytest.approx(0.041)
    assert expect_seconds(PROFILE, stage(1, 11, 20)) is None


def test_a_slower_node_scales_its_profile_and_a_faster_one_is_measured_anew() -> None:
    assert (to_scale(None), to_scale(0.5), to_scale(1.05), to_scale(2.0)) == (1.0, 1.0, 1.0, 2.0)
    assert [has_drifted(ratio) for ratio in (None, 0.5, 1.0, 1.2, 2.0)] == [False, True, False, False, True]
