# ruff: noqa: INP001 - a script beside its role, in no package
"""Writes Grafana's dashboards into files/dashboards: ``python roles/observability/dashboards.py``.

What they show is a table of titles, queries and units; a test runs every query on a real Prometheus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsMode,
)

FOLDER = Path(__file__).parent / "files" / "dashboards"
SOURCE = "${source}"  # a variable of the dashboard: whichever Prometheus its user has
COLUMNS = 24
STAT_SIZE = (3, 4)
GRAPH_SIZE = (12, 8)


@dataclass(frozen=True)
class Query:
    """PromQL, and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Stat:
    """One number. ``bad`` is the value from which it is shown in red, ``below`` turns that round."""

    title: str
    query: Query
    unit: str = "short"
    bad: float | None = None
    below: bool = False


@dataclass(frozen=True)
class Graph:
    """Series over time."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    about: str = ""
    exemplars: bool = False


@dataclass(frozen=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    about: str
    stats: tuple[Stat, ...] = ()
    graphs: tuple[Graph, ...] = field(default_factory=tuple)


def per_second(counter: str, by: str) -> str:
    """Return the query for a counter's rate, over as many samples as Grafana's step takes."""
    grouping = f" by ({by}) " if by else ""
    return f"sum{grouping}(rate({counter}[$__rate_interval]))"


def quantile(share: float) -> Query:
    """Return the query for a percentile of the time from capture to result."""
    buckets = per_second("bramble_frame_seconds_bucket", "model, le")
    return Query(f"histogram_quantile({share:g}, {buckets})", f"{{{{model}}}} p{share * 100:g}")


BLIND = Query('sum(max by (camera) (bramble_camera_phase{phase=~"starting|blind"})) or vector(0)')

CLUSTER = Board(
    "bramble-cluster",
    "Bramble: cluster",
    "Whether all is well, and what becomes of the frames.",
    (
        Stat("Ready", Query("min(bramble_ready)"), bad=1, below=True),
        Stat("Nodes up", Query("sum(max by (node) (bramble_node_up))")),
        Stat("Nodes down", Query("count(max by (node) (bramble_node_up) == 0) or vector(0)"), bad=1),
        Stat("Cameras blind", BLIND, bad=1),
        Stat("Findings of the doctor", Query("sum(max by (check, severity) (bramble_findings))"), bad=1),
        Stat("Frames inferred", Query(per_second('bramble_frames_ended_total{end="inferred"}', "")), "reqps"),
        Stat("Frames failed", Query(per_second('bramble_frames_ended_total{end="failed"}', "") + " or vector(0)"),
             "reqps", bad=0.01),
    ),
    (
        Graph("What becomes of the frames",
              (Query(per_second("bramble_frames_ended_total", "end, reason"), "{{end}} {{reason}}"),), "reqps",
              "Inferred, gated by motion, dropped for a newer one, or failed: they add up to what was offered."),
        Graph("From capture to result", (quantile(0.5), quantile(0.95), quantile(0.99)), "s", exemplars=True),
        Graph("Where the time goes",
              (Query(per_second("bramble_frame_part_seconds_sum", "part") + " / "
                     + per_second("bramble_frame_part_seconds_count", "part"), "{{part}}"),),
              "s", "The mean of each part of a frame's way, over all models."),
        Graph("Frames that wait, and frames sent twice",
              (Query("sum(bramble_frames_waiting)", "waiting for a node"),
               Query(per_second("bramble_frames_redone_total", ""), "sent to a second node, a second"),
               Query(per_second("bramble_answers_late_total", ""), "second answers dropped, a second"))),
        Graph("Nodes ready for a model", (Query("max by (model) (bramble_model_nodes_ready)", "{{model}}"),)),
        Graph("What the doctor finds", (Query("max by (check) (bramble_findings) > 0 or vector(0)", "{{check}}"),)),
        Graph("Durable jobs",
              (Query("max(bramble_jobs_queued)", "queued"), Query("max(bramble_jobs_dead_letters)", "failed, kept"))),
        Graph("What was refused in 5 min",
              (Query("sum by (kind) (increase(bramble_refused_total[5m]))", "{{kind}}"),), "short",
              "Connections, subjects, requests in another's name; `bramble audit` tells who. Answers are late ones."),
        Graph("The controller itself",
              (Query('rate(process_cpu_seconds_total{job="bramble"}[$__rate_interval])', "{{instance}} cores"),
               Query("increase(bramble_bus_messages_lost_total[5m])", "{{instance}} messages lost in 5 min"))),
    ),
)  # fmt: skip

CAMERAS = Board(
    "bramble-cameras",
    "Bramble: cameras",
    "What each camera gives, and for how long nobody looked.",
    (
        Stat("Cameras", Query('count(max by (camera) (bramble_camera_phase{phase="live"}))')),
        Stat("Blind now", BLIND, bad=1),
        Stat("Least seeing in 1 h", Query("min(bramble:camera_seeing:ratio1h)"), "percentunit", bad=0.99, below=True),
    ),
    (
        Graph("Seconds blind in 5 min",
              (Query("max by (camera) (increase(bramble_camera_blind_seconds_total[5m]))", "{{camera}}"),), "s"),
        Graph("Rung of the degradation ladder",
              (Query("max by (camera, model) (bramble_camera_rung)", "{{camera}} {{model}}"),), "short",
              "0 is full; 1 without the accelerator, 2 a smaller model, 3 fewer frames, 4 motion only."),
        Graph("Pictures a second", (Query("max by (camera) (bramble_camera_frames_per_second)", "{{camera}}"),)),
        Graph("Age of the last picture",
              (Query("time() - max by (camera) (bramble_camera_last_frame_timestamp_seconds)", "{{camera}}"),), "s"),
        Graph("Frames that nobody looked at",
              (Query("bramble:frames_unseen:ratio5m", "{{camera}} {{model}}"),), "percentunit",
              "Dropped or failed, as a share of those offered; gated frames do not count."),
        Graph("Restarts of the reader in 5 min",
              (Query("max by (camera) (increase(bramble_camera_restarts_total[5m]))", "{{camera}}"),)),
        Graph("Frames offered and not yet ended",
              (Query("sum by (camera, model) (bramble_frames_open)", "{{camera}} {{model}}"),)),
    ),
)  # fmt: skip

NODES = Board(
    "bramble-nodes",
    "Bramble: nodes",
    "How each node is, as its heartbeats tell.",
    (
        Stat("Nodes up", Query("sum(max by (node) (bramble_node_up))")),
        Stat("Draining", Query("sum(max by (node) (bramble_node_draining))")),
        Stat("Throttling", Query("count(max by (node) (bramble_node_throttling) == 1) or vector(0)"), bad=1),
        Stat("Shards rejected", Query("sum(max by (node, model, version) (bramble_shard_rejected))"), bad=1),
    ),
    (
        Graph("Up", (Query("max by (node) (bramble_node_up)", "{{node}}"),)),
        Graph("Age of the last heartbeat",
              (Query("min by (node) (bramble_node_heartbeat_age_seconds)", "{{node}}"),), "s"),
        Graph("Load a core",
              (Query("max by (node) (bramble_node_load1) / max by (node) (bramble_node_cpus)", "{{node}}"),)),
        Graph("Frames in flight and queued",
              (Query("max by (node) (bramble_node_in_flight)", "{{node}} in flight"),
               Query("max by (node) (bramble_node_queued)", "{{node}} queued"))),
        Graph("Time for a frame",
              (Query("max by (node, model) (bramble_shard_service_seconds)", "{{node}} {{model}}"),), "s"),
        Graph("Frames served",
              (Query(per_second("bramble_shard_frames_served_total", "node"), "{{node}}"),), "reqps"),
        Graph("Frames failed",
              (Query(per_second("bramble_shard_frames_failed_total", "node"), "{{node}}"),), "reqps"),
        Graph("Memory",
              (Query("min by (node) (bramble_node_memory_available_bytes)", "{{node}} available"),
               Query("max by (node) (bramble_node_agent_resident_bytes)", "{{node}} agent")),
              "bytes"),
        Graph("Temperature and throttling",
              (Query("max by (node) (bramble_node_temperature_celsius)", "{{node}} °C"),
               Query("max by (node, reason) (bramble_node_throttling) * 100", "{{node}} {{reason}}"))),
        Graph("Time since the agent's start", (Query("max by (node) (bramble_node_uptime_seconds)", "{{node}}"),), "s"),
    ),
)  # fmt: skip

BOARDS = (CLUSTER, CAMERAS, NODES)


def list_queries(board: Board) -> list[str]:
    """Return every query of a dashboard."""
    return [each.query.expr for each in board.stats] + [query.expr for each in board.graphs for query in each.queries]


def render(board: Board) -> str:
    """Return the dashboard as the JSON that Grafana loads."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["bramble"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    wide, high = STAT_SIZE
    for number, shown in enumerate(board.stats):
        built.with_panel(_stat(shown).grid_pos(GridPos(h=high, w=wide, x=number * wide, y=0)))
    top = high if board.stats else 0
    wide, high = GRAPH_SIZE
    for number, graph in enumerate(board.graphs):
        line, column = divmod(number, COLUMNS // wide)
        built.with_panel(_graph(graph).grid_pos(GridPos(h=high, w=wide, x=column * wide, y=top + line * high)))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _stat(shown: Stat) -> stat.Panel:
    panel = (
        stat.Panel()
        .title(shown.title)
        .datasource(_source())
        .unit(shown.unit)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(shown.query).instant())
    )
    if shown.bad is not None:
        first, second = ("red", "green") if shown.below else ("green", "red")
        steps = [Threshold(value=None, color=first), Threshold(value=shown.bad, color=second)]
        panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return panel


def _graph(graph: Graph) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(graph.title)
        .description(graph.about)
        .datasource(_source())
        .unit(graph.unit)
        .min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    for number, query in enumerate(graph.queries):
        panel.with_target(_target(query, chr(ord("A") + number)).exemplar(graph.exemplars))
    return panel


def _target(query: Query, name: str = "A") -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(name).datasource(_source())


def _source() -> DataSourceRef:
    return DataSourceRef(type_val="prometheus", uid=SOURCE)


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(render(board), "utf-8")


if __name__ == "__main__":
    main()
