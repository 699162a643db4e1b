"""The dashboard against real clusters: what it is told, what it changes, and what happens when things go away."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace
from PIL import Image

from cli.cluster import Cluster
from cli.local.broker import Broker
from modelkit.digest import sha256_bytes
from modelkit.manifest import decode_manifest, encode_manifest
from tests.cameras_testing.mjpeg_camera import MjpegCamera
from tests.e2e.local_process import LocalProcess, StartLocal, bramble
from tests.e2e.terminal import in_terminal
from tui.actions import (
    AddCamera,
    ApplyPlan,
    CancelJobs,
    Drain,
    Promote,
    RemoveCamera,
    ResetPlan,
    RetryJobs,
    RollBack,
    Undrain,
)
from tui.feed import LiveFeed
from tui.headline import summarise
from tui.moment import Moment
from tui.picture import open_picture
from tui.state import Dashboard, Phase, fold
from tui.updates import Update, Wants
from wire import subjects
from wire.bus import Bus
from wire.cameras import CameraConfig
from wire.context import load_context, save_context
from wire.errors import BadRequestError, ErrorCode
from wire.ids import read_frame_time
from wire.plans import PlanRequest

pytestmark = pytest.mark.e2e

WAIT_S = 60.0


class Watched:
    """A feed whose updates are folded as the app folds them."""

    def __init__(self, feed: LiveFeed) -> None:
        self.feed = feed
        self.board = Dashboard()
        self._changed = asyncio.Condition()
        self._told: set[asyncio.Task[None]] = set()

    def take(self, update: Update) -> None:
        self.board = fold(self.board, update, time.monotonic())
        task = asyncio.get_running_loop().create_task(self._tell())
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def until(self, holds: Callable[[Dashboard], bool], *, within: float = WAIT_S) -> float:
        """Wait until something holds; return how many seconds that took."""
        began = time.monotonic()
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: holds(self.board))
        return time.monotonic() - began

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def watching(context: str) -> AsyncIterator[Watched]:
    watched = Watched(LiveFeed(load_context(context)))
    task = asyncio.create_task(watched.feed.run(watched.take))
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.wait([task])


def liveness(board: Dashboard, node: str) -> str:
    nodes = board.status.nodes if board.status else ()
    return next((each.liveness for each in nodes if each.node == node), "")


def phase(board: Dashboard, camera: str) -> str:
    cameras = board.status.cameras if board.status else ()
    return next((each.phase for each in cameras if each.camera == camera), "")


def tell(board: Dashboard) -> str:
    return summarise(Moment(board, time.monotonic())).problem


def counts(board: Dashboard, batch: str) -> tuple[int, int]:
    """How many jobs of a batch are done, and how many failed."""
    batches = board.jobs.batches if board.jobs else ()
    return next(((each.done, each.failed) for each in batches if each.batch == batch), (0, 0))


async def test_what_the_dashboard_asks_for_is_done_and_shown(simulated: LocalProcess) -> None:
    async with watching(simulated.told["context"]) as watched:
        feed = watched.feed
        await watched.until(lambda board: liveness(board, "node-1") == "live")
        assert await feed.act(Drain("node-1")) == "node-1 takes no new work and finishes the 0 frames it holds"
        await watched.until(lambda board: any(line.kind == "draining" for line in board.log))
        assert await feed.act(Undrain("node-1")) == "node-1 takes work again"
        config = CameraConfig(camera="yard", url="synthetic:", models=("mobilenet_v2",), fps=5)
        assert await feed.act(AddCamera(config)) == "camera yard added: synthetic:"
        await watched.until(lambda board: phase(board, "yard") == "live")
        feed.want(Wants(results=True, camera="yard", picture="yard"))
        await watched.until(lambda board: bool(board.results) and hasattr(board.picture, "jpeg"))
        picture = watched.board.picture
        assert picture is not None
        assert {result.camera for result in watched.board.results} == {"yard"}
        assert open_picture(picture.jpeg).ndim == 3  # type: ignore[union-attr]
        assert read_frame_time(picture.frame) == pytest.approx(time.time(), abs=WAIT_S)  # type: ignore[union-attr]
        assert await feed.act(RemoveCamera("yard")) == "camera yard removed"
        await watched.until(lambda board: phase(board, "yard") == "")
        with pytest.raises(BadRequestError, match="there is no camera 'yard'"):
            await feed.act(RemoveCamera("yard"))
        with pytest.raises(BadRequestError, match="no node 'nobody' is connected"):
            await feed.act(Drain("nobody"))


async def test_a_node_that_is_killed_shows_within_six_seconds_and_clears_by_itself(start_local: StartLocal) -> None:
    local = start_local("--nodes", "2", "--simulated")
    async with watching(local.told["context"]) as watched:
        await watched.until(lambda board: liveness(board, "node-2") == "live")
        agent = next(each for each in local.descendants() if "node-2" in each.cmdline())
        agent.suspend()  # a kill would be mended by `bramble local` before anybody could call it dead
        try:
            assert await watched.until(lambda board: liveness(board, "node-2") == "dead") < 6.5
        finally:
            agent.resume()
        await watched.until(lambda board: liveness(board, "node-2") == "live")
        assert {"dead"} <= {line.kind for line in watched.board.log if line.source == "node-2"}


async def test_a_camera_that_is_unplugged_shows_within_five_seconds_and_clears_by_itself(
    simulated: LocalProcess,
) -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 48), (30, 60, 140)).save(jpeg, "JPEG")
    async with watching(simulated.told["context"]) as watched, MjpegCamera([jpeg.getvalue()], fps=10) as camera:
        await watched.until(lambda board: board.connection.phase is Phase.CONNECTED)
        await watched.feed.act(AddCamera(CameraConfig(camera="gate", url=camera.url, models=("mobilenet_v2",))))
        await watched.until(lambda board: phase(board, "gate") == "live")
        await camera.kill()
        assert await watched.until(lambda board: "gate: " in tell(board)) < 5.5
        await watched.until(lambda board: phase(board, "gate") == "blind")
        await camera.start()
        await watched.until(lambda board: phase(board, "gate") == "live" and "gate: " not in tell(board))
        await watched.feed.act(RemoveCamera("gate"))


async def test_jobs_that_failed_say_why_and_are_tried_again_and_the_record_tells_who_asked(
    simulated: LocalProcess, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "whole.jpg")
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:200])
    submit = bramble("submit", str(tmp_path), "--model", "mobilenet_v2", "--batch", "walk", "--no-wait")
    environment = {**os.environ, "NATS_CONTEXT": simulated.told["context"]}
    done = await asyncio.to_thread(subprocess.run, submit, env=environment, capture_output=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr
    async with watching(simulated.told["context"]) as watched:
        watched.feed.want(Wants(jobs=True, batch="walk", record=True))
        await watched.until(lambda board: counts(board, "walk") == (1, 1))
        await watched.until(lambda board: board.failures is not None and bool(board.failures.outcomes))
        (failure,) = watched.board.failures.outcomes if watched.board.failures else ()
        assert failure.error is not None
        assert (Path(failure.file).name, failure.error.code) == ("broken.jpg", ErrorCode.BAD_IMAGE)
        said = await watched.feed.act(RetryJobs("walk", (failure.job,)))
        assert said in ("1 job of walk will be tried again", "0 jobs of walk will be tried again")
        await watched.until(lambda board: "jobs.retry" in {entry.deed.action for entry in board.record})
        assert await watched.feed.act(CancelJobs("walk")) == "0 jobs cancelled"


async def test_a_plan_is_proposed_applied_and_reset_from_the_dashboard(simulated: LocalProcess) -> None:
    async with watching(simulated.told["context"]) as watched:
        await watched.until(lambda board: liveness(board, "node-1") == "live")
        request = PlanRequest(model="mobilenet_v2")
        report = await watched.feed.propose(request)
        assert report.options
        assert "serves once its nodes are ready" in await watched.feed.act(ApplyPlan(request))
        await watched.until(lambda board: bool(board.status and board.status.plans))
        assert watched.board.status is not None
        (state,) = watched.board.status.plans
        assert state.plan is not None
        assert state.plan.latency_s > 0
        assert "mobilenet_v2" in await watched.feed.act(ResetPlan("mobilenet_v2"))
        await watched.until(lambda board: board.status is not None and not board.status.plans)


async def test_a_version_is_promoted_and_rolled_back_from_the_dashboard(simulated: LocalProcess) -> None:
    def in_force(board: Dashboard) -> tuple[str, int]:
        """Return the version that serves on all nodes, and how many are kept."""
        models = board.status.models if board.status else ()
        versions = next((each.versions for each in models if each.model == "mobilenet_v2"), ())
        return next((each.version for each in versions if each.state == "serving"), ""), len(versions)

    context = load_context(simulated.told["context"])
    async with watching(simulated.told["context"]) as watched, Bus.connect(context, name="test") as bus:
        config = await bus.bucket(subjects.CONFIG_BUCKET, create=False)
        data = await config.get(subjects.MODEL_KEY.build(model="mobilenet_v2"))
        assert data is not None
        manifest = decode_manifest(data)
        await watched.until(lambda board: in_force(board) == (manifest.version, 1))
        newer = replace(manifest, version="next")
        await Cluster(bus).keep_model(newer)
        await watched.until(lambda board: in_force(board) == (manifest.version, 2))
        digest = sha256_bytes(encode_manifest(newer))
        done = await watched.feed.act(Promote("mobilenet_v2", "next", digest))
        assert done.startswith("mobilenet_v2 next is put into force")
        await watched.until(lambda board: in_force(board) == ("next", 2))
        assert "taken back" in await watched.feed.act(RollBack("mobilenet_v2", "next"))
        await watched.until(lambda board: in_force(board) == (manifest.version, 2))
        await watched.until(lambda board: any(line.kind == "rolled-back" for line in board.log))


async def test_a_broker_that_dies_is_a_state_with_a_countdown_and_ends_by_itself(start_local: StartLocal) -> None:
    local = start_local("--nodes", "1", "--simulated")
    async with watching(local.told["context"]) as watched:
        await watched.until(lambda board: board.connection.phase is Phase.CONNECTED)
        broker = next(each for each in local.descendants() if "nats-server" in each.cmdline()[0])
        broker.suspend()
        try:
            await watched.until(lambda board: board.connection.phase is not Phase.CONNECTED)
        finally:
            broker.resume()
        await watched.until(lambda board: board.connection.phase is Phase.CONNECTED)
        killed_at = time.monotonic()
        broker.kill()
        await watched.until(lambda board: board.status_mono > killed_at + 1)


async def test_an_address_where_nobody_listens_is_tried_again_with_a_countdown(tmp_path: Path) -> None:
    broker = Broker.start(tmp_path / "broker")
    context = tmp_path / "context.json"
    save_context(broker.context, context)
    broker.stop()
    async with watching(str(context)) as watched:
        await watched.until(lambda board: board.connection.phase is Phase.LOST)
        connection = watched.board.connection
        assert "no NATS server answers" in connection.reason
        assert connection.retry_mono is not None
        assert connection.retry_mono > time.monotonic() - 1


async def test_a_broker_without_a_controller_is_told_as_that(broker: Broker, tmp_path: Path) -> None:
    context = tmp_path / "context.json"
    save_context(broker.context, context)
    async with watching(str(context)) as watched:
        await watched.until(lambda board: board.connection.phase is Phase.SILENT)
        assert watched.board.connection.reason == "no controller answers"


def test_the_command_shows_a_real_cluster_on_eighty_by_twenty_four_and_quits(simulated: LocalProcess) -> None:
    with in_terminal("--context", simulated.told["context"]) as terminal:
        terminal.read_until("Nodes", "Cameras", "Models")
        terminal.read_until("3/3 nodes", "node-3")
        terminal.press("\r")
        terminal.read_until("Temperature", "Shards")
        assert terminal.quit() == 0


def test_the_demo_needs_no_cluster() -> None:
    with in_terminal("--demo") as terminal:
        terminal.read_until("street", "node-3")
        assert terminal.quit() == 0


def test_a_context_that_is_not_there_is_an_error_in_words_and_no_dashboard() -> None:
    done = subprocess.run(
        bramble("top", "--context", "/nowhere.json"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "the context /nowhere.json cannot be read" in done.stderr


def test_a_port_is_only_for_the_browser() -> None:
    done = subprocess.run(bramble("top", "--port", "80"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--port goes with --web" in done.stderr


def test_a_terminal_that_goes_away_takes_the_dashboard_with_it() -> None:
    with in_terminal("--demo") as terminal:
        terminal.read_until("street")
        os.killpg(terminal.process.pid, signal.SIGHUP)
        terminal.process.wait(timeout=WAIT_S)
        assert not psutil.pid_exists(terminal.process.pid)
