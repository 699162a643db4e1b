"""The demonstration on the screen: the state in a line, nodes, cameras, the last results."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from cli.commands.results import describe_result
from cli.commands.status import describe_counts, describe_state
from cli.demo.state import DemoState
from cli.output import printable
from cli.tables import NONE, Table, format_ms, format_seconds, render_table
from wire.cameras import CameraStatus
from wire.status import NodeStatus

NODE_COLUMNS = ("NODE", "STATE", "LOAD", "QUEUE", "RESULTS", "TIME A FRAME", "TEMP")
CAMERA_COLUMNS = ("CAMERA", "STATE", "FPS", "AGE", "OFFERED", "INFERRED", "DROPPED", "FAILED")


def render(state: DemoState, *, elapsed_s: float, seconds: float) -> RenderableType:
    """Return the whole screen."""
    left = Text(f"{format_seconds(elapsed_s)} of {format_seconds(seconds)}; Ctrl-C ends and sums up", style="dim")
    title = Text("bramble demo", style="bold")
    if state.status is None:
        return Group(title, Text("waiting for the controller"), left)
    status = state.status
    nodes = Table(NODE_COLUMNS, tuple(node_row(node, state.served[node.node]) for node in status.nodes))
    cameras = Table(CAMERA_COLUMNS, tuple(camera_row(camera, now=status.at) for camera in status.cameras))
    word, colon, rest = describe_state(status).partition(":")
    colour = "green" if word == "ok" else "bold yellow"
    return Group(
        Text.assemble(title, "  ", (word, colour), colon, rest),
        Text(describe_counts(status.counts)),
        render_table(nodes),
        render_table(cameras),
        *(Text(describe_result(result), no_wrap=True, overflow="ellipsis") for result in reversed(state.last)),
        *(Text(printable(note), style="yellow") for note in state.notes),
        left,
    )


def node_row(node: NodeStatus, served: int) -> tuple[str, ...]:
    """Return a node as a row under NODE_COLUMNS."""
    beat = node.heartbeat
    times = [f"{each.shard.model} {format_ms(each.ewma_ms)}" for each in beat.shards if each.ewma_ms]
    heat = NONE if beat.temperature_c is None else f"{beat.temperature_c:.0f} °C"
    return (
        node.node,
        "draining" if beat.draining and node.liveness == "live" else node.liveness,
        f"{beat.load:.2f}/{beat.cpus}",
        f"{beat.in_flight}+{beat.queued}",
        str(served),
        ", ".join(times) or NONE,
        ", ".join([heat, *beat.throttling]),
    )


def camera_row(camera: CameraStatus, *, now: float) -> tuple[str, ...]:
    """Return a camera as a row under CAMERA_COLUMNS; ``now`` in Unix seconds."""
    counts = camera.counts
    age = NONE if camera.last_frame_at is None else f"{max(0.0, now - camera.last_frame_at):.1f} s"
    return (
        camera.camera,
        camera.phase,
        f"{camera.fps:.1f}",
        age,
        str(counts.offered),
        str(counts.inferred),
        str(sum(counts.dropped.values())),
        str(sum(counts.failed.values())),
    )


def describe_progress(state: DemoState, *, elapsed_s: float) -> str:
    """Return the state as one plain line."""
    if state.status is None or not state.last:
        return f"{elapsed_s:.0f} s: no result yet"
    latency = format_ms(state.status.latency_ms.get("p50"))
    return f"{elapsed_s:.0f} s: {state.results} results, p50 {latency}; {describe_result(state.last[-1])}"
