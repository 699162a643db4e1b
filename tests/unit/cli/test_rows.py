from __future__ import annotations

from collections.abc import Callable

import msgspec

from cli.commands import cameras, infer, nodes, results, status
from cli.model_list import Entry, merge
from cli.model_list import row as model_row
from modelkit.manifest import InputSpec, Manifest
from wire.cameras import CameraStatus
from wire.errors import ErrorBody, ErrorCode
from wire.messages import Class, Counts, Detection, Result, ShardReport, ShardState
from wire.status import ClusterStatus, ModelStatus, NodeStatus

BOX = (0.0, 0.0, 1.0, 1.0)


def detect(*labels: str) -> tuple[Detection, ...]:
    return tuple(Detection(label=label, index=0, score=0.9, box=BOX) for label in labels)


def test_a_node_row_tells_load_work_memory_heat_and_models(
    make_node: Callable[..., NodeStatus], make_shard: Callable[..., ShardReport]
) -> None:
    node = make_node(temperature_c=61.4, throttling=("under-voltage",), shards=(make_shard(ewma_ms=8.1),))
    expected = (
        "node-1", "live", "0.2 s", "0.50/4", "1+2", "64.0 MiB of 1.0 GiB", "61 °C, under-voltage",
        "mobilenet_v2 cpu-int8 8.1 ms",
    )  # fmt: skip
    assert expected == nodes.row(node)


def test_a_draining_node_says_so_only_while_it_lives(make_node: Callable[..., NodeStatus]) -> None:
    assert nodes.row(make_node(draining=True))[1] == "draining"
    assert nodes.row(make_node(draining=True, liveness="dead"))[1] == "dead"


def test_a_rejected_shard_tells_the_reason(make_shard: Callable[..., ShardReport]) -> None:
    report = make_shard(state=ShardState.REJECTED, reason="digest differs")
    assert nodes.describe_shard(report) == "mobilenet_v2 cpu-int8 rejected (digest differs)"


def test_a_camera_row_tells_every_end_of_its_frames(make_camera: Callable[..., CameraStatus]) -> None:
    row = dict(zip(cameras.COLUMNS, cameras.row(make_camera()), strict=True))
    assert (
        row["FPS"], row["INFERRED"], row["GATED"], row["DROPPED"], row["FAILED"],
    ) == ("10.0", "4", "1", "2 (superseded 2)", "0")  # fmt: skip


def test_a_blind_camera_tells_why(make_camera: Callable[..., CameraStatus]) -> None:
    row = cameras.row(make_camera(phase="blind", reason="connection refused"))
    assert row[-1] == "rtsp://***@cam/1 (connection refused)"


def test_a_password_that_slipped_through_is_not_printed(make_camera: Callable[..., CameraStatus]) -> None:
    assert "hunter2" not in " ".join(cameras.row(make_camera(source="rtsp://me:hunter2@cam/1")))


def test_a_sound_cluster_is_ok_in_one_line(
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_model: Callable[..., ModelStatus],
) -> None:
    found = make_status(nodes=(make_node(),), models=(make_model(),), latency_ms={"p50": 10.0, "p95": 20.0, "p99": 0.0})
    expected = "ok: 1/1 nodes live, 0/0 cameras live, 1/1 models served, p50 10 ms p95 20 ms"
    assert expected == status.describe_state(found)


def test_a_degraded_cluster_names_what_is_off(
    make_status: Callable[..., ClusterStatus],
    make_node: Callable[..., NodeStatus],
    make_model: Callable[..., ModelStatus],
    make_camera: Callable[..., CameraStatus],
) -> None:
    found = make_status(
        nodes=(make_node(), make_node("node-2", liveness="dead"), make_node("node-3", draining=True)),
        models=(make_model(nodes=()),),
        cameras=(make_camera(phase="blind"),),
    )
    expected = (
        "degraded: 1/3 nodes live (node-2 dead, node-3 draining), 0/1 cameras live (door blind),"
        " 0/1 models served (mobilenet_v2 unserved)"
    )
    assert expected == status.describe_state(found)


