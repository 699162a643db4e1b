"""A bed of booted Debian nodes, each with systemd as PID 1 and sshd, on one machine: hosts to run playbooks on.

Run as a program it makes the bed and serves it until its standard input ends, so a bed never outlives its user, not
even one that was killed. It lives in namespaces of its own (``APART``): when its own process is gone, however it ended,
the kernel takes back every process, mount, bridge and cable. What could stay, the state directory and empty control
groups, is removed at the end, and again before the next bed is made.

    unshare --mount --net --pid … python -m tests.hosts.bed --state DIR --nodes 3

prints one line of JSON when every node answers ssh. Commands are a line each on standard input, answered by
a line: ``cut N`` (power cut), ``boot N``.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import platform
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.hosts.base import CACHE, KINDS, USER, BedError, run

NETWORK = "10.77.0"
CGROUPS = Path("/sys/fs/cgroup")
GROUP = "bramble-bed"
BOOT_S = 60.0
STOP_S = 10.0
APART = ("unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "private")
_TRIAL = """
mount -t tmpfs bramble-bed /mnt
mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root
mount -t overlay bramble-bed -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work,volatile /mnt/root
ip link add bed0 type bridge
ip link add v1 type veth peer name eth0
"""


def find_obstacle() -> str | None:
    """Return why no bed can be made on this machine; None when one can."""
    if os.geteuid() != 0:
        return "booting nodes takes root"
    wanted = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "unshare": "util-linux",
              "ssh-keygen": "openssh-client", "ip": "iproute2", "setpriv": "util-linux"}  # fmt: skip
    missing = sorted({package for command, package in wanted.items() if not shutil.which(command)})
    if missing:
        return f"not installed here: apt-get install --no-install-recommends {' '.join(missing)}"
    if platform.machine() != "x86_64":
        return f"the nodes are x86-64, this machine is {platform.machine()}"
    if not any(_hierarchies()):
        return f"{CGROUPS} has no control groups"
    try:
        run(*APART, "sh", "-ec", _TRIAL)
        for hierarchy in _hierarchies():
            trial = hierarchy / f"{GROUP}-trial"
            trial.mkdir(exist_ok=True)
            trial.rmdir()
    except (BedError, OSError) as error:
        return f"root may not do here what booting nodes takes: {error}"
    return None


class Node:
    """One node: its files, its cable, its processes."""

    def __init__(self, number: int, state: Path, base: Path) -> None:
        self.number = number
        self.name = f"node{number}"
        self.address = f"{NETWORK}.{10 + number}"
        self._base = base
        self._directory = state / self.name
        self._root = self._directory / "root"
        self._process: subprocess.Popen[bytes] | None = None

    def furnish(self, public_key: str, hosts: str) -> str:
        """Make its files and its cable; return its ssh host key as a line of ``known_hosts``."""
        upper = self._directory / "upper"
        for directory in (upper / "etc/ssh", upper / "home" / USER / ".ssh", self._directory / "work", self._root):
            directory.mkdir(parents=True)
        (upper / "etc/hostname").write_text(f"{self.name}\n")
        (upper / "etc/machine-id").write_text(f"{0xB7A3B1E0 + self.number:032x}\n")
        (upper / "etc/hosts").write_text(hosts)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", upper / "etc/ssh/ssh_host_ed25519_key")
        home = upper / "home" / USER
        (home / ".ssh/authorized_keys").write_text(public_key)
        owner = (self._base / "home" / USER).stat()
        for path in (home, home / ".ssh", home / ".ssh/authorized_keys"):
            os.chown(path, owner.st_uid, owner.st_gid)
            path.chmod(0o600 if path.is_file() else 0o700)
        source, work = f"lowerdir={self._base},upperdir={upper}", f"workdir={self._directory / 'work'},volatile"
        run("mount", "-t", "overlay", "bramble-bed", "-o", f"{source},{work}", self._root)
        self._plug()
        key = (upper / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
        return f"{self.address},{self.name} {key}"

    def _plug(self) -> None:
        run("ip", "netns", "add", self.name)
        inside = ("ip", "-n", self.name)
        run("ip", "link", "add", f"v{self.number}", "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "link", "set", f"v{self.number}", "master", "bed0", "up")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")

    def boot(self) -> None:
        """Start its PID 1. The console's words go to ``console.log``."""
        groups = []
        for hierarchy in _hierarchies():
            group = hierarchy / GROUP / self.name
            group.mkdir(parents=True, exist_ok=True)
            groups.append(group / "cgroup.procs")
        enter = "".join(f"echo $$ >{group} && " for group in groups)
        command = (
            "systemd-nspawn", "--quiet", "--boot", "-D", str(self._root), "-M", self.name, f"--hostname={self.name}",
            "--register=no", "--keep-unit", f"--network-namespace-path=/run/netns/{self.name}",
            "--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe",
        )  # fmt: skip
        # Status 133 says that the node wants to boot again. Each process of the chain ends with the one before it.
        script = f"{enter}while :; do setpriv --pdeathsig KILL {' '.join(command)}; [ $? = 133 ] || exit 0; done"
        with (self._directory / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "bash", "-c", script],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                     "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )  # fmt: skip

    def wait_ready(self, deadline: float) -> None:
        """Wait until its sshd greets.

        Raises:
            BedError: it did not until the deadline.

        """
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection((self.address, 22), 1.0) as end:
                if end.recv(4) == b"SSH-":
                    return
            select.select([], [], [], 0.05)
        console = (self._directory / "console.log").read_text(errors="replace")[-1500:]
        raise BedError(f"{self.name} does not answer ssh on {self.address}; its console said:\n{console}")

    def cut(self) -> None:
        """Cut its power: every process dies at once."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_S)
        deadline = time.monotonic() + STOP_S
        for hierarchy in _hierarchies():
            _empty(hierarchy / GROUP / self.name, deadline)


def _hierarchies() -> Iterator[Path]:
    """Yield the control group hierarchies in which a node has a group of its own."""
    for path in (CGROUPS, *(CGROUPS / name for name in ("unified", "systemd", "cpu", "memory"))):
        if (path / "cgroup.procs").exists():
            yield path


def _list_processes(group: Path) -> Iterator[tuple[int, Path]]:
    """Yield what runs in a group and below it, and where; groups may vanish meanwhile."""
    for directory, _, files in os.walk(group):
        if "cgroup.procs" in files:
            with contextlib.suppress(OSError):  # it is gone
                for pid in (Path(directory) / "cgroup.procs").read_text().split():
                    yield int(pid), Path(directory)


def _empty(group: Path, deadline: float) -> None:
    """Kill what is left in a group, and wait until it is gone."""
    while group.exists() and time.monotonic() < deadline:
        found = [pid for pid, _ in _list_processes(group)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        select.select([], [], [], 0.02)


class Bed:
    """Several nodes on one bridge. Its directory holds ``id`` (the ssh key) and ``known_hosts``."""

    def __init__(self, state: Path, base: Path, count: int) -> None:
        self._state = state
        self.nodes = [Node(number, state, base) for number in range(1, count + 1)]

    def up(self) -> None:
        """Boot every node and wait until each answers ssh."""
        _sweep()
        self._state.mkdir(parents=True, exist_ok=True)
        for place in ("/run/systemd/nspawn", "/run/netns"):  # what is left there by name must not outlive the bed
            Path(place).mkdir(parents=True, exist_ok=True)
            run("mount", "-t", "tmpfs", "bramble-bed", place)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bed0", "type", "bridge")
        run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", "bed0")
        run("ip", "link", "set", "bed0", "up")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._state / "id")
        public_key = (self._state / "id.pub").read_text()
        names = "".join(f"{node.address} {node.name}\n" for node in self.nodes)
        keys = [node.furnish(public_key, f"127.0.0.1 localhost\n{names}") for node in self.nodes]
        (self._state / "known_hosts").write_text("".join(keys))
        for node in self.nodes:
            node.boot()
        deadline = time.monotonic() + BOOT_S
        for node in self.nodes:
            node.wait_ready(deadline)

    def carry_out(self, line: str) -> str:
        """Carry out a command such as ``cut 2``; return ``done``."""
        verb, _, number = line.strip().partition(" ")
        node = self.nodes[int(number) - 1]
        if verb == "cut":
            node.cut()
        elif verb == "boot":
            node.boot()
            node.wait_ready(time.monotonic() + BOOT_S)
        else:
            raise BedError(f"{verb!r} is not a command")
        return "done"

    def down(self) -> None:
        """Take everything away."""
        for node in self.nodes:
            node.cut()
        run("bash", "-c", f"cd / && umount {self._state}/*/root /run/systemd/nspawn /run/netns || :")
        shutil.rmtree(self._state, ignore_errors=True)
        _sweep()


def find_leftovers(state: Path) -> list[str]:
    """Return what is still there of a bed: its processes and its operator's, mounts, control groups and files."""
    found = _find_operators(state)
    found += [f"process {pid} in {group}" for top in _hierarchies() for pid, group in _list_processes(top / GROUP)]
    found += [f"control group {top / GROUP}" for top in _hierarchies() if (top / GROUP).exists()]
    found += [f"mount {line.split()[1]}" for line in Path("/proc/mounts").read_text().splitlines()
              if line.startswith("bramble-bed ")]  # fmt: skip
    return found + ([f"directory {state}"] if state.exists() else [])


