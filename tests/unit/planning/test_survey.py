"""From reports and measurements to a problem: nothing unknown is invented in anybody's favour."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.planning import make_plan
from controller.planning.survey import AGENT_BYTES, Facts, choose_cut_variant, find_room, survey
from controller.planning.workload import (
    MOST_CUTS,
    choose_cuts,
    fit_memory,
    make_simulated_workload,
    make_workload,
)
from controller.surveying.freshness import LINK_S, PROFILE_S, is_link_fresh, is_profile_fresh
from controller.surveying.links import (
    compare_glance,
    find_byte_cost,
    find_handling,
    find_latency,
    find_rate,
    has_changed,
    slow_down,
)  # fmt: skip
from modelkit.manifest import SimulatedSpec
from modelkit.slicing import Cut, cuts, read_graph
from tests.agent_testing.models import SmallClassifier
from tests.testing.heartbeats import make_heartbeat
from wire.messages import Heartbeat
from wire.profiles import LinkProfile, Profile

DIGEST = "a" * 64
SPEC = SimulatedSpec(seconds=0.1, operators=4, activation_bytes=1000, memory_bytes=40_000_000)
WORK = make_simulated_workload("sim", SPEC, frame_bytes=50_000)


def beat(node: str, **fields: object) -> Heartbeat:
    usual = {"memory_bytes": 1 << 31, "memory_available_bytes": 1 << 30, "rss_bytes": 100 << 20, "cpus": 4}
    return replace(make_heartbeat(node), **(usual | fields))


def profile(node: str, *, seconds: float = 0.1, variant: str = "simulated", **fields: object) -> Profile:
    values: dict[str, object] = {
        "node": node, "model": "sim", "variant": variant, "digest": DIGEST, "runtime": "r 1", "threads": 1,
        "at": WORK.cuts[1:-1], "seconds": tuple(seconds * share for share in (0.25, 0.5, 0.75, 1)),
        "measured_at": 1000.0,
    }  # fmt: skip
    return Profile(**(values | fields))  # type: ignore[arg-type]


def link(node: str, **fields: float) -> LinkProfile:
    usual = {
        "receive_bytes_s": 1e7, "send_bytes_s": 5e6, "latency_s": 0.002, "handling_s": 0.0005,
        "receiving_s_byte": 1e-9, "sending_s_byte": 2e-9, "measured_at": 1.0,
    }  # fmt: skip
    return LinkProfile(node=node, **(usual | fields))


def test_a_node_is_planned_with_as_it_was_measured() -> None:
    facts = Facts(beat("a"), "simulated", profile("a", frame_s=0.01, result_s=0.001), link("a"), scale=2.0)
    found = survey(WORK, "simulated", [facts], max_payload=1_000_000)
    (node,) = found.problem.nodes
    assert node.seconds == pytest.approx((0.05,) * 4)  # twice its profile, since frames take twice as long now
    assert (node.frame_s, node.result_s) == pytest.approx((0.02, 0.002))
    assert (node.receive_bytes_s, node.send_bytes_s, node.latency_s) == (1e7, 5e6, 0.002)
    assert node.overlaps
    assert (found.assumed, found.left_out) == ((), ())


def test_a_node_that_could_not_be_measured_is_taken_to_be_as_slow_as_the_slowest() -> None:
    facts = [
        Facts(beat("a"), "simulated", profile("a", seconds=0.1), link("a")),
        Facts(beat("b"), "simulated", profile("b", seconds=0.3), link("b")),
        Facts(beat("c"), "simulated", None, None),
    ]
    found = survey(WORK, "simulated", facts, max_payload=1_000_000)
    assert found.problem.nodes[2].seconds == found.problem.nodes[1].seconds
    assert [line.split(" ")[0] for line in found.assumed] == ["c", "the"]


def test_a_node_is_left_out_where_nothing_is_known_at_all() -> None:
    found = survey(WORK, "simulated", [Facts(beat("a"), "simulated", None, None)], max_payload=1_000_000)
    assert found.problem.nodes == ()
    assert found.left_out == ("a was not measured",)


def test_a_node_with_another_kind_of_file_runs_the_whole_model_or_nothing() -> None:
    facts = [
        Facts(beat("a"), "simulated", profile("a"), link("a")),
        Facts(beat("tpu"), "edgetpu", replace(profile("tpu", variant="edgetpu"), at=(), seconds=(0.01,)), link("tpu")),
    ]
    plan = make_plan(survey(WORK, "simulated", facts, max_payload=1_000_000).problem)
    for option in plan.alternatives:
        for stages in option.pipelines:
            assert len(stages) == 1 or all("tpu" not in stage.nodes for stage in stages)
    assert plan.chosen.name == "replicas"


def test_the_file_that_most_nodes_run_is_the_one_to_cut() -> None:
    facts = [Facts(beat(name), variant, None, None) for name, variant in (("a", "x"), ("b", "y"), ("c", "y"))]
    assert choose_cut_variant(facts, ("x", "y")) == "y"
    assert choose_cut_variant(facts, ("z",)) is None


def test_room_is_what_is_free_and_what_the_agent_has_already_within_its_limit() -> None:
    node = beat("a", memory_available_bytes=200 << 20, rss_bytes=100 << 20)
    assert find_room(node) == int(0.8 * ((300 << 20) - AGENT_BYTES))
    assert find_room(replace(node, memory_limit_bytes=128 << 20)) == int(0.8 * (64 << 20))
    assert find_room(node, others_bytes=1 << 40) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10**7), st.booleans()), max_size=80), st.integers(1, 20))
def test_cuts_are_chosen_all_over_the_model_and_only_where_it_can_be_cut(
    rows: list[tuple[float, int, bool]], most: int
) -> None:
    shares = sorted(share for share, _, _ in rows)
    found = [
        Cut(at, "ADD", 1, size, share, share, "no" if bad else "")
        for at, (share, (_, size, bad)) in enumerate(zip(shares, rows, strict=True), start=1)
    ]
    chosen = choose_cuts(found, most)
    assert len(chosen) <= most
    assert list(chosen) == sorted(set(chosen))
    assert all(not found[at - 1].problem for at in chosen)
    assert bool(chosen) == any(not cut.problem for cut in found)


def test_a_real_graph_becomes_segments_that_add_up() -> None:
    graph = read_graph(SmallClassifier().finish())
    places = tuple(cut.at for cut in cuts(graph))
    work = make_workload("small", graph, places, frame_bytes=1000)
    assert work.cuts == (0, *places, len(graph.operators))
    assert len(work.weight_bytes) == len(work.arena_bytes) == len(places) + 1
    assert max(work.arena_bytes) >= 24 * 32 * 3 * 4  # the picture as floats
    assert all(size > 0 for size in work.crossing_bytes)


@given(st.integers(1, 1000))
def test_a_played_model_is_cut_into_few_parts_that_need_all_its_memory(operators: int) -> None:
    spec = SimulatedSpec(seconds=1, operators=operators, memory_bytes=12_345_677)
    work = make_simulated_workload("sim", spec, frame_bytes=1)
    assert len(work.cuts) <= MOST_CUTS + 2
    assert sum(work.weight_bytes) == 12_345_677


def test_weights_are_as_large_as_they_were_in_memory() -> None:
    assert sum(fit_memory(WORK, [100_000_000]).weight_bytes) == 100_000_000
    assert fit_memory(WORK, [1]) == WORK


def test_times_of_probes_become_rates_and_latencies() -> None:
    assert find_rate(1_000_000, 0.11, 0.01) == pytest.approx(1e7)
    assert math.isfinite(find_rate(1000, 0.01, 0.02))  # noise
    assert find_latency(0.01, 0.002, 0.001) == pytest.approx(0.0035)
    assert find_latency(0.001, 0.002, 0.0) == 0
    assert find_handling([1000, 1400, 1800, 9000]) == pytest.approx(400e-6)
    assert find_handling([5]) == 0
    assert find_byte_cost(7000, 3, 1_000_000, 0.001) == pytest.approx(1e-9)
    assert find_byte_cost(10, 3, 1_000_000, 0.001) == 0


def test_a_link_has_changed_when_two_glances_agree_and_it_matters() -> None:
    thin = link("a", receive_bytes_s=1e6, send_bytes_s=1e6)  # 70 ms there and back
    assert compare_glance(thin, 0.001, 0.14) == pytest.approx(2, rel=0.1)
    assert has_changed(thin, (3.0, 4.0))
    assert not has_changed(thin, (1.0, 4.0))
    assert not has_changed(thin, (4.0,))
    assert has_changed(thin, (0.2, 0.3))
    fast = link("b", receive_bytes_s=1e9, send_bytes_s=1e9, latency_s=0.0001)
    assert not has_changed(fast, (9.0, 9.0))
    slower = slow_down(thin, 3.0, 99.0)
    assert (slower.receive_bytes_s, slower.measured_at) == (pytest.approx(1e6 / 3), 99.0)


def test_what_was_measured_before_the_agent_began_or_too_long_ago_is_measured_again() -> None:
    now = 1_000_000.0
    node = beat("a", at=now, uptime_s=5000.0, threads=1)
    at = WORK.cuts[1:-1]
    good = replace(profile("a"), measured_at=now - 100)
    assert is_profile_fresh(good, node, at, now)
    assert not is_profile_fresh(good, node, (1,), now)
    assert not is_profile_fresh(good, replace(node, threads=4), at, now)
    assert not is_profile_fresh(replace(good, measured_at=now - 6000), node, at, now)
    assert not is_profile_fresh(replace(good, measured_at=now - PROFILE_S), replace(node, uptime_s=1e7), at, now)
    assert is_link_fresh(link("a", measured_at=now - 10), now)
    assert not is_link_fresh(link("a", measured_at=now - LINK_S), now)
