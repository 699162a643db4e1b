"""A site with a server of its own, tied to the others by a leaf node connection that is cut and comes back."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.controller import Controller
from controller.settings import parse_settings
from modelkit.manifest import encode_manifest
from tests.agent_testing.models import simulated_manifest
from tests.agent_testing.running_agent import RunningAgent
from tests.chaos.cut_proxy import CutProxy
from tests.chaos.load import make_picture
from tests.testing.configured_server import run_server
from wire import subjects
from wire.bus import Bus, Received
from wire.cameras import CameraConfig
from wire.context import Context
from wire.errors import BrambleError
from wire.messages import Result, decode, encode
from wire.systemd import Notifier

WITHIN_S = 60.0
SOON = 'ping_interval: "1s"\nping_max: 2'


@contextmanager
def hub_server(directory: Path) -> Iterator[tuple[str, int]]:
    """Run the server that sites tie themselves to; gives its URL, and the port for leaf nodes."""
    directory.mkdir()
    with socket.socket() as free:  # the server does not tell which port it took for leaf nodes
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Advertised, the site would learn of a way past the one that is cut.
    open_to_sites = f"leafnodes {{ host: 127.0.0.1, port: {port}, no_advertise: true }}"
    with run_server(directory, f"server_name: hub\n{SOON}\n{open_to_sites}") as listens:
        yield listens["nats"][0], port


@contextmanager
def site_server(directory: Path, leaf_port: int) -> Iterator[str]:
    """Run a site's server, with a JetStream of its own; gives its URL."""
    directory.mkdir()
    stored = f'jetstream {{ store_dir: "{directory}/js", domain: site, sync_interval: always }}'
    tie = f'leafnodes {{ reconnect: 1, remotes: [{{ url: "nats://127.0.0.1:{leaf_port}" }}] }}'
    with run_server(directory, f"server_name: site\n{SOON}\n{stored}\n{tie}") as listens:
        yield listens["nats"][0]


class Results:
    """Counts the camera's good results."""

    def __init__(self) -> None:
        self.good = 0
        self._changed = asyncio.Event()

    async def take(self, message: Received) -> None:
        self.good += decode(message.data, Result).error is None
        self._changed.set()

    async def more(self, count: int) -> None:
        wanted = self.good + count
        async with asyncio.timeout(WITHIN_S):
            while self.good < wanted:
                self._changed.clear()
                await self._changed.wait()


async def ask(bus: Bus) -> bool:
    try:
        answer = await bus.data.request("infer.sim", make_picture(1), within=2.0)
    except BrambleError:
        return False
    return decode(answer.data, Result).error is None


async def until(bus: Bus, *, answers: bool) -> None:
    async with asyncio.timeout(WITHIN_S):
        while await ask(bus) is not answers:  # noqa: ASYNC110 - asks another server
            await asyncio.sleep(0.1)


async def test_a_site_that_is_cut_off_goes_on_seeing_and_answers_the_others_once_it_is_back(tmp_path: Path) -> None:
    with hub_server(tmp_path / "hub") as (hub_url, leaf_port):
        way = CutProxy("127.0.0.1", leaf_port)
        async with way.run():
            with site_server(tmp_path / "site", way.port) as site_url:
                await see_through_a_cut(hub_url, site_url, way, tmp_path)


async def see_through_a_cut(hub_url: str, site_url: str, way: CutProxy, tmp_path: Path) -> None:
    async with (
        Bus.connect(Context(url=hub_url), name="headquarters") as hub,
        Bus.connect(Context(url=site_url), name="c1") as site,
        Bus.connect(Context(url=site_url), name="asker") as asker,
    ):
        settings = parse_settings(["--id", "c1", "--metrics-port", "0"])
        controller = await Controller.open(settings, site, Notifier({}), place="site")
        config = await site.bucket(subjects.CONFIG_BUCKET)
        await config.put(subjects.MODEL_KEY.build(model="sim"), encode_manifest(simulated_manifest(seconds=0.01)))
        camera = CameraConfig(camera="door", url="synthetic:?fps=10", models=("sim",))
        await config.put(subjects.CAMERA_KEY.build(camera="door"), encode(camera))
        results = Results()
        await asker.data.subscribe(subjects.RESULTS.wildcard(camera="door"), results.take)
        async with RunningAgent.start(site, Context(url=site_url), tmp_path):
            running = asyncio.create_task(controller.run())
            try:
                await results.more(5)
                await until(hub, answers=True)
                way.cut()
                cut_at = time.monotonic()
                await until(hub, answers=False)
                while time.monotonic() < cut_at + 6.0:  # longer than a node's silence may be
                    await results.more(5)
                    assert await ask(asker)
                assert not await ask(hub)
                way.heal()
                await until(hub, answers=True)
                await results.more(5)
                assert [node.liveness for node in controller._nodes.statuses()] == ["live"]
            finally:
                way.heal()
                running.cancel()
                await asyncio.wait({running})