def test_a_cluster_without_nodes_is_not_ok(make_status: Callable[..., ClusterStatus]) -> None:
    assert status.describe_state(make_status()).startswith("degraded: 0/0 nodes live")


def test_the_ledger_names_the_reasons_of_drops_and_failures() -> None:
    counts = Counts(offered=9, inferred=4, dropped={"superseded": 3}, failed={"no_capacity": 1}, open=1)
    expected = "9 frames offered: 4 inferred, 3 dropped (superseded), 1 failed (no_capacity), 1 open"
    assert expected == status.describe_counts(counts)


def test_nothing_found_differs_from_nobody_looked(make_result: Callable[..., Result]) -> None:
    error = ErrorBody(code=ErrorCode.NO_CAPACITY, message="no node is free")
    assert results.describe_answer(make_result(detections=())) == "nothing"
    assert results.describe_answer(make_result(error=error)) == "no_capacity: no node is free"


def test_detections_are_counted_by_label_the_most_frequent_first(make_result: Callable[..., Result]) -> None:
    assert (
        results.describe_answer(make_result(detections=detect("Bicycle", "Person", "Person"))) == "2 Person, 1 Bicycle"
    )


def test_classes_come_with_their_share(make_result: Callable[..., Result]) -> None:
    found = tuple(
        Class(label=label, index=0, score=score) for label, score in (("espresso", 0.99), ("cup", 0.01), ("pot", 0.0))
    )
    assert results.describe_answer(make_result(classes=found)) == "espresso 99 %, cup 1 %"


def test_a_label_that_would_clear_the_screen_is_defused(make_result: Callable[..., Result]) -> None:
    assert "\x1b" not in results.describe_result(make_result(detections=detect("\x1b[2J")))


def test_an_outcome_fails_by_its_own_error_or_by_its_result_s(make_result: Callable[..., Result]) -> None:
    error = ErrorBody(code=ErrorCode.BAD_IMAGE, message="truncated")
    assert error == infer.Outcome("a.jpg", 0.1, error=error).failure
    assert error == infer.Outcome("a.jpg", 0.1, result=make_result(error=error)).failure
    assert infer.Outcome("a.jpg", 0.1, result=make_result(detections=())).failure is None


def test_an_infer_row_names_file_answer_node_and_time(make_result: Callable[..., Result]) -> None:
    row = infer.row(infer.Outcome("a.jpg", 0.0125, result=make_result(detections=detect("Person"))))
    assert row == ("a.jpg", "1 Person", "node-1", "12.5 ms")


def test_an_infer_row_names_the_picture_that_was_written() -> None:
    assert infer.row(infer.Outcome("a.jpg", 1.0, picture="out/a.jpg")) == ("a.jpg", "see out/a.jpg", "-", "1000 ms")


def test_models_of_library_recipes_and_cluster_make_one_list(make_model: Callable[..., ModelStatus]) -> None:
    mine = Manifest(
        name="mine", version="2", task="classify", description="", licence="MIT", origin="", labels=("a",),
        input=InputSpec(width=8, height=8),
    )  # fmt: skip
    entries = merge([mine], ("mobilenet_v2", "ssd"), (make_model(), make_model("other", ())))
    assert tuple(entry.name for entry in entries) == ("mine", "mobilenet_v2", "other", "ssd")
    assert [entry.library for entry in entries] == [True, False, False, False]
    assert [entry.nodes_ready for entry in entries] == [None, ("node-1",), (), None]


def test_a_model_row_tells_not_in_the_cluster_from_cluster_not_asked() -> None:
    entry = Entry(name="ssd", library=False, recipe=True, nodes_ready=None)
    assert model_row(entry, asked=True)[4:6] == ("to build", "-")
    assert model_row(entry, asked=False)[4:6] == ("to build", "?")
    served = msgspec.structs.replace(entry, nodes_ready=("a", "b"))
    assert model_row(served, asked=True)[5] == "2 nodes ready"
