"""How the agent reads what the buckets hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.reconciler import find_manifest, read_assignment, read_manifest
from modelkit.manifest import encode_manifest
from tests.agent_testing.models import simulated_manifest
from tests.agent_testing.running_agent import shard_of
from wire.errors import ModelRejectedError
from wire.messages import Assignment, encode

MANIFEST = simulated_manifest("sim")
SHARD = shard_of(MANIFEST, "simulated")


def test_an_assignment_names_the_shards() -> None:
    assert read_assignment(encode(Assignment(node="pi1", shards=(SHARD,))), ()) == (SHARD,)


def test_no_assignment_means_no_shards() -> None:
    assert read_assignment(None, (SHARD,)) == ()


@given(st.binary(max_size=100))
def test_an_assignment_that_cannot_be_read_changes_nothing(data: bytes) -> None:
    assert read_assignment(data, (SHARD,)) == (SHARD,)


def test_a_manifest_is_known_by_its_digest() -> None:
    known = read_manifest("models.sim", encode_manifest(MANIFEST))
    assert known.manifest == MANIFEST
    assert find_manifest(SHARD.model, known) == MANIFEST
    assert known.digest == MANIFEST.digest("simulated")


@given(st.binary(max_size=100))
def test_a_manifest_that_cannot_be_read_is_kept_as_its_problem(data: bytes) -> None:
    known = read_manifest("models.sim", data)
    assert known.manifest is None
    with pytest.raises(ModelRejectedError) as caught:
        find_manifest(SHARD.model, known)
    assert known.problem in str(caught.value)


def test_a_manifest_under_another_models_key_is_refused() -> None:
    assert (
        read_manifest("models.other", encode_manifest(MANIFEST)).problem
        == "the manifest under models.other is one of sim"
    )


def test_a_model_without_a_manifest_is_rejected() -> None:
    with pytest.raises(ModelRejectedError, match="sim: there is no manifest"):
        find_manifest(SHARD.model, None)
