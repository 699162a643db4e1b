"""Another site's server, configured by the role's own template, joined to the cluster's as a leaf."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import select
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from cli.access.authority import Authority
from cli.access.certificates import CA_FILE, create_ca, issue
from cli.access.contexts import describe, write_context
from cli.access.enforce import push_account, push_everywhere
from cli.access.server_config import render_trust
from controller.audit.recorder import Recorder
from controller.audit.witnesses import WitnessDesk
from controller.desks.reads import ReadDesk
from tests.conftest import ROOT
from tests.hosts.conftest import find_ansible
from tests.testing.record import RecordReader
from tests.testing.witness import run_witness
from wire import subjects
from wire.bus import Bus, Received
from wire.context import Context
from wire.errors import BusError, NotAuthorisedError
from wire.identity import keep_key_pair
from wire.permissions import Role
from wire.refusals.server_log import read_refusals
from wire.refusals.tail import Tail

ROLE = ROOT / "roles/nats_server"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: [{role}/defaults/main.yml, {role}/vars/main.yml]
  tasks:
    - ansible.builtin.template:
        src: "{role}/templates/nats.conf.j2"
        dest: "{{{{ item.to }}}}/nats.conf"
        mode: "0600"
      vars:
        inventory_hostname: "{{{{ item.name }}}}"
        group_names: "{{{{ item.groups }}}}"
        nats_server_port: "{{{{ item.port }}}}"
        nats_server_monitor_port: "{{{{ item.monitor_port }}}}"
        nats_server_store_dir: "{{{{ item.to }}}}/store"
        nats_server_leaf_port: "{{{{ item.leaf_port }}}}"
        nats_server_leaf_remotes: "{{{{ item.remotes }}}}"
        nats_server_leaf_ca: "{{{{ item.leaf_ca | default('') }}}}"
        _nats_server_config_dir: "{{{{ item.to }}}}"
      loop: "{{{{ servers }}}}"
"""
READY_S = 20.0
WAIT_S = 30.0


