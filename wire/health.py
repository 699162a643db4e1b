"""How a cluster is, judged from what its controller says: the same for every program that asks. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from wire.cameras import CameraStatus
from wire.endings import REMEDIES
from wire.findings import Finding, Severity, broken, warning, well
from wire.foundations import judge_foundations, judge_reading
from wire.jobs import QueueStatus
from wire.messages import Heartbeat, ShardState
from wire.plans import PlanState
from wire.status import ClusterStatus, ControllerStatus, ModelStatus, NodeStatus

HOT_C = 80.0
"""From here a Raspberry Pi slows itself down: https://www.raspberrypi.com/documentation/computers/config_txt.html"""
BUSY = 2.0
"""Load average per core above which a node is overloaded."""
LATE_S = 3.0
"""A live camera's frame older than this, and than three of its periods, is late."""
OFFSET_WARN_S, OFFSET_BROKEN_S = 1.0, 10.0
"""Results carry times of capture; beyond, they cannot be compared between hosts, and certificates may not hold."""
MEMORY_WARN = 0.10
UNSEEN_WARN = 0.5
JITTER_WARN = 0.5
"""Of a camera's period: beyond, pictures come in bursts."""

OLD_JOB_S = 3600.0
JOBS_FULL_WARN = 0.8
LAYOUT_S = 60.0
"""For so long the nodes of a plan may get ready; a first proof of a large model on a Pi takes half of that."""

CHECKS = (
    "answers", "nodes", "versions", "plans", "models", "heartbeat", "clock", "draining", "throttling", "temperature",
    "load", "memory", "shard", "pictures", "jitter", "frames", "served", "jobs",
    "ladder", "fence", "expiry", "messages", "layout", "primary", "witness", "server", "store", "record", "log",
)  # fmt: skip
"""Everything that can be found; a test holds the list to the code."""


def judge_cluster(status: ClusterStatus) -> tuple[Finding, ...]:
    """Judge everything in a status."""
    return (
        *judge_controller(status),
        *judge_foundations(status.foundations),
        *(judge_jobs(status.jobs) if status.jobs is not None else ()),
        *(finding for node in status.nodes for finding in judge_node(node, status)),
        *(finding for camera in status.cameras for finding in judge_camera(camera, status)),
        *(finding for model in status.models for finding in judge_model(model)),
        *(finding for plan in status.plans for finding in judge_layout(plan, status.at)),
    )


def judge_controller(status: ClusterStatus) -> Iterator[Finding]:
    """Judge the whole."""
    about = f"controller {status.controller}"
    yield well(about, "answers", f"{status.counts.offered} frames offered, {status.counts.inferred} inferred")
    live = [node for node in status.nodes if node.liveness == "live"]
    if not status.nodes:
        yield broken(about, "nodes", "no node has joined", "start agents: `bramble-agent --node NAME`, or the playbook")
    elif not live:
        yield broken(
            about, "nodes", f"none of {len(status.nodes)} nodes is live", "look at the nodes' power and network"
        )
    else:
        yield well(about, "nodes", f"{len(live)} of {len(status.nodes)} nodes are live")
    yield from _judge_versions(about, status)
    for each in status.controllers:
        yield from _judge_peer(each, status)
    if status.controllers and not any(each.plans for each in status.controllers if each.liveness == "live"):
        yield warning(about, "plans", "no controller has the task of planning", "wait some seconds; then see its log")
    if not status.models:
        yield warning(about, "models", "no model is configured", "`bramble model push NAME`")


def _judge_versions(about: str, status: ClusterStatus) -> Iterator[Finding]:
    found = {node.heartbeat.version for node in status.nodes if node.liveness == "live"}
    found |= {each.version for each in status.controllers if each.liveness == "live"}
    found |= {each.beat.version for each in status.foundations.witnesses if each.beat}
    if len(found) > 1:
        remedy = "roll the same release out everywhere: playbooks/upgrade.yml"
        yield warning(about, "versions", f"programs of different versions run: {', '.join(sorted(found))}", remedy)


def _judge_peer(controller: ControllerStatus, status: ClusterStatus) -> Iterator[Finding]:
    about = f"controller {controller.controller}"
    if controller.liveness != "live":
        remedy = "`systemctl status bramble-controller` on its host; another one has its cameras meanwhile"
        yield warning(about, "answers", "does not answer any more", remedy)
        return
    if controller.controller != status.controller:
        yield well(about, "answers", f"has {len(controller.cameras)} cameras")
    if controller.unread:
        yield judge_reading(about, controller.unread)
    if controller.losing:
        remedy = "it is short of processor time: lower the cameras' rates, or run a second controller"
        yield warning(about, "messages", "threw messages away within the last minute", remedy)
    yield from _judge_endings(controller, status.at)


