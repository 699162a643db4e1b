"""What a scrape shows, read back with the official parsers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from controller.audit.refusals import KINDS
from controller.metrics import page
from controller.metrics.family import Family
from controller.metrics.metrics import OWN, Metrics, expose
from controller.metrics.snapshot import Snapshot
from controller.metrics.table import TABLE
from controller.results.ledger import End, Ledger
from tests.testing.heartbeats import make_heartbeat
from wire.cameras import CameraStatus
from wire.endings import Ending, EndingKind
from wire.foundations import Foundations, ServerStatus, WitnessBeat, WitnessStatus
from wire.messages import Counts, Heartbeat, Shard, ShardReport, ShardState, Timings
from wire.status import ClusterStatus, ControllerStatus, ModelStatus, NodeStatus

ROOT = Path(__file__).parents[3]

READY = ShardReport(
    shard=Shard(model="ssd", version="1", variant="cpu-int8", digest="0" * 64),
    state=ShardState.READY,
    ewma_ms=20.0,
    served=3,
)


def make_node(name: str = "pi-1", *, liveness: str = "live", **beat: object) -> NodeStatus:
    heartbeat: Heartbeat = msgspec.structs.replace(make_heartbeat(name, shards=(READY,)), **beat)
    return NodeStatus(node=name, liveness=liveness, age_s=0.5, heartbeat=heartbeat)


def make_camera(name: str = "door", phase: str = "live") -> CameraStatus:
    return CameraStatus(
        camera=name, source="synthetic:", models=("ssd",), phase=phase, reason="", since=0.0, fps=10.0, frames=9,
        restarts=2, counts=Counts(), last_frame_at=1700000000.0, seconds_blind=4.5,
    )  # fmt: skip


def make_controller(name: str, endings: tuple[Ending, ...]) -> ControllerStatus:
    return ControllerStatus(
        controller=name, session="s", at=0.0, version="1", uptime_s=1.0, plans=True, cameras=(), counts=Counts(),
        latency_ms={}, endings=endings,
    )  # fmt: skip


def make_snapshot(
    nodes: tuple[NodeStatus, ...] = (make_node(),),
    cameras: tuple[CameraStatus, ...] = (make_camera(),),
    ledger: dict[tuple[str, str], Counts] | None = None,
) -> Snapshot:
    model = ModelStatus(model="ssd", version="1", task="detect", licence="MIT", variants=(), nodes_ready=("pi-1",))
    status = ClusterStatus(
        controller="c", at=0.0, counts=Counts(), latency_ms={}, nodes=nodes, cameras=cameras, models=(model,)
    )
    return Snapshot("1.0", status, ledger or {("door", "ssd"): Counts(offered=1, inferred=1)}, ready=True)


def scrape(snapshot: Snapshot) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    metrics = Metrics()
    metrics.show(snapshot)
    families = parse_text(generate_latest(metrics.registry).decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def read(snapshot: Snapshot, name: str, **labels: str) -> float | None:
    return scrape(snapshot).get((name, frozenset(labels.items())))


def test_the_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs/metrics.md").read_text("utf-8") == page.render()


def test_every_family_exposed_is_in_the_table_and_the_other_way_round() -> None:
    metrics = Metrics()
    metrics.show(make_snapshot())

    exposed = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in metrics.registry.collect()
        if not metric.name.startswith("process_")
    }

    assert {family.name for family in OWN} == exposed


@pytest.mark.parametrize("family", TABLE, ids=lambda family: family.name)
def test_names_and_texts_keep_the_rules(family: Family) -> None:
    assert family.name.startswith("bramble_")
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert not family.name.endswith(("_ms", "_milliseconds", "_mb", "_percent"))
    assert family.text
    assert not family.text.endswith(".")


def test_the_earliest_end_of_each_kind_is_told_in_seconds_from_now_and_of_this_controller_alone() -> None:
    def end(kind: EndingKind, at: float, server: str = "") -> Ending:
        return Ending(kind=kind, at=at, server=server)

    own = (end(EndingKind.CERTIFICATE, 900.0, "a"), end(EndingKind.CERTIFICATE, 300.0, "b"),
           end(EndingKind.AUTHORITY, -50.0))  # fmt: skip
    controllers = (make_controller("c", own), make_controller("d", (end(EndingKind.CERTIFICATE, 7.0),)))
    snapshot = make_snapshot()
    snapshot = replace(snapshot, status=msgspec.structs.replace(snapshot.status, controllers=controllers))

    assert read(snapshot, "bramble_expires_in_seconds", kind="certificate") == 300
    assert read(snapshot, "bramble_expires_in_seconds", kind="authority") == -50
    assert read(snapshot, "bramble_expires_in_seconds", kind="credentials") is None


def test_every_kind_of_refusal_is_counted_from_the_start() -> None:
    snapshot = replace(make_snapshot(), refused=dict.fromkeys(KINDS, 0) | {"access.answer": 3})

    assert read(snapshot, "bramble_refused_total", kind="answer") == 3
    assert [read(snapshot, "bramble_refused_total", kind=kind.removeprefix("access.")) for kind in KINDS].count(0) == 6


def test_servers_witnesses_and_the_record_are_told() -> None:
    beat = WitnessBeat(witness="witness-hub3", at=0.0, version="1", reads=False)
    foundations = Foundations(
        servers=(ServerStatus(server="hub1", state="current"), ServerStatus(server="hub2", state="offline", behind=7)),
        record_bytes=5, record_limit_bytes=10,
        witnesses=(WitnessStatus(witness="witness-hub2", age_s=60.0),
                   WitnessStatus(witness="witness-hub3", age_s=1.0, beat=beat)),
    )  # fmt: skip
    controllers = (msgspec.structs.replace(make_controller("c", ()), unread="/var/log/none"), make_controller("d", ()))
    snapshot = make_snapshot()
    snapshot = replace(
        snapshot,
        status=msgspec.structs.replace(snapshot.status, controllers=controllers, foundations=foundations),
    )

    assert [read(snapshot, "bramble_server_up", server=each) for each in ("hub1", "hub2")] == [1, 0]
    assert read(snapshot, "bramble_server_behind_writes", server="hub2") == 7
    assert [read(snapshot, "bramble_witness_up", witness=f"witness-hub{n}") for n in (2, 3)] == [0, 1]
    assert read(snapshot, "bramble_server_log_read", program="witness", id="witness-hub3") == 0
    assert read(snapshot, "bramble_server_log_read", program="controller", id="c") == 0
    assert read(snapshot, "bramble_server_log_read", program="controller", id="d") is None
    assert (read(snapshot, "bramble_record_bytes"), read(snapshot, "bramble_record_limit_bytes")) == (5, 10)
    assert read(snapshot, "bramble_store_up") == 1


def test_nothing_is_shown_before_the_first_snapshot() -> None:
    names = {metric.name for metric in Metrics().registry.collect()}

    assert "bramble_ready" not in names


ENDS = st.sampled_from(
    [(End.INFERRED, ""), (End.GATED, ""), (End.DROPPED, "superseded"), (End.FAILED, "internal"), None]
)


@given(st.lists(st.tuples(st.sampled_from(["door", "yard"]), ENDS), max_size=30))
def test_in_a_scrape_the_frames_offered_are_those_ended_and_those_open(
    frames: list[tuple[str, tuple[End, str] | None]],
) -> None:
    ledger = Ledger()
    for number, (camera, end) in enumerate(frames):
        ledger.offer(str(number), camera, "ssd")
        if end:
            ledger.end(str(number), camera, "ssd", *end)

    found = scrape(make_snapshot(ledger=ledger.lanes({"door", "yard"})))

    for camera in {camera for camera, _ in frames}:
        label = ("camera", camera)
        total = {
            name: sum(value for (each, labels), value in found.items() if each == name and label in labels)
            for name in ("bramble_frames_offered_total", "bramble_frames_ended_total", "bramble_frames_open")
        }
        assert total["bramble_frames_offered_total"] == sum(each == camera for each, _ in frames)
        assert total["bramble_frames_offered_total"] == (
            total["bramble_frames_ended_total"] + total["bramble_frames_open"]
        )


def test_a_removed_camera_leaves_no_series() -> None:
    ledger = Ledger()
    ledger.offer("1", "gone", "ssd")
    ledger.offer("2", "door", "ssd")

    assert set(ledger.lanes({"door"})) == {("door", "ssd")}


def test_a_node_that_is_dead_is_down_and_serves_nothing() -> None:
    snapshot = make_snapshot(nodes=(make_node(liveness="dead", draining=True, throttling=("throttled",)),))
    shard = {"node": "pi-1", "model": "ssd", "version": "1", "variant": "cpu-int8", "stage": "0"}

    assert read(snapshot, "bramble_node_up", node="pi-1") == 0
    assert read(snapshot, "bramble_node_draining", node="pi-1") == 0
    assert read(snapshot, "bramble_node_throttling", node="pi-1", reason="throttled") == 0
    assert read(snapshot, "bramble_shard_ready", **shard) is None
    assert read(make_snapshot(), "bramble_shard_ready", **shard) == 1


def test_what_a_board_says_is_shown_by_name_and_unknown_words_as_other() -> None:
    snapshot = make_snapshot(nodes=(make_node(throttling=("under-voltage", "x" * 60, "y")),))

    found = {
        dict(labels)["reason"]: value
        for (name, labels), value in scrape(snapshot).items()
        if name == "bramble_node_throttling"
    }

    assert found == {
        "under-voltage": 1, "frequency-capped": 0, "throttled": 0, "soft-temperature-limit": 0, "other": 1,
    }  # fmt: skip


def test_a_board_without_a_thermometer_has_no_temperature() -> None:
    assert read(make_snapshot(), "bramble_node_temperature_celsius", node="pi-1") is None
    warm = make_snapshot(nodes=(make_node(temperature_c=61.5),))
    assert read(warm, "bramble_node_temperature_celsius", node="pi-1") == 61.5


def test_a_camera_is_in_one_phase() -> None:
    found = scrape(make_snapshot(cameras=(make_camera(phase="blind"),)))

    phases = {dict(labels)["phase"]: value for (name, labels), value in found.items() if name == "bramble_camera_phase"}
    assert phases == {"starting": 0, "live": 0, "blind": 1, "ended": 0}
    assert found["bramble_camera_blind_seconds_total", frozenset({("camera", "door")})] == 4.5


def test_a_family_is_cut_off_at_its_limit_and_says_so() -> None:
    cameras = tuple(make_camera(f"camera-{number}") for number in range(5))

    found = {metric.name: metric for metric in expose(make_snapshot(cameras=cameras), most=4)}

    assert len(found["bramble_camera_frames_per_second"].samples) == 4
    assert len(found["bramble_camera_phase"].samples) == 4
    counts = [len(list(family.read(make_snapshot(cameras=cameras)))) for family in TABLE if family.read]
    assert found["bramble_series_omitted"].samples[0].value == sum(max(0, count - 4) for count in counts) > 0


def test_a_slow_bucket_leads_to_its_frame() -> None:
    metrics = Metrics()
    metrics.note_timings("ssd", Timings(infer_ms=40.0, total_ms=700.0), frame="0193c0ffee")

    families = {f.name: f for f in parse_openmetrics(generate_openmetrics(metrics.registry).decode())}

    exemplars = {
        s.labels["le"]: s.exemplar for s in families["bramble_frame_seconds"].samples if s.exemplar is not None
    }
    assert list(exemplars) == ["1.0"]
    assert exemplars["1.0"].labels == {"frame": "0193c0ffee"}
    assert exemplars["1.0"].value == 0.7
    parts = {
        s.labels["part"]: s.value for s in families["bramble_frame_part_seconds"].samples if s.name.endswith("_sum")
    }
    assert parts["infer"] == pytest.approx(0.04)
