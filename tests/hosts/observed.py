"""What can be seen of the nodes and their cluster: files, users, units, ports, commands, secrets, the record."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.hosts.conftest import NODES, Bed

# Files, users, units and ports: all that a host has to show for itself. Logs, caches of systemd's own and the backups
# that useradd leaves of passwd and its kin come and go by themselves.
SNAPSHOT = r"""sh -c '
find /etc /opt /srv /usr/local /var/lib /var/cache /var/log /home -xdev \
  -not -path "/var/lib/systemd/*" -not -path "/etc/*-" -not -path "/home/pi/*" -not -path "/var/cache/ldconfig*" \
  -not -path "/etc/ssh/*" -not -path "/var/lib/private" -not -path "/var/log/journal*" -printf "%p %y %m %u %g\n" | sort
getent passwd; getent group
systemctl list-unit-files --no-legend --no-pager | grep -v transient | sort
ss -Hltn | awk "{print \$4}" | sort'"""
# Prints when the last connection of an address to the server was gone, once there was one.
CONNECTIONS = r"""python3 -c '
import subprocess, time
def connected():
    return subprocess.run(["ss", "-Htn", "state", "established", "sport = :4222 and dst = {address}"],
                          capture_output=True, check=True).stdout
assert connected()
print("there", flush=True)
while connected():
    time.sleep(0.02)
print(time.time(), flush=True)'"""


def take_snapshot(bed: Bed) -> dict[str, set[str]]:
    return {node: set(bed.ssh(node, SNAPSHOT).splitlines()) for node in bed.nodes}


def find_differences(bed: Bed, before: dict[str, set[str]]) -> dict[str, list[str]]:
    """Return by node what has come (+) and gone (-) since."""
    after = take_snapshot(bed)
    return {
        node: [f"+ {line}" for line in sorted(after[node] - before[node])]
        + [f"- {line}" for line in sorted(before[node] - after[node])]
        for node in bed.nodes
    }


@contextlib.contextmanager
def watch_commands(seen: set[str]) -> Iterator[None]:
    """Collect the arguments of every process; the nodes' are seen from here, too.

    What is new is read at once, and everything now and then: a process may become another program.
    """
    done = threading.Event()

    def watch() -> None:
        for turn in itertools.count():
            if done.wait(0.02):
                return
            processes = {each.name for each in Path("/proc").iterdir() if each.name.isdecimal()}
            for process in processes if turn % 25 == 0 else processes - known:
                with contextlib.suppress(OSError):  # it has ended
                    words = Path("/proc", process, "cmdline").read_bytes()
                    seen.add(words.replace(b"\0", b" ").decode(errors="replace"))
            known.clear()
            known.update(processes)

    known: set[str] = set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def collect_secrets(bed: Bed) -> set[str]:
    """Return every private key and password of the cluster, from wherever they are."""
    found = set()
    for node in NODES:
        listed = bed.ssh(node, "sh -c 'cat /etc/bramble/*.nk; cat /etc/bramble/route-password 2>/dev/null || :'")
        found |= set(listed.split())
        found |= _list_private(bed.ssh(node, "sh -c 'cat /etc/bramble/server.pem 2>/dev/null || :'"))
    found |= {path.read_text().strip() for path in bed.access.glob("*.nk")}
    found |= _list_private((bed.access / "ca-key.pem").read_text())
    for credentials in bed.state.glob("config/nats/context/*.creds"):
        found |= {line for line in credentials.read_text().splitlines() if line.startswith("SU")}
    return found


def _list_private(pem: str) -> set[str]:
    """Return the lines that hold the private half of a key; those that follow hold the public one."""
    return set(pem.partition("PRIVATE KEY-----")[2].split()[:2])


def find_live(bed: Bed) -> set[str]:
    done = bed.bramble("status", "--context", "bed", "--json")
    nodes = json.loads(done.stdout)["nodes"] if done.returncode == 0 else []
    return {node["node"] for node in nodes if node["liveness"] == "live"}


def list_users(bed: Bed) -> list[dict[str, Any]]:
    """Return everybody who was let in, and when they were shut out."""
    done = bed.bramble("access", "list", "--access", str(bed.access), "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_record(bed: Bed, action: str) -> list[dict[str, Any]]:
    """Return the deeds of one kind, oldest first; none while the servers look for a leader."""
    done = bed.bramble("audit", "--context", "bed", "--access", str(bed.access), "--json")
    if "JetStream is not available now" in done.stderr:
        return []
    assert done.returncode == 0, done.stderr
    deeds = [json.loads(line)["entry"]["deed"] for line in done.stdout.splitlines()]
    return [deed for deed in deeds if deed["action"] == action]
