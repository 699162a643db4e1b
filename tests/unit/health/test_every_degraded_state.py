"""The list of every degraded state that a cluster can be in, and that each is seen everywhere.

A state is a status that shows it. Each must be a finding (so `bramble doctor` exits with 1 or 2), a metric, an
event when it begins and when it ends, and on the dashboard: in its headline, and among its findings with the remedy.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from controller.metrics.metrics import expose
from controller.metrics.snapshot import Snapshot
from tests.testing.heartbeats import make_heartbeat
from tui.headline import summarise
from tui.moment import Moment
from tui.rows.findings import finding_rows
from tui.severity import Severity as Shown
from tui.severity import assess
from tui.state import Dashboard, fold
from tui.updates import StatusTaken
from wire import foundations, health
from wire.cameras import CameraStatus
from wire.endings import Ending, EndingKind
from wire.findings import Finding, Health, judge_health
from wire.foundations import Foundations, ServerStatus, WitnessBeat, WitnessStatus
from wire.jobs import QueueStatus
from wire.messages import Counts, Shard, ShardReport, ShardState
from wire.plans import Layout, ModelPlan, PlanRequest, PlanState
from wire.status import ClusterStatus, ControllerStatus, ModelStatus, NodeStatus
from wire.troubles import fold_findings

AT = 1_800_000_000.0
NODE = NodeStatus(
    node="pi-1", liveness="live", age_s=0.5, heartbeat=msgspec.structs.replace(make_heartbeat("pi-1"), at=AT - 0.5)
)
CAMERA = CameraStatus(
    camera="door", source="synthetic:", models=("ssd",), phase="live", reason="", since=0.0, fps=10.0, frames=9,
    restarts=0, counts=Counts(offered=10, inferred=10), last_frame_at=AT,
)  # fmt: skip
MODEL = ModelStatus(
    model="ssd", version="1", task="detect", licence="MIT", variants=("cpu-f32",), nodes_ready=("pi-1",)
)
CONTROLLER = ControllerStatus(
    controller="main", session="s", at=AT, version="1", uptime_s=9.0, plans=True, cameras=(), counts=Counts(),
    latency_ms={},
)  # fmt: skip
SERVERS = tuple(ServerStatus(server=f"hub{number}", state="current") for number in (1, 2, 3))
WITNESS = WitnessStatus(witness="witness-hub2", age_s=1.0, beat=WitnessBeat(witness="witness-hub2", at=AT, version="1"))
FOUNDATIONS = Foundations(servers=SERVERS, record_bytes=1, record_limit_bytes=100, witnesses=(WITNESS,))
PLAN = ModelPlan(
    request=PlanRequest(model="ssd"), layout=Layout(name="pipeline", version="1", variant="cpu-f32", whole="0" * 64),
    reason="", at=AT - 300, settled=True,
)  # fmt: skip
WELL = ClusterStatus(
    controller="main", at=AT, counts=Counts(), latency_ms={}, nodes=(NODE,), cameras=(CAMERA,), models=(MODEL,),
    controllers=(CONTROLLER,), jobs=QueueStatus(), foundations=FOUNDATIONS,
    plans=(PlanState(model="ssd", plan=PLAN),),
)  # fmt: skip
SHARD = Shard(model="ssd", version="1", variant="cpu-f32", digest="0" * 64)


def node(**changes: object) -> ClusterStatus:
    return msgspec.structs.replace(WELL, nodes=(msgspec.structs.replace(NODE, **changes),))


def beat(**changes: object) -> ClusterStatus:
    return node(heartbeat=msgspec.structs.replace(NODE.heartbeat, **changes))


def camera(**changes: object) -> ClusterStatus:
    return msgspec.structs.replace(WELL, cameras=(msgspec.structs.replace(CAMERA, **changes),))


def cluster(**changes: object) -> ClusterStatus:
    return msgspec.structs.replace(WELL, **changes)


def jobs(**changes: object) -> ClusterStatus:
    return msgspec.structs.replace(WELL, jobs=QueueStatus(**changes))  # type: ignore[arg-type]  # a row of the table


def standing(**changes: object) -> ClusterStatus:
    return cluster(foundations=msgspec.structs.replace(FOUNDATIONS, **changes))


def witness(**changes: object) -> ClusterStatus:
    return standing(witnesses=(msgspec.structs.replace(WITNESS, **changes),))


def third(**changes: object) -> ClusterStatus:
    return standing(servers=(*SERVERS[:2], msgspec.structs.replace(SERVERS[2], **changes)))


def controller(**changes: object) -> ClusterStatus:
    return cluster(controllers=(msgspec.structs.replace(CONTROLLER, **changes),))


def model(**changes: object) -> ClusterStatus:
    return cluster(models=(msgspec.structs.replace(MODEL, **changes),))


def expiring(kind: EndingKind, *, days: float, server: str = "") -> ClusterStatus:
    ending = Ending(kind=kind, at=AT + days * 86400, server=server)
    return cluster(controllers=(msgspec.structs.replace(CONTROLLER, endings=(ending,)),))


def other(name: str, **changes: object) -> NodeStatus:
    return msgspec.structs.replace(
        NODE, node=name, heartbeat=msgspec.structs.replace(NODE.heartbeat, node=name, **changes)
    )


DEAD_PEER = msgspec.structs.replace(CONTROLLER, controller="second", plans=False, liveness="dead")

# state: (what shows it, whom it is about, check, exit code)
STATES: dict[str, tuple[ClusterStatus, str, str, Health]] = {
    "a node is silent": (
        cluster(nodes=(NODE, msgspec.structs.replace(other("pi-2"), liveness="suspect"))), "node pi-2", "heartbeat",
        Health.WARNINGS,
    ),
    "the only node is dead": (node(liveness="dead"), "controller main", "nodes", Health.BROKEN),
    "a node is dead": (
        cluster(nodes=(NODE, msgspec.structs.replace(other("pi-2"), liveness="dead"))), "node pi-2", "heartbeat",
        Health.BROKEN,
    ),
    "no node has joined": (cluster(nodes=()), "controller main", "nodes", Health.BROKEN),
    "a node is drained": (beat(draining=True), "node pi-1", "draining", Health.WARNINGS),
    "a node's power is bad": (beat(throttling=("under-voltage",)), "node pi-1", "throttling", Health.WARNINGS),
    "a node is hot": (beat(temperature_c=84.0), "node pi-1", "temperature", Health.WARNINGS),
    "a node is overloaded": (beat(load=9.0), "node pi-1", "load", Health.WARNINGS),
    "a node is short of memory": (beat(memory_available_bytes=1 << 20), "node pi-1", "memory", Health.WARNINGS),
    "a node's clock is off": (beat(at=AT + 60), "node pi-1", "clock", Health.BROKEN),
    "nodes run different releases": (
        cluster(nodes=(NODE, other("pi-2", version="2"))), "controller main", "versions", Health.WARNINGS,
    ),
    "a node is getting ready": (
        beat(shards=(ShardReport(shard=SHARD, state=ShardState.PROVING),)), "node pi-1", "shard", Health.WARNINGS,
    ),
    "a node refuses a model": (
        beat(shards=(ShardReport(shard=SHARD, state=ShardState.REJECTED, reason="wrong answer"),)),
        "node pi-1", "shard", Health.BROKEN,
    ),
    "a node answers wrongly": (node(fenced={"ssd": "wrong answer"}), "node pi-1", "fence", Health.BROKEN),
    "a camera is on a lower rung": (
        camera(degraded={"ssd": "smaller_model"}), "camera door", "ladder", Health.WARNINGS,
    ),
    "a camera is blind": (camera(phase="blind", reason="no picture"), "camera door", "pictures", Health.BROKEN),
    "a camera has not begun": (camera(phase="starting"), "camera door", "pictures", Health.WARNINGS),
    "a recording is over": (camera(phase="ended"), "camera door", "pictures", Health.WARNINGS),
    "a camera is late": (camera(last_frame_at=AT - 20), "camera door", "pictures", Health.WARNINGS),
    "a camera stutters": (camera(jitter_ms=90.0), "camera door", "jitter", Health.WARNINGS),
    "more frames come than can be seen": (
        camera(counts=Counts(offered=10, inferred=2, dropped={"superseded": 8})), "camera door", "frames",
        Health.WARNINGS,
    ),
    "frames fail": (
        camera(counts=Counts(offered=10, inferred=2, failed={"no_capacity": 8})), "camera door", "frames",
        Health.WARNINGS,
    ),
    "a model has no node": (
        cluster(models=(msgspec.structs.replace(MODEL, nodes_ready=()),)), "model ssd", "served", Health.BROKEN,
    ),
    "no model is configured": (cluster(models=()), "controller main", "models", Health.WARNINGS),
    "a controller has died": (
        cluster(controllers=(CONTROLLER, DEAD_PEER)), "controller second", "answers", Health.WARNINGS,
    ),
    "nobody plans": (
        cluster(controllers=(msgspec.structs.replace(CONTROLLER, plans=False),)), "controller main", "plans",
        Health.WARNINGS,
    ),
    "a witness is silent": (witness(age_s=60.0), "witness witness-hub2", "witness", Health.WARNINGS),
    "a witness was never heard": (
        witness(age_s=60.0, beat=None), "witness witness-hub2", "witness", Health.WARNINGS,
    ),
    "a witness cannot read its server's log": (
        witness(beat=msgspec.structs.replace(WITNESS.beat, reads=False)), "witness witness-hub2", "log",
        Health.WARNINGS,
    ),
    "a witness had no room": (
        witness(beat=msgspec.structs.replace(WITNESS.beat, lost=9)), "witness witness-hub2", "witness",
        Health.WARNINGS,
    ),
    "a controller cannot read its server's log": (
        controller(unread="/var/log/bramble-nats/server.log"), "controller main", "log", Health.WARNINGS,
    ),
    "a controller cannot keep up": (controller(losing=True), "controller main", "messages", Health.WARNINGS),
    "a server of three is away": (
        third(state="offline", silent_s=12.0), "server hub3", "server", Health.BROKEN,
    ),
    "a server catches up": (third(state="behind", behind=9000), "server hub3", "server", Health.WARNINGS),
    "what is stored cannot be had": (standing(problem="no leader"), "servers", "store", Health.BROKEN),
    "the record fills": (standing(record_bytes=85), "record", "record", Health.WARNINGS),
    "the record is full": (standing(record_bytes=100), "record", "record", Health.BROKEN),
    "a controller is of another release": (controller(version="2"), "controller main", "versions", Health.WARNINGS),
    "a backup serves": (
        model(primary=("pi-9",)), "model ssd", "primary", Health.WARNINGS,
    ),
    "a plan does not come into force": (
        cluster(plans=(PlanState(
            model="ssd", plan=msgspec.structs.replace(PLAN, settled=False), missing=("operators 0 to 9 on pi-9",),
        ),)),
        "model ssd", "layout", Health.WARNINGS,
    ),
    "a server's certificate is about to end": (
        expiring(EndingKind.CERTIFICATE, days=20, server="tls://hub:4222"), "controller main", "expiry",
        Health.WARNINGS,
    ),
    "the authority has ended": (expiring(EndingKind.AUTHORITY, days=-1), "controller main", "expiry", Health.BROKEN),
    "a controller's credentials end in hours": (
        expiring(EndingKind.CREDENTIALS, days=1), "controller main", "expiry", Health.BROKEN,
    ),
    "jobs are not worked on": (jobs(problem="the stream is gone"), "jobs", "jobs", Health.BROKEN),
    "the job queue fills": (jobs(queued_bytes=90, max_queue_bytes=100), "jobs", "jobs", Health.WARNINGS),
    "a job waits for hours": (jobs(queued=1, oldest_s=9e3), "jobs", "jobs", Health.WARNINGS),
    "jobs have failed": (jobs(dead=2), "jobs", "jobs", Health.WARNINGS),
}  # fmt: skip


def judge(state: ClusterStatus) -> tuple[Finding, ...]:
    return health.judge_cluster(state)


every_state = pytest.mark.parametrize("name", STATES)


def test_a_cluster_that_is_well_has_no_finding_metric_or_event() -> None:
    found = judge(WELL)

    assert judge_health(found) is Health.WELL
    assert fold_findings({}, found, 0.0, patience_s=0.0) == ({}, ())
    assert sum(read_metric(found).values()) == 0


@every_state
def test_the_doctor_finds_it_with_a_remedy_and_tells_cron(name: str) -> None:
    state, about, check, code = STATES[name]

    found = [each for each in judge(state) if (each.about, each.check, each.severity) != (about, check, "well")]

    matching = [each for each in found if (each.about, each.check) == (about, check)]
    assert matching
    assert all(each.remedy and each.text for each in matching)
    assert judge_health(found) is code


@every_state
def test_it_is_a_metric(name: str) -> None:
    state, _, check, _ = STATES[name]

    found = read_metric(judge(state))

    assert sum(count for (each, _), count in found.items() if each == check) >= 1


@every_state
def test_it_is_an_event_when_it_begins_and_when_it_ends(name: str) -> None:
    state, about, check, _ = STATES[name]

    troubles, begun = fold_findings({}, judge(state), 0.0, patience_s=0.0)
    after, ended = fold_findings(troubles, judge(WELL), 1.0, patience_s=0.0)

    assert (about, check) in {(each.finding.about, each.finding.check) for each in begun if each.began}
    assert {(each.finding.about, each.finding.check) for each in begun} == {
        (each.finding.about, each.finding.check) for each in ended if not each.began
    }
    assert after == {}


@every_state
def test_it_is_on_the_dashboard_and_gone_from_it_when_it_ends(name: str) -> None:
    state, about, check, code = STATES[name]

    board = fold(Dashboard(), StatusTaken(state), 0.0)
    headline = summarise(Moment(board, 0.0))
    rows = finding_rows(assess(state))
    after = summarise(Moment(fold(board, StatusTaken(WELL), 1.0), 1.0))

    assert headline.severity is {Health.WARNINGS: Shown.WARN, Health.BROKEN: Shown.BAD}[code]
    assert headline.problem
    assert (about, check) in {(row.cells[1], row.cells[2]) for row in rows}
    assert (after.word, after.problem) == ("OK", "")


def test_every_check_that_can_be_found_is_in_the_list_and_declared() -> None:
    trees = [ast.parse(Path(str(module.__file__)).read_text("utf-8")) for module in (health, foundations)]
    makers: dict[str, Callable[[ast.Call], ast.expr | None]] = {
        "warning": lambda call: call.args[1],
        "broken": lambda call: call.args[1],
        "Finding": lambda call: next((each.value for each in call.keywords if each.arg == "check"), None),
    }
    checks = {
        made.value
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in makers
        if isinstance(made := makers[call.func.id](call), ast.Constant)
    }

    assert checks == set(health.CHECKS)
    assert checks == {check for _, _, check, _ in STATES.values()}


def read_metric(findings: tuple[Finding, ...]) -> dict[tuple[str, str], float]:
    snapshot = Snapshot("1", WELL, plans=True, findings=findings)
    family = next(each for each in expose(snapshot) if each.name == "bramble_findings")
    return {(sample.labels["check"], sample.labels["severity"]): sample.value for sample in family.samples}