def _judge_endings(controller: ControllerStatus, at: float) -> Iterator[Finding]:
    for ending in controller.endings:
        severity = ending.judge(at)
        remedy = "" if severity is Severity.WELL else REMEDIES[ending.kind]
        about = f"controller {controller.controller}"
        yield Finding(about=about, check="expiry", severity=severity, text=ending.tell(at), remedy=remedy)


def judge_silence(reason: str) -> Finding:
    """Say that no controller answers."""
    remedy = "`systemctl status bramble-controller` on its host; `bramble local` runs a whole cluster here"
    return broken("controller", "answers", f"no controller answers: {reason}", remedy)


def judge_node(node: NodeStatus, status: ClusterStatus) -> Iterator[Finding]:
    """Judge a node as its heartbeats show it."""
    about, beat = f"node {node.node}", node.heartbeat
    if node.liveness != "live":
        remedy = "look at its power, cable and `systemctl status bramble-agent`; its frames go to the others meanwhile"
        severity = Severity.BROKEN if node.liveness == "dead" else Severity.WARNING
        yield Finding(
            about=about, check="heartbeat", severity=severity, text=f"silent for {node.age_s:.0f} s", remedy=remedy
        )
        return
    yield well(about, "heartbeat", f"heard {node.age_s:.1f} s ago")
    yield from _judge_clock(about, beat.at - (status.at - node.age_s))
    if beat.draining:
        yield warning(about, "draining", "takes no new work: it was told to", f"bramble nodes undrain {node.node}")
    yield from _judge_board(about, beat)
    for model, reason in node.fenced.items():
        remedy = "it serves again once it has proved itself; if it does not, look at its memory and its accelerator"
        yield broken(about, "fence", f"is kept from {model}: {reason}", remedy)
    for report in beat.shards:
        name = f"{report.shard.model} {report.shard.version} ({report.shard.variant})"
        if report.state is ShardState.REJECTED:
            remedy = "`bramble doctor node` compares runtimes; `bramble model push` sends the model again"
            yield broken(about, "shard", f"refuses {name}: {report.reason}", remedy)
        elif report.state is not ShardState.READY:
            yield warning(about, "shard", f"{report.state} {name}", "wait; a first start proves every model")


def judge_camera(camera: CameraStatus, status: ClusterStatus) -> Iterator[Finding]:
    """Judge a camera."""
    about = f"camera {camera.camera}"
    if camera.phase == "blind":
        yield broken(
            about, "pictures", f"blind: {camera.reason}", "bramble camera test URL tries it from the controller"
        )
        return
    if camera.phase == "starting":
        yield warning(about, "pictures", "no picture yet", "wait; `bramble camera list` shows what it waits for")
        return
    if camera.phase == "ended":
        yield warning(about, "pictures", "the recording has been played to its end", "add it again with ?loop=1")
        return
    age = frame_age(camera, status.at) or 0.0
    rate = f"{camera.codec}, {camera.fps:.1f} a second" if camera.codec else f"{camera.fps:.1f} a second"
    text = f"{rate}, blind for {camera.seconds_blind:.0f} s so far"
    if age > max(LATE_S, 3 / camera.fps if camera.fps else LATE_S):
        yield warning(about, "pictures", f"the last picture is {age:.0f} s old", "look at the camera and its network")
    else:
        yield well(about, "pictures", text)
    if camera.fps > 0 and camera.jitter_ms / 1e3 > JITTER_WARN / camera.fps:
        text = f"pictures come {camera.jitter_ms:.0f} ms early or late, at {camera.fps:.1f} a second"
        yield warning(about, "jitter", text, "look at its Wi-Fi, or use a cable; a fixed rate in the camera helps too")
    for model, rung in camera.degraded.items():
        remedy = "`bramble doctor node` shows what the nodes lack; it returns by itself, a step at a time"
        yield warning(about, "ladder", f"{model} is degraded: {rung.replace('_', ' ')}", remedy)
    yield from _judge_frames(about, camera)


def frame_age(camera: CameraStatus, at: float) -> float | None:
    """Return the age of a camera's last frame in seconds, at a moment in Unix seconds; None before the first."""
    return None if camera.last_frame_at is None else max(0.0, at - camera.last_frame_at)


