"""The one table of metrics: everything that is exposed, in base units.

Label values come from configuration, from nodes that the server lets speak, or from fixed sets: nobody outside can
add series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

from controller.lanes.ladder import Rung
from controller.metrics.family import Family, Kind, Sample
from controller.metrics.foundations import FOUNDATIONS
from controller.metrics.snapshot import Snapshot
from wire.cameras import CameraStatus
from wire.endings import EndingKind, find_earliest
from wire.findings import Severity
from wire.health import CHECKS
from wire.messages import ShardReport, ShardState
from wire.status import NodeStatus

PARTS = ("wait", "network", "queue", "decode", "preprocess", "infer", "postprocess")
PHASES = ("starting", "live", "blind", "ended")
THROTTLING = ("under-voltage", "frequency-capped", "throttled", "soft-temperature-limit")
OTHER = "other"

FRAME_SECONDS = Family(
    "bramble_frame_seconds", "histogram", "From a frame's capture, or a request's arrival, to its result", ("model",)
)
PART_SECONDS = Family(
    "bramble_frame_part_seconds",
    "histogram",
    f"Where the time of inferred frames went; part is one of {', '.join(PARTS)}",
    ("model", "part"),
)
REFUSED_PUSHES = Family("bramble_pushes_refused_total", "counter", "Pictures on frames.* that no camera took")


def _kind(name: str) -> Kind:
    return "counter" if name.endswith("_total") else "gauge"


def _one(value: Callable[[Snapshot], float]) -> Callable[[Snapshot], Iterable[Sample]]:
    return lambda snapshot: [((), float(value(snapshot)))]


def _gauge(name: str, text: str, value: Callable[[Snapshot], float]) -> Family:
    return Family(name, "gauge", text, (), _one(value))


def _counter(name: str, text: str, value: Callable[[Snapshot], float]) -> Family:
    return Family(name, "counter", text, (), _one(value))


def _node(name: str, text: str, value: Callable[[NodeStatus], float | None]) -> Family:
    def read(snapshot: Snapshot) -> Iterator[Sample]:
        for node in snapshot.status.nodes:
            found = value(node)
            if found is not None:
                yield (node.node,), float(found)

    return Family(f"bramble_node_{name}", "gauge", text, ("node",), read)


def _camera(name: str, text: str, value: Callable[[CameraStatus], float | None]) -> Family:
    def read(snapshot: Snapshot) -> Iterator[Sample]:
        for camera in snapshot.status.cameras:
            found = value(camera)
            if found is not None:
                yield (camera.camera,), float(found)

    return Family(f"bramble_camera_{name}", _kind(name), text, ("camera",), read)


def _shard(name: str, text: str, value: Callable[[ShardReport], float]) -> Family:
    def read(snapshot: Snapshot) -> Iterator[Sample]:
        for node, report in _reports(snapshot):
            shard = report.shard
            labels = (node.node, shard.model, shard.version, shard.variant, str(shard.stage))
            yield labels, float(value(report))

    return Family(f"bramble_shard_{name}", _kind(name), text, ("node", "model", "version", "variant", "stage"), read)


def _reports(snapshot: Snapshot) -> Iterator[tuple[NodeStatus, ShardReport]]:
    """A node that is dead serves nothing, whatever it said last."""
    for node in snapshot.status.nodes:
        if node.liveness != "dead":
            for report in node.heartbeat.shards:
                yield node, report


def _read_offered(snapshot: Snapshot) -> Iterator[Sample]:
    for lane, counts in snapshot.ledger.items():
        yield lane, counts.offered


def _read_open(snapshot: Snapshot) -> Iterator[Sample]:
    for lane, counts in snapshot.ledger.items():
        yield lane, counts.open


def _read_ends(snapshot: Snapshot) -> Iterator[Sample]:
    for (camera, model), counts in snapshot.ledger.items():
        yield (camera, model, "inferred", ""), counts.inferred
        yield (camera, model, "gated", ""), counts.gated
        for reason, count in counts.dropped.items():
            yield (camera, model, "dropped", reason), count
        for reason, count in counts.failed.items():
            yield (camera, model, "failed", reason), count


def _read_phases(snapshot: Snapshot) -> Iterator[Sample]:
    for camera, phase in product(snapshot.status.cameras, PHASES):
        yield (camera.camera, phase), camera.phase == phase


def _read_rungs(snapshot: Snapshot) -> Iterator[Sample]:
    order = [rung.value for rung in Rung]
    for camera in snapshot.status.cameras:
        for model in camera.models:
            yield (camera.camera, model), order.index(camera.degraded.get(model, Rung.FULL.value))


def _read_fences(snapshot: Snapshot) -> Iterator[Sample]:
    for node in snapshot.status.nodes:
        for model in {report.shard.model for report in node.heartbeat.shards} | set(node.fenced):
            yield (node.node, model), model in node.fenced


def _read_throttling(snapshot: Snapshot) -> Iterator[Sample]:
    for node in snapshot.status.nodes:
        said = {word if word in THROTTLING else OTHER for word in node.heartbeat.throttling}
        for word in (*THROTTLING, OTHER):
            yield (node.node, word), node.liveness != "dead" and word in said


def _read_node_info(snapshot: Snapshot) -> Iterator[Sample]:
    for node in snapshot.status.nodes:
        yield (node.node, node.heartbeat.version, node.heartbeat.machine), 1


def _read_model_nodes(snapshot: Snapshot) -> Iterator[Sample]:
    for model in snapshot.status.models:
        yield (model.model,), len(model.nodes_ready)


def _read_model_info(snapshot: Snapshot) -> Iterator[Sample]:
    for model in snapshot.status.models:
        yield (model.model, model.version, model.task), 1


def _read_plans(snapshot: Snapshot) -> Iterator[Sample]:
    for state in snapshot.status.plans:
        yield (state.model,), state.plan is not None and state.plan.settled


def _read_predictions(snapshot: Snapshot) -> Iterator[Sample]:
    for state in snapshot.status.plans:
        if state.plan is not None and state.plan.throughput_s:
            yield (state.model,), state.plan.throughput_s


def _read_findings(snapshot: Snapshot) -> Iterator[Sample]:
    if snapshot.findings is None:
        return
    for check, severity in product(CHECKS, (Severity.WARNING, Severity.BROKEN)):
        found = [each for each in snapshot.findings if (each.check, each.severity) == (check, severity)]
        yield (check, severity.value), len(found)


def _read_refused(snapshot: Snapshot) -> Iterator[Sample]:
    for kind, count in snapshot.refused.items():
        yield (kind.removeprefix("access."),), count


def _read_endings(snapshot: Snapshot) -> Iterator[Sample]:
    status = snapshot.status
    own = (each for each in status.controllers if each.controller == status.controller)
    for kind, ending in find_earliest(ending for each in own for ending in each.endings).items():
        yield (kind.value,), ending.at - status.at


def _is_draining(node: NodeStatus) -> float:
    return node.liveness != "dead" and node.heartbeat.draining


CONTROLLER = (
    Family("bramble_build_info", "gauge", "1; its label is the controller's version", ("version",),
           lambda s: [((s.version,), 1.0)]),
    _gauge("bramble_ready", "1 while /readyz says so: connected, and every model has a node", lambda s: s.ready),
    Family("bramble_findings", "gauge", "What is wrong with the cluster, as `bramble doctor` says, counted by check; "
           "told by the controller that plans, or while none does by another", ("check", "severity"), _read_findings),
    _gauge("bramble_bus_connected", "1 while the NATS server can be spoken to", lambda s: s.connected),
    _counter("bramble_bus_messages_lost_total", "Messages that the controller was too slow to take",
             lambda s: s.lost_messages),
    _gauge("bramble_controller_plans", "1 while this controller plans; of several exactly one does", lambda s: s.plans),
    _gauge("bramble_controller_cameras", "Cameras that this controller owns; they are in its metrics alone",
           lambda s: sum(bool(camera.controller) for camera in s.status.cameras)),
    _counter("bramble_results_fenced_total", "Results kept back because another controller might have the camera",
             lambda s: s.fenced),
    Family("bramble_expires_in_seconds", "gauge",
           f"Until the first of its kind ends: {', '.join(EndingKind)}; below 0 it has ended. Of what this controller "
           "connects with, and only where there is an end", ("kind",), _read_endings),
    Family("bramble_refused_total", "counter",
           "What this controller refused, and what servers did that it was told of: connections, subjects to publish "
           "and subscribe, control requests in another's name, names that are none, and answers that nobody waits for, "
           "as a node gives that was cut off with frames in hand",
           ("kind",), _read_refused),
    _counter("bramble_refusals_unrecorded_total", "Refusals that could not be put on the record",
             lambda s: s.unrecorded),
)  # fmt: skip

FRAMES = (
    Family("bramble_frames_offered_total", "counter", "Frames offered to a model; people's pictures come as `request`",
           ("camera", "model"), _read_offered),
    Family("bramble_frames_ended_total", "counter",
           "Frames by their end: inferred, gated, dropped or failed. With bramble_frames_open they add up to "
           "bramble_frames_offered_total in every scrape",
           ("camera", "model", "end", "reason"), _read_ends),
    Family("bramble_frames_open", "gauge", "Frames offered and not yet ended", ("camera", "model"), _read_open),
    FRAME_SECONDS,
    PART_SECONDS,
    _gauge("bramble_frames_waiting", "Frames that wait for a free slot on a node", lambda s: s.waiting),
    _counter("bramble_frames_redone_total", "Frames that a second node was asked for", lambda s: s.redone),
    _counter("bramble_answers_late_total", "Second answers to a frame, which were dropped", lambda s: s.late_answers),
    _counter("bramble_cache_hits_total", "Requests answered with what was answered before", lambda s: s.cache_hits),
    _gauge("bramble_cache_bytes", "Answers kept for requests that may be answered so", lambda s: s.cache_bytes),
    REFUSED_PUSHES,
    _counter("bramble_requests_rate_limited_total", "Requests refused because their client asks too often",
             lambda s: s.rate_refused),
)  # fmt: skip

JOBS = (
    Family("bramble_jobs_ended_total", "counter", "Durable jobs that got their outcome from this controller",
           ("model", "end", "reason"), lambda s: s.job_ends.items()),
    _counter("bramble_jobs_repeated_total", "Deliveries of jobs that had their outcome already",
             lambda s: s.jobs_repeated),
    _gauge("bramble_jobs_queued", "Jobs that wait or are being worked on, in the whole cluster",
           lambda s: s.jobs.queued),
    _gauge("bramble_jobs_queued_bytes", "What they take on the server's disk", lambda s: s.jobs.queued_bytes),
    _gauge("bramble_jobs_queue_limit_bytes", "What they may take; beyond it new jobs are refused",
           lambda s: s.jobs.max_queue_bytes),
    _gauge("bramble_jobs_oldest_age_seconds", "Age of the oldest of them", lambda s: s.jobs.oldest_s),
    _gauge("bramble_jobs_running", "Jobs that this controller works on", lambda s: s.jobs.running),
    _gauge("bramble_jobs_dead_letters", "Failed jobs whose picture is kept for another try", lambda s: s.jobs.dead),
    _gauge("bramble_jobs_outcomes_bytes", "What the outcomes take on the server's disk",
           lambda s: s.jobs.outcomes_bytes),
    _gauge("bramble_jobs_blocked", "1 while something keeps jobs from being worked on; `bramble jobs` says what",
           lambda s: bool(s.jobs.problem)),
)  # fmt: skip

CAMERAS = (
    Family("bramble_camera_phase", "gauge", f"1 for the phase that the camera is in, of {', '.join(PHASES)}",
           ("camera", "phase"), _read_phases),
    Family("bramble_camera_rung", "gauge",
           f"Where the camera stands on the degradation ladder: {', '.join(f'{n} {r}' for n, r in enumerate(Rung))}",
           ("camera", "model"), _read_rungs),
    _camera("blind_seconds_total", "Time without a picture when there should be one", lambda c: c.seconds_blind),
    _camera("frames_per_second", "Pictures offered a second, of late", lambda c: c.fps),
    _camera("jitter_seconds", "By how much pictures come early or late, of late", lambda c: c.jitter_ms / 1e3),
    _camera("frames_total", "Pictures offered: sent, gated and superseded", lambda c: c.frames),
    _camera("restarts_total", "Times that the camera's reader was started again", lambda c: c.restarts),
    _camera("last_frame_timestamp_seconds", "When the last picture was captured, in Unix seconds",
            lambda c: c.last_frame_at),
)  # fmt: skip

NODES = (
    Family("bramble_node_info", "gauge", "1; its labels tell the node's version and machine",
           ("node", "version", "machine"), _read_node_info),
    _node("up", "1 while the node's heartbeats come; from 3 s of silence on it is 0", lambda n: n.liveness == "live"),
    _node("heartbeat_age_seconds", "Since the last heartbeat", lambda n: n.age_s),
    _node("draining", "1 while the node takes no new work because it was told to", _is_draining),
    _node("uptime_seconds", "Since the agent's start", lambda n: n.heartbeat.uptime_s),
    _node("load1", "One-minute load average", lambda n: n.heartbeat.load),
    _node("cpus", "Cores that the agent may use", lambda n: n.heartbeat.cpus),
    _node("memory_bytes", "Memory of the node", lambda n: n.heartbeat.memory_bytes),
    _node("memory_available_bytes", "Memory that programs can still have",
          lambda n: n.heartbeat.memory_available_bytes),
    _node("agent_resident_bytes", "Memory that the agent holds", lambda n: n.heartbeat.rss_bytes),
    _node("in_flight", "Frames sent to the node and not yet answered", lambda n: n.in_flight),
    _node("queued", "Frames that wait on the node", lambda n: n.heartbeat.queued),
    _node("temperature_celsius", "Of the processor, where the board tells", lambda n: n.heartbeat.temperature_c),
    Family("bramble_node_fenced", "gauge", "1 while the node is kept from a model that it answered wrongly for",
           ("node", "model"), _read_fences),
    Family("bramble_node_throttling", "gauge",
           f"1 while the board's firmware says so; reason is one of {', '.join((*THROTTLING, OTHER))}",
           ("node", "reason"), _read_throttling),
)  # fmt: skip

MODELS = (
    Family("bramble_model_info", "gauge", "1; its labels tell the model's version and task",
           ("model", "version", "task"), _read_model_info),
    Family("bramble_model_nodes_ready", "gauge", "Nodes that serve the model now", ("model",), _read_model_nodes),
    Family("bramble_plan_in_force", "gauge",
           "1 once the plan of a model serves, 0 while its nodes get ready; none where it is laid out automatically",
           ("model",), _read_plans),
    Family("bramble_plan_frames_per_second", "gauge", "What the plan of a model was predicted to do", ("model",),
           _read_predictions),
    _shard("ready", "1 while the node serves the shard", lambda r: r.state is ShardState.READY),
    _shard("rejected", "1 after the node has refused the shard; its heartbeat tells why",
           lambda r: r.state is ShardState.REJECTED),
    _shard("frames_served_total", "Frames that the shard answered since the agent's start", lambda r: r.served),
    _shard("frames_failed_total", "Frames that the shard failed since the agent's start", lambda r: r.failed),
    _shard("service_seconds", "Moving average of the node's own time for a frame", lambda r: r.ewma_ms / 1e3),
)  # fmt: skip

GROUPS: dict[str, tuple[Family, ...]] = {
    "The controller": CONTROLLER,
    "Servers, record and witnesses": FOUNDATIONS,
    "Frames": FRAMES,
    "Durable jobs": JOBS,
    "Cameras": CAMERAS,
    "Nodes, as their heartbeats tell": NODES,
    "Models": MODELS,
}
TABLE = tuple(family for group in GROUPS.values() for family in group)
