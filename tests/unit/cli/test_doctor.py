"""The doctor's judgements on what a cluster says, and how they are printed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from rich.console import Console

from cli.doctor import broker, selection
from cli.doctor.report import print_findings, sum_up
from wire import health
from wire.bus.survey import ServerReport, StoreUse
from wire.cameras import CameraStatus
from wire.errors import BadRequestError
from wire.findings import Finding, Health, Severity, judge_health
from wire.messages import Counts, ShardReport, ShardState
from wire.status import ClusterStatus, ControllerStatus, ModelStatus, NodeStatus

NOW = 1_800_000_000.0
DAY = 86400.0
GIB = 1 << 30
GOOD_SERVER: dict[str, Any] = {
    "server": "broker:4222",
    "version": "2.15.1",
    "max_payload": 8 << 20,
    "round_trip_s": 0.002,
    "encrypted": True,
    "certificate_ends": NOW + 300 * DAY,
    "disk": StoreUse(10, GIB),
    "memory": StoreUse(0, None),
}

MakeNode = Callable[..., NodeStatus]
MakeStatus = Callable[..., ClusterStatus]
MakeCamera = Callable[..., CameraStatus]
MakeModel = Callable[..., ModelStatus]


def wrong(findings: object) -> list[tuple[str, str]]:
    """Return check and severity of what is not well."""
    assert isinstance(findings, (list, tuple))
    return [(each.check, each.severity.value) for each in findings if each.severity is not Severity.WELL]


@pytest.fixture
def healthy(
    make_status: MakeStatus, make_node: MakeNode, make_camera: MakeCamera, make_model: MakeModel
) -> ClusterStatus:
    return make_status(
        at=100.25,
        nodes=(make_node(at=100.0),),
        cameras=(make_camera(counts=Counts(offered=7, inferred=7), last_frame_at=100.2),),
        models=(make_model(),),
    )


def test_a_healthy_cluster_is_well(healthy: ClusterStatus) -> None:
    found = health.judge_cluster(healthy)

    assert wrong(found) == []
    assert judge_health(found) is Health.WELL
    assert {each.about for each in found} == {"controller c", "node node-1", "camera door", "model mobilenet_v2"}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"liveness": "dead"}, [("heartbeat", "broken")]),
        ({"liveness": "suspect"}, [("heartbeat", "warning")]),
        ({"at": 102.0}, [("clock", "warning")]),
        ({"at": 80.0}, [("clock", "broken")]),
        ({"draining": True}, [("draining", "warning")]),
        ({"throttling": ("under-voltage", "throttled")}, [("throttling", "warning")] * 2),
        ({"temperature_c": 81.0}, [("temperature", "warning")]),
        ({"load": 9.0}, [("load", "warning")]),
        ({"memory_available_bytes": 1 << 20}, [("memory", "warning")]),
    ],
)
def test_what_is_wrong_with_a_node_is_found(
    healthy: ClusterStatus, make_node: MakeNode, node: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    found = tuple(health.judge_node(make_node(**{"at": 100.0, **node}), healthy))

    assert wrong(found) == expected
    assert all(each.remedy for each in found if each.severity is not Severity.WELL)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (ShardState.READY, []),
        (ShardState.PROVING, [("shard", "warning")]),
        (ShardState.REJECTED, [("shard", "broken")]),
    ],
)
def test_how_far_a_node_is_with_a_model_is_found(
    healthy: ClusterStatus,
    make_node: MakeNode,
    make_shard: Callable[..., ShardReport],
    state: ShardState,
    expected: list[tuple[str, str]],
) -> None:
    node = make_node(at=100.0, shards=(make_shard(state=state, reason="wrong answer"),))

    found = tuple(health.judge_node(node, healthy))

    assert wrong(found) == expected
    assert all("wrong answer" in each.text for each in found if each.severity is Severity.BROKEN)


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        ({"phase": "blind", "reason": "no picture for 5 s"}, [("pictures", "broken")]),
        ({"phase": "starting"}, [("pictures", "warning")]),
        ({"phase": "ended"}, [("pictures", "warning")]),
        ({"last_frame_at": 90.0}, [("pictures", "warning")]),
        ({"jitter_ms": 60.0}, [("jitter", "warning")]),
        ({"counts": Counts(offered=10, inferred=4, dropped={"superseded": 6})}, [("frames", "warning")]),
    ],
)
def test_what_is_wrong_with_a_camera_is_found(
    healthy: ClusterStatus, camera: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    status = msgspec.structs.replace(healthy.cameras[0], **camera)

    found = tuple(health.judge_camera(status, healthy))

    assert wrong(found) == expected
    assert all(each.remedy for each in found if each.severity is not Severity.WELL)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"nodes": ()}, [("nodes", "broken")]),
        ({"models": ()}, [("models", "warning")]),
    ],
)
def test_what_the_cluster_lacks_is_found(
    healthy: ClusterStatus, change: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert wrong(health.judge_cluster(msgspec.structs.replace(healthy, **change))) == expected


def test_different_releases_and_unserved_models_are_found(
    healthy: ClusterStatus, make_node: MakeNode, make_model: MakeModel
) -> None:
    nodes = (make_node("a", at=100.0, version="1"), make_node("b", at=100.0, version="2"))
    status = msgspec.structs.replace(healthy, nodes=nodes, models=(make_model(nodes=()),))

    assert wrong(health.judge_cluster(status)) == [("versions", "warning"), ("served", "broken")]


def test_a_controller_that_is_dead_and_a_cluster_that_nobody_plans_are_found(healthy: ClusterStatus) -> None:
    peer = ControllerStatus(
        controller="b", session="s", at=0.0, version="1", uptime_s=1.0, plans=True, cameras=(), counts=Counts(),
        latency_ms={}, liveness="dead",
    )  # fmt: skip

    found = health.judge_cluster(msgspec.structs.replace(healthy, controllers=(peer,)))

    assert wrong(found) == [("answers", "warning"), ("plans", "warning")]


def test_a_node_knows_more_of_itself_than_the_controller_does() -> None:
    seen = Finding(about="node a", check="memory", severity=Severity.WARNING, text="from afar")
    other = Finding(about="node b", check="memory", severity=Severity.WARNING, text="from afar")
    told = Finding(about="node a", check="memory", severity=Severity.WELL, text="on the spot")

    assert selection.merge([seen, other], [told]) == (other, told)


def test_findings_about_one_thing_or_one_kind_can_be_chosen(healthy: ClusterStatus) -> None:
    found = health.judge_cluster(healthy)

    assert {each.about for each in selection.choose(found, "camera", None)} == {"camera door"}
    assert {each.about for each in selection.choose(found, "node", "node-1")} == {"node node-1"}
    assert selection.choose(found, "node", "node") == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"version": "2.9.10"}, [("version", "broken")]),
        ({"max_payload": 1 << 20}, [("max_payload", "warning")]),
        ({"round_trip_s": 0.5}, [("round_trip", "warning")]),
        ({"encrypted": False, "certificate_ends": None}, [("tls", "warning")]),
        ({"certificate_ends": NOW + 29 * DAY}, [("certificate", "warning")]),
        ({"certificate_ends": NOW + 2 * DAY}, [("certificate", "broken")]),
        ({"certificate_ends": NOW - 1}, [("certificate", "broken")]),
        ({"disk": None}, [("jetstream", "broken")]),
        ({"disk": StoreUse(85, 100)}, [("disk_store", "warning")]),
        ({"memory": StoreUse(96, 100)}, [("memory_store", "broken")]),
    ],
)
def test_what_is_wrong_with_the_server_is_found(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = tuple(broker.judge_server(ServerReport(**{**GOOD_SERVER, **change}), NOW, url="tls://broker:4222"))

    assert wrong(found) == expected
    assert all(each.remedy for each in found if each.severity is not Severity.WELL)


def test_a_server_on_loopback_needs_no_encryption() -> None:
    report = ServerReport(**{**GOOD_SERVER, "encrypted": False, "certificate_ends": None})

    assert wrong(tuple(broker.judge_server(report, NOW, url="nats://u:p@127.0.0.1:4222"))) == []


SAFE = {"sync_always": True, "max_storage": 100}


@pytest.mark.parametrize(
    ("ping_s", "config", "used", "expected"),
    [
        (1, SAFE, 0, []),
        (120, SAFE, 0, [("ping_interval", "warning")]),
        (1, {"max_storage": 100}, 0, [("sync_interval", "warning")]),
        (1, SAFE, 99, [("server_store", "broken")]),
    ],
)
def test_settings_that_lose_work_are_found(
    ping_s: int, config: dict[str, object], used: int, expected: list[tuple[str, str]]
) -> None:
    page = {"ping_interval": ping_s * 10**9, "jetstream": {"config": config, "stats": {"storage": used}}}

    assert wrong(tuple(broker.judge_settings(broker.read_varz(msgspec.json.encode(page))))) == expected


@pytest.mark.parametrize("page", [b"", b"{}", b"\xff", b'{"ping_interval": "x"}', b"<html>"])
def test_a_page_that_is_no_monitoring_page_is_refused(page: bytes) -> None:
    with pytest.raises(BadRequestError):
        broker.read_varz(page)


FINDINGS = (
    Finding(about="node b", check="disk", severity=Severity.WELL, text="fine"),
    Finding(about="node a", check="heat", severity=Severity.WARNING, text="80 °C\x1b[2J", remedy="a fan"),
    Finding(about="node a", check="disk", severity=Severity.BROKEN, text="full", remedy="make room"),
)


def show(*, show_all: bool) -> str:
    out = io.StringIO()
    print_findings(FINDINGS, show_all=show_all, console=Console(file=out, width=100))
    return out.getvalue()


def test_only_what_is_wrong_is_printed_worst_first_without_what_could_steer_a_terminal() -> None:
    assert show(show_all=False).splitlines() == [
        "node a",
        "  ✖ disk: full",
        "    → make room",
        "  ▲ heat: 80 °C?[2J",
        "    → a fan",
        "1 broken, 1 warning, 1 well",
    ]


def test_all_is_printed_when_asked_for() -> None:
    assert "  ✔ disk: fine" in show(show_all=True)


def test_a_healthy_sum_has_no_bad_words() -> None:
    assert sum_up(FINDINGS[:1]) == "1 well"
    assert [judge_health(FINDINGS[:1]), judge_health(FINDINGS[:2]), judge_health(FINDINGS)] == [0, 1, 2]