def judge_model(model: ModelStatus) -> Iterator[Finding]:
    """Judge a model."""
    about = f"model {model.model}"
    if model.nodes_ready:
        yield well(about, "served", f"{len(model.nodes_ready)} nodes serve {model.version}")
    else:
        remedy = f"`bramble nodes` shows how far each is; its variants are {', '.join(model.variants) or 'none'}"
        yield broken(about, "served", "no node is ready for it: every frame fails", remedy)
    if model.primary and model.nodes_ready:
        if serving := (set(model.nodes_ready) - set(model.standing_by)) & set(model.primary):
            yield well(about, "primary", f"served by {', '.join(sorted(serving))}")
        else:
            text = f"none of its primaries ({', '.join(model.primary)}) serves it; the backups do"
            yield warning(about, "primary", text, "it returns by itself; `bramble doctor node` says what they lack")


def judge_layout(state: PlanState, at: float) -> Iterator[Finding]:
    """Judge the plan that a model is to be laid out by, at a moment in Unix seconds."""
    about, plan = f"model {state.model}", state.plan
    if plan is None:
        return
    if plan.settled:
        yield well(about, "layout", f"laid out as planned: {plan.layout.name}")
    elif state.missing and at - plan.at > LAYOUT_S:
        text = f"its plan of {at - plan.at:.0f} s ago is not in force: {'; '.join(state.missing)}"
        yield warning(about, "layout", text, "what was before serves; `bramble plan --reset` gives the plan up")


def _judge_board(about: str, beat: Heartbeat) -> Iterator[Finding]:
    for word in beat.throttling:
        remedy = "its own power supply and a short cable" if word == "under-voltage" else "a heat sink and a fan"
        yield warning(about, "throttling", f"the board says {word}", remedy)
    if beat.temperature_c is not None and beat.temperature_c >= HOT_C:
        yield warning(about, "temperature", f"{beat.temperature_c:.0f} °C", "a heat sink and a fan")
    if beat.cpus and beat.load >= BUSY * beat.cpus:
        remedy = "see what else runs there, or give it less to do"
        yield warning(about, "load", f"load {beat.load:.1f} on {beat.cpus} cores", remedy)
    if beat.memory_available_bytes < MEMORY_WARN * beat.memory_bytes:
        text = f"{beat.memory_available_bytes >> 20} of {beat.memory_bytes >> 20} MiB of memory are available"
        yield warning(about, "memory", text, "serve fewer or smaller models here")


def judge_jobs(queue: QueueStatus) -> Iterator[Finding]:
    """Judge the queue of durable jobs."""
    about = "jobs"
    if queue.problem:
        yield broken(about, "jobs", f"nothing is worked on: {queue.problem}", "see `bramble jobs`")
    elif queue.max_queue_bytes and queue.queued_bytes > JOBS_FULL_WARN * queue.max_queue_bytes:
        text = f"{queue.queued_bytes >> 20} of {queue.max_queue_bytes >> 20} MiB of the queue are taken"
        yield warning(about, "jobs", text, "when it is full, jobs are refused: submit less, or raise --jobs-disk")
    elif queue.oldest_s > OLD_JOB_S:
        text = f"the oldest of {queue.queued} jobs has waited for {queue.oldest_s / 3600:.1f} h"
        yield warning(about, "jobs", text, "live frames go first: add nodes, or wait for quieter hours")
    elif queue.dead:
        text = f"{queue.dead} failed jobs keep their pictures"
        yield warning(about, "jobs", text, "`bramble jobs` shows why; retry or drop them")
    else:
        yield well(about, "jobs", f"{queue.queued} queued")


def _judge_clock(about: str, offset_s: float) -> Iterator[Finding]:
    if abs(offset_s) <= OFFSET_WARN_S:
        return
    severity = Severity.BROKEN if abs(offset_s) > OFFSET_BROKEN_S else Severity.WARNING
    remedy = "sudo timedatectl set-ntp true; without internet name the site's server in node_base_ntp_servers"
    text = f"its clock is {offset_s:+.1f} s off the controller's"
    yield Finding(about=about, check="clock", severity=severity, text=text, remedy=remedy)


def _judge_frames(about: str, camera: CameraStatus) -> Iterator[Finding]:
    counts = camera.counts
    unseen = sum(counts.dropped.values()) + sum(counts.failed.values())
    if counts.offered and unseen > UNSEEN_WARN * counts.offered:
        reasons = {**counts.dropped, **counts.failed}
        worst = max(reasons, key=lambda reason: reasons[reason])
        text = f"nobody looked at {unseen} of {counts.offered} frames, most for {worst}"
        yield warning(about, "frames", text, "lower its rate with --fps, gate with --motion, or add nodes")
