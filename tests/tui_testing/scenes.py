"""Clusters in the states that the dashboard has screens for."""

from __future__ import annotations

from msgspec.structs import replace

from tests.tui_testing.apps import WHERE
from tests.tui_testing.archives import QUEUE
from tests.tui_testing.boards import AT, MODEL, make_camera, make_controller, make_node, make_result, make_status
from tests.tui_testing.plans import CUT, make_plan_state, serve_stage
from tui.updates import Connecting, EventTaken, ResultsTaken, StatusTaken, Update
from wire.messages import Event, StageTimings, Timings
from wire.status import ClusterStatus

FIRST = Connecting(WHERE)
RATE = 24  # frames a second through the pipeline
SECONDS = 12


def in_trouble() -> ClusterStatus:
    """Of everything that can be wrong with nodes and cameras, something."""
    nodes = [
        make_node("node-1"),
        make_node("node-2", "dead", age_s=42.0),
        make_node("node-3", temperature_c=84.0, throttling=("under-voltage", "throttled")),
        make_node("node-4", fenced={MODEL: "Bicycle .91 where Person .88 was to be"}),
        make_node("node-5", draining=True),
    ]
    cameras = [
        make_camera("door"),
        make_camera("gate", "blind", reason="gate.lan:554 refused the connection", fps=0, seconds_blind=75.0),
        make_camera("yard", frame_age_s=9.0),
        make_camera("shed", degraded={MODEL: "fewer_frames"}, seconds_blind=12.0),
        make_camera("barn", controller="second"),
    ]
    controllers = (
        make_controller("local", cameras=("door", "gate", "yard", "shed")),
        make_controller("second", plans=False, cameras=("barn",)),
        make_controller("third", plans=False, liveness="dead"),
    )
    return make_status(nodes, cameras, controllers=controllers, jobs=QUEUE)


def in_a_pipeline(*, settled: bool = True) -> list[Update]:
    """Twelve seconds of a model cut into three stages, the second of which can do least."""
    missing = () if settled else ("stage 3 on node-3",)
    updates: list[Update] = [FIRST]
    for second in range(SECONDS):
        nodes = [
            replace(node, heartbeat=serve_stage(node.heartbeat, MODEL, stage, RATE * second, AT + second))
            for stage, node in enumerate(make_node(f"node-{number}") for number in (1, 2, 3))
        ]
        plan = make_plan_state(MODEL, at=AT - (300 if settled else 20), settled=settled, missing=missing)
        status = make_status(nodes, [make_camera("door", fps=24.0)], at=AT + second, plans=(plan,))
        updates.append(StatusTaken(status))
    result = replace(
        make_result(at=AT + SECONDS),
        nodes=("node-1", "node-2", "node-3"),
        cut=CUT,
        timings=Timings(total_ms=92.0),
        stages=(
            StageTimings(node="node-1", infer_ms=24.0, sent_bytes=100_352),
            StageTimings(node="node-2", infer_ms=34.0, network_ms=3.1, sent_bytes=75_264),
            StageTimings(node="node-3", infer_ms=20.0, network_ms=2.4),
        ),
    )
    changed = Event(at=AT + 3, kind="plan-in-force", text="pipeline serves; what it replaces goes")
    return [*updates, ResultsTaken((result,), 0), EventTaken(MODEL, changed)]