def _find_operators(state: Path) -> list[str]:
    """Return what was started to work on the bed: ansible, and the connections that ssh keeps."""
    wanted = f"BRAMBLE_BED={state}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.append(f"process {process.name} of the operator: {words}")
    return found


def _sweep() -> None:
    """Kill and remove what a bed left in the control groups."""
    for hierarchy in _hierarchies():
        top = hierarchy / GROUP
        if top.exists():
            _empty(top, time.monotonic() + STOP_S)
            for directory in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
                directory.rmdir()
            top.rmdir()


def _take(lock: IO[str], deadline: float) -> bool:
    """Take the machine for this bed; one whose user has just gone is given the time that it takes to go."""
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > deadline:
            return False
        select.select([], [], [], 0.05)


def main() -> None:
    """Make a bed and serve it until standard input ends, SIGTERM comes, or time is up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--state", type=Path, default=Path("/var/tmp/bramble-bed"))
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--limit-s", type=float, default=3600.0, help="the bed ends after this long in any case")
    found = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    deadline = time.monotonic() + found.limit_s
    base = KINDS["amd64"].path
    if not base.exists():
        sys.exit(f"{base} is not there; while there is a network: python -m tests.hosts.base amd64")
    lock = (CACHE / "bed.lock").open("w")
    if not _take(lock, time.monotonic() + STOP_S):
        sys.exit("another bed runs on this machine; its addresses and control groups are taken")
    bed = Bed(found.state, base, found.nodes)
    try:
        bed.up()
        print(json.dumps({"ready": {node.name: node.address for node in bed.nodes}}), flush=True)  # noqa: T201
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([sys.stdin], [], [], left)
            line = sys.stdin.readline() if readable else ""
            if not line:
                break
            print(bed.carry_out(line), flush=True)  # noqa: T201 - the answer to whoever holds the bed
    except BedError as error:
        sys.exit(str(error))
    finally:
        bed.down()


if __name__ == "__main__":
    main()
