from __future__ import annotations

import pytest

from tests.tui_testing.boards import AT, make_camera, make_node, make_report, make_status
from tui.severity import Severity, judge_camera, judge_cluster, judge_model, judge_node
from wire.messages import ShardState
from wire.status import NodeStatus


@pytest.mark.parametrize(
    ("node", "severity", "word", "why"),
    [
        (make_node(), Severity.OK, "live", ""),
        (make_node(liveness="dead", age_s=12.0), Severity.BAD, "dead", "not heard for 12 s"),
        (make_node(liveness="suspect", age_s=3.6), Severity.WARN, "suspect", "not heard for 4 s"),
        (make_node(draining=True), Severity.NOTE, "draining", "takes no new work"),
        (make_node(draining=True, load=99.0), Severity.NOTE, "draining", "takes no new work"),
        (make_node(throttling=("under-voltage",)), Severity.WARN, "throttled", "under-voltage"),
        (make_node(temperature_c=80.0), Severity.WARN, "hot", "80 °C"),
        (make_node(temperature_c=79.9), Severity.OK, "live", ""),
        (make_node(temperature_c=None), Severity.OK, "live", ""),
        (make_node(load=8.0), Severity.WARN, "overloaded", "load 8.0 on 4 cores"),
        (make_node(shards=(make_report(state=ShardState.FETCHING),)), Severity.NOTE, "loading", "ssd_mobilenet_v2"),
        (
            make_node(shards=(make_report(state=ShardState.REJECTED, reason="bad digest"),)),
            Severity.BAD,
            "rejected",
            "ssd_mobilenet_v2: bad digest",
        ),
        (
            make_node(liveness="dead", draining=True, throttling=("throttled",)),
            Severity.BAD,
            "dead",
            "not heard for 0 s",
        ),
    ],
)
def test_a_node_is_judged_by_the_worst_that_is_known_of_it(
    node: NodeStatus, severity: Severity, word: str, why: str
) -> None:
    verdict = judge_node(node)
    assert (severity, word, why) == (verdict.severity, verdict.word, verdict.why)


def test_the_silence_of_a_dead_node_goes_on_while_no_status_comes() -> None:
    assert judge_node(make_node(liveness="dead", age_s=6.0), waited_s=10.0).why == "not heard for 16 s"


def test_a_blind_camera_is_bad_and_says_why() -> None:
    verdict = judge_camera(make_camera(phase="blind", reason="nothing listens there"), AT)
    assert (verdict.severity, verdict.why) == (Severity.BAD, "nothing listens there")


def test_a_live_camera_whose_frames_stop_is_late_before_the_controller_calls_it_blind() -> None:
    camera = make_camera(frame_age_s=0.1)
    assert judge_camera(camera, AT).severity is Severity.OK
    assert judge_camera(camera, AT + 10).word == "late"


def test_a_slow_camera_is_not_late_within_three_of_its_periods() -> None:
    assert judge_camera(make_camera(fps=0.2, frame_age_s=14.0), AT).severity is Severity.OK
    assert judge_camera(make_camera(fps=0.2, frame_age_s=16.0), AT).word == "late"


def test_a_camera_whose_file_ended_is_told_not_mourned() -> None:
    assert judge_camera(make_camera(phase="ended", frame_age_s=900.0), AT).severity is Severity.NOTE


def test_a_model_that_no_node_serves_is_bad() -> None:
    status = make_status([make_node(liveness="dead")])
    assert judge_model(status.models[0]).severity is Severity.BAD


def test_the_cluster_is_as_bad_as_its_worst_part_and_names_the_worst_first() -> None:
    status = make_status(
        [make_node("node-1", temperature_c=85.0), make_node("node-2", "dead", age_s=9.0), make_node("node-3")],
        [make_camera("door")],
    )
    verdict, problems = judge_cluster(status, AT)
    assert (verdict.severity, verdict.word) == (Severity.BAD, "DEGRADED")
    assert problems == ("node-2 dead: not heard for 9 s", "node-1 hot: 85 °C")


def test_a_cluster_that_is_only_hot_is_strained() -> None:
    assert judge_cluster(make_status([make_node(temperature_c=85.0)]), AT)[0].word == "STRAINED"


def test_draining_a_node_is_no_problem() -> None:
    verdict, problems = judge_cluster(make_status([make_node(draining=True), make_node("node-2")]), AT)
    assert (verdict.word, problems) == ("OK", ())


@pytest.mark.parametrize("liveness", ["dead", "suspect"])
def test_a_cluster_without_a_live_node_is_down(liveness: str) -> None:
    verdict, problems = judge_cluster(make_status([make_node(liveness=liveness)]), AT)
    assert verdict.word == "DOWN"
    assert problems[0] == "no node is live"


def test_every_severity_has_a_sign_of_its_own() -> None:
    assert len({severity.mark for severity in Severity}) == len(Severity)
