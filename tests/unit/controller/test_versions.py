"""What is kept of a model's versions, which was before which, and how far nodes are with one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.catalogue import Catalogue
from controller.versions.record import (
    HISTORY,
    KEPT,
    Rollout,
    Versions,
    describe,
    digest_of,
    find,
    go_back,
    keep,
    put_in_force,
    settle,
    step_back,
    trace,
)
from controller.versions.sweeper import list_needed, note_unneeded
from modelkit.manifest import Manifest, encode_manifest
from tests.agent_testing.models import simulated_manifest, small_manifest
from tests.agent_testing.running_agent import shard_of
from tests.testing.heartbeats import make_heartbeat
from wire import subjects
from wire.errors import BadRequestError, UnknownModelError
from wire.messages import ShardReport, ShardState, encode
from wire.plans import Layout, ModelPlan, PlannedStage, PlanRequest
from wire.status import NodeStatus

MANIFESTS = tuple(simulated_manifest(version=str(number)) for number in range(9))
DIGESTS = tuple(map(digest_of, MANIFESTS))


def keep_all(*numbers: int) -> Versions:
    versions = Versions()
    before = None
    for at, number in enumerate(numbers):
        versions = put_in_force(keep(versions, MANIFESTS[number], float(at)), DIGESTS[number], instead_of=before)
        before = DIGESTS[number]
    return versions


def names(versions: Versions) -> list[str]:
    return [each.manifest.version for each in versions.kept]


def node(name: str, *held: tuple[Manifest, ShardState], liveness: str = "live") -> NodeStatus:
    reports = tuple(
        ShardReport(shard=shard_of(manifest, "simulated"), state=state, reason="no" if state == "rejected" else "")
        for manifest, state in held
    )
    beat = make_heartbeat(name, variants=("simulated",), shards=reports)
    return NodeStatus(node=name, liveness=liveness, age_s=0.0, heartbeat=beat)


def test_the_last_versions_are_kept_and_the_oldest_goes_first() -> None:
    assert names(keep_all(*range(KEPT + 2))) == ["2", "3", "4", "5", "6"]


def test_a_version_that_serves_or_served_just_before_is_kept_however_many_are_added() -> None:
    versions = keep_all(0, 1)
    for number in range(2, 9):
        versions = keep(versions, MANIFESTS[number], 9.0)
    assert names(versions) == ["0", "1", "6", "7", "8"]


def test_a_version_that_is_kept_already_keeps_its_place_and_its_time() -> None:
    versions = keep_all(0, 1)
    assert keep(versions, MANIFESTS[0], 99.0) == versions


def test_rolling_back_goes_one_version_back_each_time_and_not_to_and_fro() -> None:
    versions = keep_all(0, 1, 2)
    first = step_back(versions, DIGESTS[2])
    assert first is not None
    assert first.digest == DIGESTS[1]
    versions = go_back(versions, DIGESTS[2])
    second = step_back(versions, DIGESTS[1])
    assert second is not None
    assert second.digest == DIGESTS[0]
    assert step_back(go_back(versions, DIGESTS[1]), DIGESTS[0]) is None


def test_where_a_write_was_lost_what_is_in_force_counts_and_not_the_record() -> None:
    versions = keep_all(0, 1, 2)  # but 2 never came into force
    before = step_back(versions, DIGESTS[1])
    assert before is not None
    assert before.digest == DIGESTS[0]
    assert put_in_force(versions, DIGESTS[2], instead_of=DIGESTS[1]).history == DIGESTS[:3]


def test_a_version_is_named_by_its_name_or_by_how_its_digest_begins() -> None:
    versions = keep_all(0, 1)
    assert find(versions, "sim", "1").digest == DIGESTS[1]
    assert find(versions, "sim", DIGESTS[0][:8]).digest == DIGESTS[0]


@pytest.mark.parametrize("wanted", ["7", DIGESTS[0][:5], ""])
def test_a_version_that_nobody_knows_is_refused_with_those_that_are(wanted: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        find(keep_all(0, 1), "sim", wanted)
    assert caught.value.remedy == "kept are: 0, 1"


def test_two_versions_of_one_name_are_told_apart_by_their_digests() -> None:
    other = simulated_manifest(version="0", seconds=0.5)
    versions = keep(keep_all(0), other, 1.0)
    with pytest.raises(BadRequestError) as caught:
        find(versions, "sim", "0")
    assert DIGESTS[0][:12] in caught.value.remedy
    assert find(versions, "sim", digest_of(other)[:12]).manifest == other


edits = st.lists(
    st.tuples(st.sampled_from(["add", "promote", "back"]), st.integers(0, len(MANIFESTS) - 1)), max_size=60
)


@given(edits)
def test_whatever_is_done_what_serves_is_kept_and_nothing_grows_without_end(steps: list[tuple[str, int]]) -> None:
    versions, current = keep_all(0), DIGESTS[0]
    for verb, number in steps:
        kept = {each.digest for each in versions.kept}
        if verb == "add":
            versions = keep(versions, MANIFESTS[number], 0.0)
        elif verb == "promote" and DIGESTS[number] in kept:
            versions = put_in_force(versions, DIGESTS[number], instead_of=current)
            current = DIGESTS[number]
            before = step_back(versions, current)
            assert before is None or before.digest != current
        elif verb == "back" and (found := step_back(versions, current)):
            versions, current = go_back(versions, current), found.digest
        kept = {each.digest for each in versions.kept}
        assert current in kept
        assert len(versions.kept) == len(kept) <= KEPT
        assert len(versions.history) <= HISTORY
        assert {*versions.history} <= kept
        assert versions.history[-1] == current


def test_a_version_serves_once_every_node_that_has_the_model_is_ready_with_it() -> None:
    new, old = MANIFESTS[1], MANIFESTS[0]
    there = (
        node("a", (new, ShardState.READY)),
        node("b", (old, ShardState.READY), (new, ShardState.PROVING)),
        node("c", (old, ShardState.READY), liveness="dead"),
        node("d"),
    )
    assert trace(new, there) == Rollout(("a",), ("b",), {})
    assert not trace(new, there).is_settled
    assert trace(new, (*there[:1], node("b", (new, ShardState.READY)))).is_settled


def test_a_version_has_failed_only_when_no_node_serves_it_or_may_still() -> None:
    new, old = MANIFESTS[1], MANIFESTS[0]
    refusing = node("a", (old, ShardState.READY), (new, ShardState.REJECTED))
    assert trace(new, (refusing,)) == Rollout((), (), {"a": "no"})
    assert trace(new, (refusing,)).has_failed
    assert not trace(new, (refusing, node("b", (new, ShardState.FETCHING)))).has_failed
    assert not trace(new, (refusing, node("b", (new, ShardState.READY)))).has_failed
    assert not trace(new, ()).has_failed


def test_versions_are_told_the_newest_first_with_the_nodes_of_each() -> None:
    there = (node("a", (MANIFESTS[1], ShardState.READY)), node("b", (MANIFESTS[0], ShardState.READY)))
    told = describe(keep_all(0, 1), MANIFESTS[1], DIGESTS[1], there)
    assert [(each.version, each.state, each.nodes) for each in told] == [
        ("1", "preparing", ("a",)),
        ("0", "kept", ("b",)),
    ]
    settled = describe(settle(keep_all(0, 1), DIGESTS[1]), MANIFESTS[1], DIGESTS[1], there)
    assert [each.state for each in settled] == ["serving", "kept"]


def test_what_was_put_into_the_bucket_by_hand_is_told_too() -> None:
    (told,) = describe(Versions(), MANIFESTS[3], DIGESTS[3], ())
    assert (told.version, told.state, told.digest) == ("3", "preparing", DIGESTS[3])


def test_nodes_may_serve_the_version_before_until_the_model_itself_goes() -> None:
    catalogue, key = Catalogue(), subjects.MODEL_KEY.build(model="sim")
    old, new, kept = (each.digest("simulated") for each in MANIFESTS[:3])
    catalogue.replace({key: encode_manifest(MANIFESTS[0])})
    assert not catalogue.knows("sim", new)
    catalogue.replace({key: encode_manifest(MANIFESTS[1])})
    catalogue.remember([MANIFESTS[2]])
    assert [catalogue.knows("sim", digest) for digest in (old, new, kept)] == [True, True, True]
    assert catalogue.digests("sim") == {new}
    assert [catalogue.of("sim", digest).version for digest in (old, new, kept)] == ["0", "1", "2"]
    catalogue.replace({})
    assert not catalogue.knows("sim", kept)


def test_files_are_needed_by_every_version_kept_and_by_every_plan() -> None:
    current, before = small_manifest(b"new"), small_manifest(b"old", version="0")
    layout = Layout(
        name="pipeline", version="1", variant="cpu-f32", whole="a" * 64,
        pipelines=((PlannedStage(start=0, end=9, nodes=("n",), digest="5" * 64),),),
    )  # fmt: skip
    config = {
        "models.small": encode_manifest(current),
        "versions.small": encode(keep(keep(Versions(), before, 0.0), current, 1.0)),
        "plans.small": encode(ModelPlan(request=PlanRequest(model="small"), layout=layout, reason="", at=0.0)),
        "cameras.door": b"{}",
    }
    signatures = {subjects.SIGNATURE_BLOB.build(manifest=digest_of(each)) for each in (current, before)}
    assert {*list_needed(config)} == {current.digest("cpu-f32"), before.digest("cpu-f32"), "5" * 64, *signatures}


def test_what_cannot_be_read_keeps_everything() -> None:
    with pytest.raises(BadRequestError):
        list(list_needed({"versions.small": b"{"}))


def test_a_file_that_is_needed_again_begins_its_time_anew() -> None:
    since = note_unneeded({}, ["a", "b"], frozenset("b"), 1.0)
    assert since == {"a": 1.0}
    assert note_unneeded(since, ["a", "b"], frozenset(), 2.0) == {"a": 1.0, "b": 2.0}
    assert note_unneeded(since, ["a"], frozenset("a"), 2.0) == {}


def test_a_record_survives_its_way_through_the_bucket() -> None:
    versions = keep_all(0, 1)
    assert msgspec.json.decode(encode(versions), type=Versions) == versions
