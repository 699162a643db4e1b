"""A real cluster, a real Prometheus and a real Alertmanager: what goes wrong is told at a webhook, and its end too."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil
import pytest

from cli.connection import open_cluster
from controller.metrics.metrics import OWN
from roles.observability.dashboards import BOARDS, list_queries
from tests.conftest import ROOT
from tests.e2e.local_process import LocalProcess, start_local_process
from tests.observability_testing.servers import Prometheus, Webhook, find_server, run_alertmanager, run_prometheus
from wire import subjects
from wire.messages import Done, decode

pytestmark = pytest.mark.e2e

RULES = ROOT / "roles/observability/files/bramble-rules.yml"
FIRE_S = 40.0
SEEN_S = 30.0


@dataclass
class Watched:
    """A cluster of two simulated nodes with a camera, and who watches it."""

    local: LocalProcess
    prometheus: Prometheus
    webhook: Webhook

    def process(self, *words: str) -> psutil.Process:
        """Return the cluster's process whose command line has these words."""
        return next(each for each in self.local.descendants() if set(words) <= set(each.cmdline()))

    @contextmanager
    def frozen(self, *words: str) -> Iterator[None]:
        """Stop a process for a while: to the others it is as dead as one without power."""
        process = self.process(*words)
        process.suspend()
        try:
            yield
        finally:
            process.resume()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    find_server("prometheus")
    directory = tmp_path_factory.mktemp("observability")
    local = start_local_process("--nodes", "2", "--simulated", "--model", "mobilenet_v2")
    webhook = Webhook()
    target = urlsplit(local.told["metrics"]).netloc
    try:
        local.tell("camera", "add", "yard", "synthetic:?fps=5", "--model", "mobilenet_v2")
        with (
            run_alertmanager(directory, webhook.url) as alertmanager,
            run_prometheus(directory, RULES, target, alertmanager) as prometheus,
        ):
            yield Watched(local, prometheus, webhook)
    finally:
        webhook.close()
        local.stop()


def test_a_camera_that_nobody_can_reach_is_told_and_so_is_its_return(watched: Watched) -> None:
    watched.local.tell("camera", "add", "door", "rtsp://127.0.0.1:9/none", "--model", "mobilenet_v2")
    fired = watched.webhook.wait_for("BrambleCameraBlind", "firing", within=FIRE_S, camera="door")
    assert fired["annotations"]["summary"] == "Camera door gives no picture"

    watched.local.tell("camera", "add", "door", "synthetic:?fps=5", "--model", "mobilenet_v2")

    watched.webhook.wait_for("BrambleCameraBlind", "resolved", within=FIRE_S, camera="door")
    blind = watched.prometheus.query('bramble_camera_phase{camera="door",phase="live"}')
    assert [series["value"][1] for series in blind] == ["1"]
    watched.local.tell("camera", "remove", "door")


def test_a_node_that_falls_silent_is_told_and_so_is_its_return(watched: Watched) -> None:
    watched.prometheus.wait_for("count(bramble_node_up == 1) == 2", within=SEEN_S)
    with watched.frozen("--node", "node-2"):
        fired = watched.webhook.wait_for("BrambleNodeLost", "firing", within=FIRE_S, node="node-2")
    assert fired["labels"]["severity"] == "critical"

    watched.webhook.wait_for("BrambleNodeLost", "resolved", within=FIRE_S, node="node-2")


def test_a_model_without_a_node_and_a_degraded_camera_are_told_and_so_are_their_returns(watched: Watched) -> None:
    watched.local.tell("camera", "add", "porch", "synthetic:?fps=5", "--model", "mobilenet_v2", "--ladder")
    watched.prometheus.wait_for("bramble_model_nodes_ready == 2", within=SEEN_S)
    for node in ("node-1", "node-2"):
        watched.local.tell("nodes", "drain", node)
    watched.webhook.wait_for("BrambleModelUnserved", "firing", within=FIRE_S, model="mobilenet_v2")
    watched.webhook.wait_for("BrambleCameraDegraded", "firing", within=FIRE_S, camera="porch")

    for node in ("node-1", "node-2"):
        watched.local.tell("nodes", "undrain", node)

    watched.webhook.wait_for("BrambleModelUnserved", "resolved", within=FIRE_S, model="mobilenet_v2")
    watched.webhook.wait_for("BrambleCameraDegraded", "resolved", within=2 * FIRE_S, camera="porch")
    watched.local.tell("camera", "remove", "porch")


