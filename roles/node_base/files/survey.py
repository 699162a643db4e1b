# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Measures a host, and says of each finding what to do about it.

    python3 survey.py '{"now": 1763700000.0, "installed": "/etc/bramble", "limits": {…}}'

prints ``{"readings": …, "findings": [{"level", "subject", "message", "remedy", "text"}]}``. ``judge`` decides on plain
values; all that touches the host stands below it. Standard library only, Python 3.9 or newer: it runs before anything
is installed, also where it will refuse.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

MACHINES = ("aarch64", "x86_64")
MIN_PYTHON, MAX_PYTHON = (3, 11), (3, 14)
USERLAND_BITS = 64
FSYNCS = 100
FSYNC_BUDGET_S = 5.0
_THROTTLED = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "at its temperature limit",
              16: "under-voltage since boot", 18: "throttled since boot"}  # fmt: skip
_LISTEN = "0A"
_PI_KERNEL_LINE = Path("/boot/firmware/cmdline.txt")
_KUBERNETES = ("/etc/rancher/k3s", "/etc/rancher/rke2", "/var/lib/rancher/k3s", "/var/lib/rancher/rke2")


def judge(readings: Mapping[str, Any], limits: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what stands in the way (``refuse``) and what the operator should know (``warn``), with remedies."""
    return [
        {
            "level": level,
            "subject": subject,
            "message": message,
            "remedy": remedy,
            "text": f"{subject}: {message}. Remedy: {remedy}",
        }
        for subject, judgement in _JUDGEMENTS
        for level, message, remedy in judgement(readings, limits)
    ]


Readings = Mapping[str, Any]
Verdicts = Iterator[tuple[str, str, str]]


def _judge_architecture(readings: Readings, _: Readings) -> Verdicts:
    machine, bits = readings["machine"], readings["userland_bits"]
    if machine not in MACHINES or bits != USERLAND_BITS:
        remedy = "install the 64-bit Raspberry Pi OS or Debian: the inference runtime has no wheel for 32-bit ARM"
        yield "refuse", f"{machine} with a {bits}-bit userland", remedy


def _judge_python(readings: Readings, _: Readings) -> Verdicts:
    python = tuple(readings["python"])
    if not MIN_PYTHON <= python <= MAX_PYTHON:
        remedy = "Debian 12 (bookworm) brings 3.11; where another is elsewhere, set ansible_python_interpreter"
        yield "refuse", f"Python {python[0]}.{python[1]}", remedy
    if not readings["venv"]:
        yield "refuse", "the venv module is missing", "sudo apt-get install python3-venv"


def _judge_systemd(readings: Readings, _: Readings) -> Verdicts:
    if not readings["systemd"]:
        yield "refuse", "systemd is not PID 1", "Bramble runs as systemd units: use a host that boots with it"


def _judge_clock(readings: Readings, limits: Readings) -> Verdicts:
    skew = readings["clock_skew_s"]
    if abs(skew) > limits["clock_skew_s"]:
        remedy = "sudo timedatectl set-ntp true; without internet name the site's server in node_base_ntp_servers"
        yield "refuse", f"{skew:+.1f} s against the control host", remedy


def _judge_memory(readings: Readings, limits: Readings) -> Verdicts:
    memory, least = readings["memory_mib"], limits["memory_mib"]
    if memory < least:
        yield "refuse", f"{memory} MiB, {least} MiB are needed", "use a board with more memory"


def _judge_disk(readings: Readings, limits: Readings) -> Verdicts:
    for path, free in sorted(readings["free_mib"].items()):
        if free < limits["disk_mib"]:
            remedy = f"make room (apt-get clean; journalctl --vacuum-size=50M), or mount a disk at {path}"
            yield "refuse", f"{free} MiB free for {path}, {limits['disk_mib']} MiB are needed", remedy


def _judge_ports(readings: Readings, _: Readings) -> Verdicts:
    for port, holder in sorted(readings["ports_taken"].items(), key=lambda item: int(item[0])):
        remedy = "stop that service, or choose another port for Bramble's"
        yield "refuse", f"TCP port {port} is taken by {holder}", remedy


def _judge_fsync(readings: Readings, limits: Readings) -> Verdicts:
    p99 = readings["fsync_p99_ms"]
    if p99 is not None and p99 > limits["fsync_warn_ms"]:
        level = "refuse" if p99 > limits["fsync_refuse_ms"] else "warn"
        remedy = "put the store on a USB SSD (nats_server_store_dir), or the server on another host"
        yield level, f"making a write durable takes {p99:.0f} ms (99th percentile)", remedy


def _judge_power(readings: Readings, _: Readings) -> Verdicts:
    for word in readings["throttled"]:
        yield "warn", word, "use the board's own power supply and a cooler; both cost inference speed"


_JUDGEMENTS: tuple[tuple[str, Callable[[Readings, Readings], Verdicts]], ...] = (
    ("architecture", _judge_architecture),
    ("python", _judge_python),
    ("systemd", _judge_systemd),
    ("clock", _judge_clock),
    ("memory", _judge_memory),
    ("disk", _judge_disk),
    ("port", _judge_ports),
    ("fsync", _judge_fsync),
    ("power", _judge_power),
)


def read_throttled(mask: int) -> list[str]:
    """Return the words for the firmware's bit mask (``vcgencmd get_throttled``)."""
    return [word for bit, word in _THROTTLED.items() if mask >> bit & 1]


def find_listeners(tables: Sequence[str], ports: Sequence[int]) -> dict[int, str]:
    """Return socket inode by port, for each of the ports that something listens on, out of /proc/net/tcp and tcp6."""
    found = {}
    for table in tables:
        for line in table.splitlines()[1:]:
            words = line.split()
            port = int(words[1].rpartition(":")[2], 16)
            if words[3] == _LISTEN and port in ports:
                found[port] = words[9]
    return found


def survey(request: Mapping[str, Any]) -> dict[str, Any]:
    """Take every reading."""
    limits = request["limits"]
    skew = time.time() - request["now"]
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    places = {str(_existing(Path(place))) for place in ("/opt", "/var/lib", limits["store_dir"] or "/var/lib")}
    return {
        "machine": platform.machine(),
        "userland_bits": 64 if sys.maxsize > 1 << 32 else 32,
        "python": list(sys.version_info[:2]),
        "venv": _has_venv(),
        "systemd": Path("/run/systemd/system").is_dir(),
        "clock_skew_s": skew,
        "memory_mib": pages * size >> 20,
        "free_mib": {place: shutil.disk_usage(place).free >> 20 for place in places},
        "ports_taken": _find_strangers(limits["ports"]),
        "fsync_p99_ms": _time_fsync(_existing(Path(limits["store_dir"]))) if limits["store_dir"] else None,
        "throttled": read_throttled(_ask_firmware()),
        "kubernetes": any(Path(place).exists() for place in _KUBERNETES),
        "installed": Path(request["installed"]).exists(),
        "pi_kernel_line": _PI_KERNEL_LINE.exists(),
    }


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _has_venv() -> bool:
    try:
        import venv  # noqa: F401, PLC0415 - Debian can leave it out
    except ImportError:
        return False
    return True


def _find_strangers(ports: Sequence[int]) -> dict[str, str]:
    """Return who holds a port that is not Bramble's own unit."""
    tables = [path.read_text() for name in ("tcp", "tcp6") if (path := Path("/proc/net") / name).exists()]
    listeners = find_listeners(tables, ports)
    strangers = {}
    for port, inode in listeners.items():
        pid = _find_holder(inode)
        unit = Path(f"/proc/{pid}/cgroup").read_text().strip().rpartition("/")[2] if pid else ""
        if not unit.startswith("bramble-"):
            strangers[str(port)] = unit or f"process {pid or 'unknown'}"
    return strangers


def _find_holder(inode: str) -> str | None:
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                return link.parts[2]
        except OSError:  # the process has ended meanwhile
            continue
    return None


def _time_fsync(directory: Path) -> float:
    """Return the 99th percentile of a small write made durable, in ms; takes 5 s at most."""
    taken: list[float] = []
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".bramble-fsync-") as file:
        end = time.monotonic() + FSYNC_BUDGET_S
        while len(taken) < FSYNCS and time.monotonic() < end:
            started = time.monotonic()
            file.write(b"\0" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            taken.append(time.monotonic() - started)
    return sorted(taken)[len(taken) * 99 // 100 - (len(taken) == 1)] * 1000


def _ask_firmware() -> int:
    """Return the Raspberry Pi firmware's throttling mask; 0 on other boards."""
    command = shutil.which("vcgencmd")
    if command is None:
        return 0
    done = subprocess.run([command, "get_throttled"], capture_output=True, text=True, timeout=5, check=False)
    found = re.fullmatch(r"throttled=0x([0-9a-fA-F]{1,8})\s*", done.stdout)
    return int(found[1], 16) if found else 0


def main() -> None:
    """Survey and judge."""
    request = json.loads(sys.argv[1])
    readings = survey(request)
    print(json.dumps({"readings": readings, "findings": judge(readings, request["limits"])}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
