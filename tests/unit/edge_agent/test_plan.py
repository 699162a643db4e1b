"""The agent's one decision: what to do next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.plan import Drop, Holding, Load, Wanted, next_retry, next_step, retry_delay
from wire.messages import Shard, ShardState

V1 = Shard(model="m", version="1", variant="cpu-int8", digest="1" * 64)
V2 = Shard(model="m", version="2", variant="cpu-int8", digest="2" * 64)
OTHER = Shard(model="other", version="1", variant="cpu-int8", digest="3" * 64)
READY = Holding(ShardState.READY, "a")
REJECTED = Holding(ShardState.REJECTED, "a", retry_at=10.0)
FETCHING = Holding(ShardState.FETCHING, "a")


def want(shard: Shard, manifest: str | None = "a", *, offered: bool = True) -> Wanted:
    return Wanted(shard, manifest, offered)


@pytest.mark.parametrize(
    ("wanted", "held", "step"),
    [
        pytest.param([], {}, None, id="nothing to do"),
        pytest.param([want(V1)], {}, Load(V1), id="what is missing is loaded"),
        pytest.param([want(V1)], {V1: READY}, None, id="what is ready is left alone"),
        pytest.param([], {V1: READY}, Drop(V1), id="what is not wanted is dropped"),
        pytest.param([want(V2)], {V1: READY}, Load(V2), id="the new is loaded before the old is dropped"),
        pytest.param([want(V2)], {V1: READY, V2: READY}, Drop(V1), id="the old is dropped when the new is ready"),
        pytest.param([want(V2)], {V1: READY, V2: FETCHING}, None, id="the old serves while the new is fetched"),
        pytest.param([want(V2)], {V1: READY, V2: REJECTED}, None, id="the old serves on when the new is rejected"),
        pytest.param(
            [want(V2)],
            {V1: replace(READY, exclusive=True)},
            Drop(V1),
            id="a device for one model is freed before the next is tried on it",
        ),
        pytest.param([want(V1), want(OTHER)], {V1: READY}, Load(OTHER), id="one model does not wait for another"),
        pytest.param([want(V1, "b")], {V1: READY}, Load(V1), id="a changed manifest is taken up"),
        pytest.param(
            [want(V1, "b", offered=False)],
            {V1: READY},
            None,
            id="a manifest of the next version does not stop this one",
        ),
        pytest.param(
            [want(V1, None, offered=False)], {V1: READY}, None, id="a manifest that is gone does not stop the model"
        ),
        pytest.param([want(V1, "b", offered=False)], {V1: REJECTED}, Load(V1), id="a new manifest is a new chance"),
    ],
)
def test_the_most_urgent_step_is_taken(
    wanted: list[Wanted], held: dict[Shard, Holding], step: Load | Drop | None
) -> None:
    assert next_step(wanted, held, now=0.0) == step


def test_a_rejected_shard_is_tried_again_when_its_time_has_come() -> None:
    assert next_step([want(V1)], {V1: REJECTED}, now=9.9) is None
    assert next_step([want(V1)], {V1: REJECTED}, now=10.0) == Load(V1)
    assert next_retry({V1: REJECTED, V2: READY}) == 10.0
    assert next_retry({V2: READY}) is None


def test_retries_come_at_growing_bounded_intervals() -> None:
    delays = [retry_delay(retries) for retries in range(40)]
    assert delays[:3] == [5.0, 10.0, 20.0]
    assert delays == sorted(delays)
    assert delays[-1] == 300.0


SHARDS = st.builds(
    Shard,
    model=st.sampled_from(["a", "b"]),
    version=st.sampled_from(["1", "2"]),
    variant=st.just("cpu-int8"),
    digest=st.sampled_from(["1" * 64, "2" * 64]),
)


@given(st.lists(SHARDS, unique=True, max_size=4), st.lists(SHARDS, unique=True, max_size=6))
def test_taking_the_steps_ends_with_exactly_what_is_wanted(wanted: list[Shard], held: list[Shard]) -> None:
    holdings = dict.fromkeys(held, READY)
    for _ in range(20):
        step = next_step([want(shard) for shard in wanted], holdings, now=0.0)
        if step is None:
            break
        if isinstance(step, Drop):
            successors = [shard for shard in wanted if shard.model == step.shard.model]
            assert all(shard in holdings for shard in successors)
            del holdings[step.shard]
        else:
            holdings[step.shard] = READY
    assert set(holdings) == set(wanted)
