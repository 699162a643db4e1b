from __future__ import annotations

from typing import Any

import pytest

from benchmarks.harness.bounds import Verdict, judge


def make_row(contender: str, **changed: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "contender": contender,
        "one_added_ms": 1.0,
        "messaging_ms": 1.0,
        "saturation": 0.9,
        "one_p99_over_p50": 1.1,
        "at_rest": True,
    }
    return plain | changed


def find(verdicts: list[Verdict], what: str) -> Verdict:
    (found,) = (each for each in verdicts if each.what == what)
    return found


def test_what_was_not_measured_is_not_judged() -> None:
    assert judge({}) == []
    assert all("gRPC" not in each.what for each in judge({"frame_path": [make_row("bramble")]}))


def test_the_best_grpc_is_found_and_named() -> None:
    rows = [
        make_row("bramble", messaging_ms=0.9),
        make_row("grpc-aio", messaging_ms=2.0),
        make_row("grpc-threads", messaging_ms=1.5),
    ]
    best = find(judge({"frame_path": rows}), "messaging CPU over the best gRPC's (grpc-threads)")
    assert best.measured == pytest.approx(0.6)
    assert best.holds


def test_a_figure_that_must_not_be_below_is_missed_when_it_is() -> None:
    found = find(judge({"frame_path": [make_row("bramble", saturation=0.91)]}), "saturation, of two bare loops")
    assert not found.holds


def test_a_figure_that_is_not_a_number_never_holds() -> None:
    for at_most in (True, False):
        assert not Verdict(what="x", measured=float("nan"), bound=1.0, at_most=at_most).holds


def test_a_worker_that_never_came_back_is_missed_though_json_has_no_infinity() -> None:
    kill = {"kill_failed": 0, "kill_repeated": 0, "kill_worst_ms": 100.0, "kill_back_s": None}
    found = find(judge({"frame_path": [make_row("bramble", **kill)]}), "kill -9: a second worker is back")
    assert not found.holds


def test_only_our_dispatch_over_unequal_nodes_is_judged() -> None:
    rows = [
        {"policy": policy, "load": 0.28, "p99_ms": p99_ms, "failed": 0}
        for policy, p99_ms in (("bramble", 250.0), ("queue group", 6000.0))
    ]
    assert [each.holds for each in judge({"unequal_nodes": rows})] == [True, True]


def test_latencies_of_a_machine_that_was_not_at_rest_are_neither_held_nor_missed() -> None:
    verdicts = judge({"frame_path": [make_row("bramble", at_rest=False), make_row("grpc-aio")]})
    assert find(verdicts, "added at one in flight").word == "machine not at rest"
    assert find(verdicts, "messaging CPU over grpc-aio's").word == "missed"