def test_what_only_the_doctor_finds_is_told_and_so_is_its_end(watched: Watched) -> None:
    context = watched.local.told["context"]
    manifest = asyncio.run(read_manifest(Path(context).with_name("controller.json"), "mobilenet_v2"))
    watched.local.tell("camera", "remove", "yard")
    watched.local.tell("model", "remove", "mobilenet_v2")
    watched.webhook.wait_for("BrambleDegraded", "firing", within=FIRE_S, check="models")
    assert watched.local.run("doctor").returncode > 0

    asyncio.run(add_again(context, manifest))

    watched.webhook.wait_for("BrambleDegraded", "resolved", within=FIRE_S, check="models")
    watched.local.tell("camera", "add", "yard", "synthetic:?fps=5", "--model", "mobilenet_v2")


async def read_manifest(context: Path, model: str) -> bytes:
    """Return a model's manifest as it was signed, which a controller's context may read."""
    async with open_cluster(str(context)) as cluster:
        config = await cluster.bus.bucket(subjects.CONFIG_BUCKET)
        manifest = await config.get(subjects.MODEL_KEY.build(model=model))
        assert manifest is not None
        return manifest


async def add_again(context: str, manifest: bytes) -> None:
    async with open_cluster(context) as cluster:
        subject = subjects.CONTROL.build(user=cluster.bus.user, noun="model", verb="add")
        reply = await cluster.bus.control.request(subject, manifest, within=10.0)
        assert decode(reply.data, Done).text


def test_a_controller_that_hangs_is_told_and_so_is_its_return(watched: Watched) -> None:
    with watched.frozen("controller", "--id"):
        watched.webhook.wait_for("BrambleNoController", "firing", within=FIRE_S)

    watched.webhook.wait_for("BrambleNoController", "resolved", within=FIRE_S)


def test_every_rule_can_be_evaluated(watched: Watched) -> None:
    watched.prometheus.wait_for("bramble:frames_offered:rate5m", within=SEEN_S)

    rules = [rule for group in watched.prometheus.ask("rules")["groups"] for rule in group["rules"]]

    assert rules
    assert {rule["name"]: rule.get("lastError", "") for rule in rules if rule["health"] != "ok"} == {}


@pytest.mark.parametrize(
    "query", [pytest.param(query, id=f"{board.uid}: {query}") for board in BOARDS for query in list_queries(board)]
)
def test_every_query_of_the_dashboards_finds_something(watched: Watched, query: str) -> None:
    asked = query.replace("$__rate_interval", "1m")
    if "temperature" in query:  # this machine may have no thermometer: then the family's name is all that can be held
        assert set(re.findall(r"bramble_\w+", query)) <= {family.name for family in OWN}
        watched.prometheus.query(asked)
    else:
        assert watched.prometheus.wait_for(asked, within=SEEN_S)


def test_a_slow_bucket_leads_to_its_frame(watched: Watched) -> None:
    watched.prometheus.wait_for("bramble_frame_seconds_count > 0", within=SEEN_S)

    found = watched.prometheus.ask(
        "query_exemplars", query="bramble_frame_seconds_bucket", start="0", end="99999999999"
    )

    frames = [each["labels"]["frame"] for series in found for each in series["exemplars"]]
    assert frames
    assert all(re.fullmatch("[0-9a-f]{21}", frame) for frame in frames)


def test_the_exposition_passes_promtool(watched: Watched) -> None:
    with urlopen(watched.local.told["metrics"], timeout=10) as reply:  # noqa: S310 - our own loopback server
        text = reply.read()

    done = subprocess.run(
        [find_server("promtool"), "check", "metrics"], input=text, capture_output=True, check=False, timeout=30
    )

    assert (done.returncode, done.stderr.decode()) == (0, "")