@dataclass(frozen=True)
class Server:
    directory: Path
    port: int
    monitor_port: int

    @property
    def url(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    def ask(self, path: str) -> dict[str, object]:
        """Ask its monitoring endpoint."""
        url, tls = (
            f"https://127.0.0.1:{self.monitor_port}/{path}",
            ssl.create_default_context(cafile=self.directory / CA_FILE),
        )
        with urllib.request.urlopen(url, timeout=30, context=tls) as answer:
            found: dict[str, object] = json.load(answer)
        return found


@dataclass(frozen=True)
class Sites:
    """The cluster's own server, and the one of another site."""

    authority: Authority
    directory: Path
    hub: Server
    leaf: Server
    annex: Server  # has an authority of its own, and is told the hub's
    stranger: Server  # the same, and is told nothing

    def let_in(self, name: str, role: Role, server: Server) -> Context:
        """Return the context of a new user who is near that server."""
        self.authority.serve_at(server.url)
        context = write_context(self.authority, name, role, self.directory / f"{name}.json")
        self.authority.serve_at(self.hub.url)
        return context


def find_ports(count: int) -> list[int]:
    """Return free ports."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


@contextmanager
def run_server(server: Server) -> Iterator[None]:
    """Run it for the time of a ``with``, from when it is healthy."""
    command = [Path(sys.executable).parent / "nats-server", "--config", server.directory / "nats.conf"]
    with (server.directory / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            wait_until(lambda: server.ask("healthz").get("status") == "ok", server)
            yield
        finally:
            process.terminate()


def wait_until(holds: Callable[[], bool], server: Server) -> None:
    """Wait until something holds; the test fails with the server's log where it does not in time."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # it does not listen yet
            if holds():
                return
        select.select([], [], [], 0.05)
    pytest.fail((server.directory / "log").read_text())


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    tmp_path = tmp_path_factory.mktemp("sites")
    ports = find_ports(9)
    hub, leaf = Server(tmp_path / "hub", *ports[:2]), Server(tmp_path / "leaf", *ports[2:4])
    annex, stranger = Server(tmp_path / "annex", *ports[5:7]), Server(tmp_path / "stranger", *ports[7:9])
    authority = Authority.create(tmp_path / "access", cluster="two-sites", url=hub.url)
    ca = create_ca(authority.directory, "two-sites")
    authority.serve_at(hub.url, ca=str(ca))
    for server in (hub, leaf):
        (server.directory / "store/accounts").mkdir(parents=True)
        trust = render_trust(authority, store=server.directory / "store/accounts")
        (server.directory / "nats-trust.conf").write_text(trust)
        shutil.copy(ca, server.directory / CA_FILE)
        (server.directory / "server.pem").write_text("".join(issue(authority.directory, ["127.0.0.1"])))
    pair = keep_key_pair(leaf.directory / "leaf.nk")
    claim = authority.add("leaf-attic", Role.LEAF, pair.public)
    (leaf.directory / "leaf.json").write_text(json.dumps({"user_jwt": claim}))
    joining = [sys.executable, ROLE / "files/leaf_credentials.py", leaf.directory, getpass.getuser()]
    subprocess.run(joining, check=True, timeout=WAIT_S, cwd=ROOT)
    other = create_ca(tmp_path, "annex")
    for server in (annex, stranger):
        shutil.copytree(leaf.directory, server.directory)
        shutil.copy(other, server.directory / CA_FILE)
        (server.directory / "server.pem").write_text("".join(issue(tmp_path, ["127.0.0.1"])))
        trust = render_trust(authority, store=server.directory / "store/accounts")
        (server.directory / "nats-trust.conf").write_text(trust)
    shutil.copy(ca, annex.directory / "leaf-ca.pem")
    remotes = [f"nats-leaf://127.0.0.1:{ports[4]}"]
    servers = [
        {"name": "hub", "to": str(hub.directory), "port": hub.port, "monitor_port": hub.monitor_port,
         "groups": ["brokers"], "leaf_port": ports[4], "remotes": []},
        {"name": "attic", "to": str(leaf.directory), "port": leaf.port, "monitor_port": leaf.monitor_port,
         "groups": ["leaves"], "leaf_port": 0, "remotes": remotes},
        {"name": "annex", "to": str(annex.directory), "port": annex.port, "monitor_port": annex.monitor_port,
         "groups": ["leaves"], "leaf_port": 0, "remotes": remotes, "leaf_ca": str(ca)},
        {"name": "stranger", "to": str(stranger.directory), "port": stranger.port,
         "monitor_port": stranger.monitor_port, "groups": ["leaves"], "leaf_port": 0, "remotes": remotes},
    ]  # fmt: skip
    play = tmp_path / "play.yml"
    play.write_text(PLAY.format(role=ROLE))
    more = {"ansible_managed": "a test", "servers": servers, "nats_server_leaf_account": authority.account,
            "nats_server_address": "127.0.0.1", "_nats_server_hosts": ["one"], "nats_server_log_file": ""}  # fmt: skip
    command = [find_ansible(), play, "--extra-vars", json.dumps(more)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    with run_server(hub), run_server(leaf):
        wait_until(lambda: hub.ask("leafz").get("leafnodes") == 1, leaf)
        yield Sites(authority, tmp_path, hub, leaf, annex, stranger)


async def test_an_agent_of_another_site_is_asked_by_the_controller_and_reads_what_is_stored(sites: Sites) -> None:
    async with (
        Bus.connect(sites.let_in("hub", Role.CONTROLLER, sites.hub), name="controller") as controller,
        Bus.connect(sites.let_in("pi9", Role.AGENT, sites.leaf), name="agent", asks_controllers=True) as agent,
    ):
        await ReadDesk(controller.data, lambda _: None).listen()

        async def answer(message: Received) -> None:
            await message.respond(b"seen: " + message.data)

        await agent.data.subscribe(subjects.WORK.wildcard(node="pi9"), answer)
        bucket = await controller.bucket(subjects.ASSIGNMENTS_BUCKET)
        await bucket.put(subjects.ASSIGNMENT_KEY.build(node="pi9"), b"m")
        async with asyncio.timeout(WAIT_S):
            work = subjects.WORK.build(node="pi9", model="m", stage="0")
            assert (await controller.data.request(work, b"frame", within=WAIT_S)).data == b"seen: frame"
            own = await agent.bucket(subjects.ASSIGNMENTS_BUCKET, create=False)
            state = await anext(own.follow(subjects.ASSIGNMENT_KEY.build(node="pi9")))
    assert list(state.values()) == [b"m"]


async def test_the_leaf_lets_nobody_do_more_than_the_hub_would(sites: Sites) -> None:
    drain = subjects.NODE_COMMAND.build(node="pi1", verb="drain")
    async with Bus.connect(sites.let_in("ann", Role.VIEWER, sites.leaf), name="viewer") as viewer:
        with pytest.raises(NotAuthorisedError):
            await viewer.data.request(drain, b"{}", within=WAIT_S)


async def test_what_the_leaf_refuses_is_on_the_clusters_record(sites: Sites) -> None:
    """Its witness speaks to it alone; the controller is at the hub."""
    sites.let_in("witness-attic", Role.WITNESS, sites.leaf)
    near = sites.directory / "witness-attic.json"
    async with (
        Bus.connect(sites.let_in("hub-2", Role.CONTROLLER, sites.hub), name="controller") as controller,
        Bus.connect(sites.let_in("eva", Role.VIEWER, sites.leaf), name="viewer") as viewer,
        run_witness(sites.leaf.directory / "log", f"https://127.0.0.1:{sites.leaf.monitor_port}", near),
    ):
        recorder = await Recorder.open(controller, "hub-2", time.monotonic)
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def note(message: Received) -> None:
            await heard.put(message.subject)

        await WitnessDesk(controller.control, recorder, time.monotonic, note).listen()
        assert await asyncio.wait_for(heard.get(), WAIT_S) == "witness.witness-attic.heartbeat"

        with pytest.raises(NotAuthorisedError):
            await viewer.data.request(subjects.NODE_COMMAND.build(node="pi1", verb="drain"), b"{}", within=WAIT_S)

        eva = sites.authority.record.find("eva")
        assert eva is not None
        deed = await RecordReader(controller).expect(
            "access.publish", who="eva", target=subjects.NODE_COMMAND.build(node="pi1", verb="drain"),
            detail=eva.public_key,
        )  # fmt: skip
        assert deed.witness == "witness-attic"


async def test_whoever_steals_the_leafs_key_cannot_use_it_as_a_client(sites: Sites) -> None:
    claim = json.loads((sites.leaf.directory / "leaf.json").read_text())["user_jwt"]
    stolen = describe(sites.authority, "leaf-attic", Role.LEAF, nkey=str(sites.leaf.directory / "leaf.nk"), claim=claim)

    with pytest.raises(NotAuthorisedError):
        async with Bus.connect(stolen, name="thief"):
            pass


def test_a_leaf_holds_the_hub_against_the_authority_that_its_inventory_names(sites: Sites) -> None:
    with run_server(sites.annex):
        wait_until(lambda: sites.hub.ask("leafz").get("leafnodes") == 2, sites.annex)
    wait_until(lambda: sites.hub.ask("leafz").get("leafnodes") == 1, sites.hub)


async def test_a_server_that_is_shut_out_as_a_leaf_is_on_the_record_of_the_hub(sites: Sites) -> None:
    async with Bus.connect(sites.let_in("hub-3", Role.CONTROLLER, sites.hub), name="controller") as controller:
        recorder = await Recorder.open(controller, "hub-3", time.monotonic)
        running = asyncio.create_task(recorder.run(read_refusals(await Tail.open(sites.hub.directory / "log"))))
        with run_server(sites.stranger):
            await RecordReader(controller).expect("access.connect", who="127.0.0.1", detail="(between sites)")
        running.cancel()
        await asyncio.wait([running])


def test_a_leaf_to_which_the_hub_shows_a_certificate_of_another_authority_does_not_join_it(sites: Sites) -> None:
    with run_server(sites.stranger):
        log = sites.stranger.directory / "log"
        wait_until(lambda: "certificate signed by unknown authority" in log.read_text(), sites.stranger)
        assert sites.hub.ask("leafz").get("leafnodes") == 1
        assert sites.stranger.ask("leafz").get("leafnodes") == 0


async def test_who_is_shut_out_is_out_at_a_leaf_within_5_s_too_and_stays_out(sites: Sites) -> None:
    context = sites.let_in("eve", Role.VIEWER, sites.leaf)
    sites.authority.keep_leaves([sites.leaf.url])
    ended = asyncio.Event()
    async with Bus.connect(context, name="eve") as inside:
        inside.control.call_on_end(ended.set)
        sites.authority.revoke("eve")
        async with asyncio.timeout(5.0):
            await push_everywhere(sites.authority)
            await ended.wait()
    with pytest.raises(NotAuthorisedError):
        async with Bus.connect(context, name="eve"):
            pass


async def test_a_leaf_that_is_away_keeps_nobody_else_from_hearing_who_is_shut_out(sites: Sites) -> None:
    [port] = find_ports(1)
    context = sites.let_in("bob", Role.VIEWER, sites.leaf)
    sites.authority.keep_leaves([f"tls://127.0.0.1:{port}", sites.leaf.url])
    sites.authority.revoke("bob")

    with pytest.raises(BusError, match=f"tls://127.0.0.1:{port} did not take it") as caught:
        await push_everywhere(sites.authority)

    assert caught.value.remedy == "once they can be reached: `bramble access push`"
    for server in (sites.leaf, sites.hub):
        with pytest.raises(NotAuthorisedError):
            async with Bus.connect(msgspec.structs.replace(context, url=server.url), name="bob"):
                pass
    sites.authority.keep_leaves([sites.leaf.url])


async def test_the_playbooks_push_tells_who_can_be_told_and_says_who_could_not(sites: Sites) -> None:
    [port] = find_ports(1)
    away = f"tls://127.0.0.1:{port}"
    context = sites.let_in("tom", Role.VIEWER, sites.leaf)
    sites.authority.revoke("tom")
    command = [sys.executable, "-P", ROOT / "roles/access/files/push.py", "--access", sites.authority.directory]

    done = await asyncio.to_thread(
        subprocess.run, [*command, "--leaf", away, "--leaf", sites.leaf.url],
        capture_output=True, text=True, timeout=WAIT_S, check=True,
    )  # fmt: skip

    answer = json.loads(done.stdout)
    assert answer["changed"]
    assert [words.partition(": ")[0] for words in answer["untold"]] == [away]
    assert {*Authority.open(sites.authority.directory).record.leaves} == {away, sites.leaf.url}
    with pytest.raises(NotAuthorisedError):
        async with Bus.connect(context, name="tom"):
            pass
    sites.authority.keep_leaves([sites.leaf.url])


# The last one: there is no second site any more after it.
async def test_a_leaf_that_is_shut_out_is_cut_off(sites: Sites) -> None:
    sites.authority.revoke("leaf-attic")

    await push_account(sites.authority)

    wait_until(lambda: sites.hub.ask("leafz").get("leafnodes") == 0, sites.leaf)
