from __future__ import annotations

import pytest

from tests.tui_testing.boards import AT, MODEL, make_camera, make_controller, make_node, make_report, make_status
from tui.severity import (
    Assessment,
    Severity,
    assess,
    judge_camera,
    judge_cluster,
    judge_controller,
    judge_jobs,
    judge_model,
    judge_node,
)
from wire.cameras import CameraStatus
from wire.jobs import QueueStatus
from wire.messages import ShardState
from wire.status import NodeStatus


@pytest.mark.parametrize(
    ("node", "severity", "word", "why"),
    [
        (make_node(), Severity.OK, "live", ""),
        (make_node(liveness="dead", age_s=12.0), Severity.BAD, "dead", "silent for 12 s"),
        (make_node(liveness="suspect", age_s=3.6), Severity.WARN, "suspect", "silent for 4 s"),
        (make_node(draining=True), Severity.WARN, "draining", "takes no new work: it was told to"),
        (make_node(throttling=("under-voltage",)), Severity.WARN, "throttled", "the board says under-voltage"),
        (make_node(temperature_c=80.0), Severity.WARN, "hot", "80 °C"),
        (make_node(temperature_c=79.9), Severity.OK, "live", ""),
        (make_node(temperature_c=None), Severity.OK, "live", ""),
        (make_node(load=8.0), Severity.WARN, "overloaded", "load 8.0 on 4 cores"),
        (
            make_node(memory_available_bytes=100 << 20),
            Severity.WARN,
            "low memory",
            "100 of 4096 MiB of memory are available",
        ),
        (make_node(fenced={MODEL: "wrong answer"}), Severity.BAD, "fenced", f"is kept from {MODEL}: wrong answer"),
        (
            make_node(shards=(make_report(state=ShardState.FETCHING),)),
            Severity.WARN,
            "loading",
            f"fetching {MODEL} 1.0.0 (cpu-int8)",
        ),
        (
            make_node(load=8.0, shards=(make_report(state=ShardState.REJECTED, reason="bad digest"),)),
            Severity.BAD,
            "rejected",
            f"refuses {MODEL} 1.0.0 (cpu-int8): bad digest; load 8.0 on 4 cores",
        ),
        (make_node(liveness="dead", draining=True, throttling=("throttled",)), Severity.BAD, "dead", "silent for 0 s"),
    ],
)
def test_a_node_is_judged_by_the_worst_that_is_known_of_it(
    node: NodeStatus, severity: Severity, word: str, why: str
) -> None:
    verdict = judge_node(node, assess(make_status([node])))
    assert (severity, word, why) == (verdict.severity, verdict.word, verdict.why)


def test_the_silence_of_a_dead_node_goes_on_while_no_status_comes() -> None:
    node = make_node(liveness="dead", age_s=6.0)
    assert judge_node(node, assess(make_status([node]), waited_s=10.0)).why == "silent for 16 s"


def test_a_clock_that_agreed_does_not_go_wrong_while_no_status_comes() -> None:
    node = make_node()
    assert judge_node(node, assess(make_status([node]), waited_s=2.9)).severity is Severity.OK


def seen(camera: CameraStatus, *, waited_s: float = 0.0) -> Assessment:
    return assess(make_status([make_node()], [camera]), waited_s=waited_s)


def test_a_blind_camera_is_bad_and_says_why() -> None:
    camera = make_camera(phase="blind", reason="nothing listens there")
    verdict = judge_camera(camera, seen(camera))
    assert (verdict.severity, verdict.word, verdict.why) == (Severity.BAD, "blind", "nothing listens there")


def test_a_live_camera_whose_frames_stop_is_late_before_the_controller_calls_it_blind() -> None:
    camera = make_camera(frame_age_s=0.1)
    assert judge_camera(camera, seen(camera)).severity is Severity.OK
    assert judge_camera(camera, seen(camera, waited_s=10)).word == "late"


def test_a_slow_camera_is_not_late_within_three_of_its_periods() -> None:
    soon, late = make_camera(fps=0.2, frame_age_s=14.0), make_camera(fps=0.2, frame_age_s=16.0)
    assert judge_camera(soon, seen(soon)).severity is Severity.OK
    assert judge_camera(late, seen(late)).word == "late"


def test_a_camera_on_a_lower_rung_is_degraded() -> None:
    camera = make_camera(degraded={MODEL: "fewer_frames"})
    verdict = judge_camera(camera, seen(camera))
    assert (verdict.word, verdict.why) == ("degraded", f"{MODEL} is degraded: fewer frames")


def test_a_model_that_no_node_serves_is_bad() -> None:
    status = make_status([make_node(liveness="dead")])
    assert judge_model(status.models[0], assess(status)).severity is Severity.BAD


def test_a_controller_that_died_is_told_apart_from_what_the_other_says_of_the_whole() -> None:
    status = make_status(controllers=(make_controller("a"), make_controller("b", plans=False, liveness="dead")))
    first, second = status.controllers
    assert judge_controller(first, assess(status)).severity is Severity.OK
    assert judge_controller(second, assess(status)).word == "dead"


def test_a_queue_that_nobody_has_looked_at_yet_is_unknown_not_well() -> None:
    assert judge_jobs(assess(make_status(jobs=None))).severity is Severity.NOTE
    assert judge_jobs(assess(make_status(jobs=QueueStatus()))).word == "open"
    assert judge_jobs(assess(make_status(jobs=QueueStatus(problem="no room")))).severity is Severity.BAD


def test_the_cluster_is_as_bad_as_its_worst_part_and_names_the_worst_first() -> None:
    assessment = assess(
        make_status(
            [make_node("node-1", temperature_c=85.0), make_node("node-2", "dead", age_s=9.0), make_node("node-3")],
            [make_camera("door")],
        )
    )
    verdict = judge_cluster(assessment)
    assert (verdict.severity, verdict.word) == (Severity.BAD, "BROKEN")
    assert [each.about for each in assessment.troubles] == ["node node-2", "node node-1"]


def test_a_cluster_that_is_only_hot_has_warnings() -> None:
    assert judge_cluster(assess(make_status([make_node(temperature_c=85.0)]))).word == "WARNINGS"


@pytest.mark.parametrize("liveness", ["dead", "suspect"])
def test_a_cluster_without_a_live_node_is_down(liveness: str) -> None:
    assessment = assess(make_status([make_node(liveness=liveness)]))
    assert judge_cluster(assessment).word == "DOWN"
    assert ("controller local", "nodes") in {(each.about, each.check) for each in assessment.troubles}


def test_every_severity_has_a_sign_of_its_own() -> None:
    assert len({severity.mark for severity in Severity}) == len(Severity)


def test_an_assessment_is_at_the_moment_at_which_it_is_shown() -> None:
    assert assess(make_status([make_node()], at=AT), waited_s=2.0).status.at == AT + 2.0
