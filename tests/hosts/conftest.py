"""Three booted Debian nodes, and ansible as a user runs it, from a control host that can reach nothing but them."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.hosts.base import MAKE_S
from tests.hosts.bed import APART, find_leftovers, find_obstacle

ROOT = Path(__file__).parents[2]
PYTHON = (sys.executable, "-P")
NODES = ("node1", "node2", "node3")
BUILD_S = 900.0
BOOT_S = 90.0
STOP_S = 30.0
PLAY_S = 600.0
LIMIT_S = 2400.0
WAIT_S = 120.0
# The kinds of node in inventory/local, and those that tests/hosts/three_servers.yml adds.
TARGETS = ("x86_64-cp311-agent", "x86_64-cp311-agent+broker+controller")
MORE_SERVERS = ("x86_64-cp311-agent+broker",)
_RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Play:
    """What a playbook's run came to."""

    code: int
    output: str
    changed: dict[str, int] = field(default_factory=dict)  # by host

    def expect_success(self) -> Play:
        """Fail the test with ansible's own words where the run failed."""
        assert self.code == 0, self.output[-6000:]
        return self


@dataclass(frozen=True)
class Bed:
    """The nodes, as their operator reaches them."""

    process: subprocess.Popen[str]
    state: Path
    tree: Path  # a copy of the sources, so that the release does not change under the tests
    library: Path
    nodes: tuple[str, ...] = NODES

    @property
    def access(self) -> Path:
        """The operator's directory."""
        return self.state / "config/bramble/access/bed"

    @property
    def environment(self) -> dict[str, str]:
        """Return the control host's environment."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        tools = f"{find_ansible().parent}:{kept.get('PATH', os.defpath)}"
        return kept | {
            "PATH": tools,
            "BRAMBLE_BED": str(self.state),
            "BRAMBLE_LIBRARY": str(self.library),
            "XDG_CONFIG_HOME": str(self.state / "config"),
            "ANSIBLE_HOME": str(self.state / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *command: str, within: float = 60.0, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Run a command on the control host."""
        return subprocess.run(
            self._enter(*command), cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=within,
            check=False,
        )  # fmt: skip

    def _enter(self, *command: str) -> list[str]:
        """Return the words that run a command in the bed's network, and among its processes, which end with the bed."""
        namespaces = f"/proc/{self.process.pid}/ns"
        enter = ("nsenter", f"--net={namespaces}/net", f"--pid={namespaces}/pid_for_children")
        return [*enter, "setpriv", "--pdeathsig", "KILL", *command]

    def play(self, book: str, *options: str, within: float = PLAY_S, tree: Path | None = None) -> Play:
        """Run a playbook."""
        settings = {
            "bramble_python": sys.executable,
            "release_source": str(tree or self.tree),
            "release_bundles": str(bundles()),
            "models_library": str(self.library),
        }
        words = (str(find_ansible()), "--inventory", "inventory/local", book, "--extra-vars", json.dumps(settings))
        return read_play(self.run(*words, *options, within=within))

    def bramble(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the operator's command."""
        return self.run(*PYTHON, "-m", "cli.main", *arguments)

    def try_ssh(self, node: str, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root on a node."""
        return self.run(*self._reach(node), f"sudo {command}")

    def _reach(self, node: str) -> tuple[str, ...]:
        options = ("-o", f"UserKnownHostsFile={self.state / 'known_hosts'}", "-i", str(self.state / "id"))
        return "ssh", *options, f"pi@{node_address(node)}"

    def ssh(self, node: str, command: str) -> str:
        """Run a command as root on a node and return its output."""
        done = self.try_ssh(node, command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def follow(self, node: str, command: str) -> AbstractContextManager[Iterator[str]]:
        """Run a command as root on a node for the time of a ``with``; yields its lines, each without its end."""
        return self.listen(*self._reach(node), f"sudo {command}")

    @contextmanager
    def listen(self, *command: str) -> Iterator[Iterator[str]]:
        """Run a command on the control host for the time of a ``with``; yields its lines, each without its end."""
        with self.start(*command) as process:
            assert process.stdout is not None
            yield (line.rstrip("\n") for line in process.stdout)

    @contextmanager
    def start(self, *command: str, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
        """Run a command on the control host for the time of a ``with``; its input and output are yours."""
        with subprocess.Popen(
            self._enter(*command), cwd=cwd, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()
                process.wait(STOP_S)

    def order(self, order: str) -> None:
        """Have the bed do something to a node, such as ``cut 2``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        readable, _, _ = select.select([self.process.stdout], [], [], BOOT_S)
        answer = self.process.stdout.readline() if readable else "nothing"
        assert answer == "done\n", f"the bed was told {order!r} and answered {answer!r}"


def read_play(done: subprocess.CompletedProcess[str]) -> Play:
    """Return what ansible said of its run."""
    changed = {found[1]: int(found[3]) for found in _RECAP.finditer(done.stdout)}
    return Play(done.returncode, done.stdout + done.stderr, changed)


def wait_for(what: str, check: Callable[[], bool]) -> None:
    """Wait until something holds; the test fails where it does not in time."""
    deadline = time.monotonic() + WAIT_S
    while not check():
        assert time.monotonic() < deadline, f"{what}: not within {WAIT_S:g} s"
        select.select([], [], [], 0.5)


def node_address(node: str) -> str:
    """Return a node's address on the bed's bridge."""
    return f"10.77.0.{10 + int(node.removeprefix('node'))}"


def find_ansible() -> Path:
    """Return the ansible-playbook command; the test fails where there is none."""
    for place in (ROOT / ".tools/ansible/bin", Path(sys.executable).parent):
        if (place / "ansible-playbook").exists():
            return place / "ansible-playbook"
    found = shutil.which("ansible-playbook")
    if found is None:
        pytest.skip("ansible-playbook is not installed: make ansible")
    return Path(found)


def bundles() -> Path:
    """Return where bundles are kept between runs."""
    return ROOT / ".cache" / "bundles"


def build_bundles(tree: Path, kinds: Sequence[str] = TARGETS) -> None:
    """Build what the nodes install, while there is a network."""
    builder = ROOT / "roles/release/files/build_bundle.py"
    targets = [word for kind in kinds for word in ("--target", kind)]
    command = [sys.executable, str(builder), "--root", str(tree), "--out", str(bundles()), *targets]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
    assert done.returncode == 0, done.stderr


def make_later_release(bed: Bed, directory: Path, what: str, kinds: Sequence[str] = TARGETS) -> Path:
    """Return sources that differ from those the bed runs, with bundles of them built."""
    tree = directory / "tree"
    shutil.copytree(bed.tree, tree)
    (tree / "edge_agent/__init__.py").write_text(f'"""{what}"""\n')
    build_bundles(tree, kinds)
    return tree


def copy_sources(to: Path) -> Path:
    """Copy what a release is built from."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for name in ("requirements", *project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, to)
    return to


@dataclass(frozen=True)
class Supplies:
    """What is made while there is a network: the nodes' root, the model, and the wheels of a release."""

    tree: Path
    library: Path


@pytest.fixture(scope="session")
def supplies(tmp_path_factory: pytest.TempPathFactory) -> Supplies:
    """Make them, once."""
    obstacle = find_obstacle()
    if obstacle:
        pytest.skip(obstacle)
    find_ansible()
    base = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.hosts.base", "amd64"]
    done = subprocess.run(base, cwd=ROOT, capture_output=True, text=True, timeout=MAKE_S["amd64"], check=False)
    assert done.returncode == 0, f"no root for the nodes: {done.stderr}"
    library = Path(os.environ.get("BRAMBLE_LIBRARY", ROOT / ".cache/library"))
    building = [sys.executable, "-P", "-m", "cli.main", "model", "build", "mobilenet_v2", "--library", str(library)]
    subprocess.run(building, cwd=ROOT, check=True, timeout=BUILD_S, capture_output=True)
    tree = copy_sources(tmp_path_factory.mktemp("tree"))
    build_bundles(tree)
    return Supplies(tree, library)


@contextmanager
def boot_bed(state: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Boot the nodes for the time of a ``with``; they are gone at its end, also where this process is killed."""
    limit = ("--limit-s", str(LIMIT_S))
    command = [*APART, sys.executable, "-m", "tests.hosts.bed", "--state", str(state), *limit, *options]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], BOOT_S)
        greeting = process.stdout.readline() if readable else ""
        assert json.loads(greeting or "{}").get("ready"), f"the bed did not come up within {BOOT_S:g} s"
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()  # the kernel takes back the rest
            process.wait(STOP_S)
        process.stdout.close()


@pytest.fixture(scope="module")
def bed(supplies: Supplies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Three bare nodes for a module's tests."""
    state = tmp_path_factory.mktemp("bed")
    with boot_bed(state) as process:
        yield Bed(process, state, supplies.tree, supplies.library)
    assert find_leftovers(state) == []
