"""Takes a node's readings: files, a child process for each runtime, some durable writes. A few seconds, bounded."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from edge_agent.backends.edgetpu import USB_IDS, EdgeTpuBackend, has_device
from edge_agent.child import command
from edge_agent.examination.readings import NodeReadings, RuntimeReading, UsbAccelerator
from edge_agent.examination.runtime_probe import Tried
from edge_agent.settings import AUTO
from edge_agent.trial import describe_exit
from edge_agent.vitals import parse_throttled, read_firmware_word, read_vitals

BACKENDS = ("litert", "edgetpu", "onnx")
PROBE_S = 20.0
FSYNCS = 40
_SERVING = "serving now"
FSYNC_BUDGET_S = 2.0


def take_readings(
    *,
    cache: Path,
    cache_limit: int,
    context: Path | None,
    backends: Sequence[str] = (AUTO,),
    busy: Collection[str] = (),
    root: Path = Path("/"),
) -> NodeReadings:
    """Read everything.

    Args:
        cache: where the agent keeps artefacts.
        cache_limit: its size at most, bytes.
        context: the context file, if one is used.
        backends: those that the agent was told to use; a simulation has no runtime to try.
        busy: those that serve now. They need no try, and a device takes one process at a time.
        root: where /proc and /sys are mounted.

    """
    vitals = read_vitals(root)
    word = read_firmware_word(root)
    problem, free, fsync = _try_directory(cache)
    return NodeReadings(
        machine=vitals.machine,
        python=sys.version_info[:2],
        cpus=vitals.cpus,
        load=vitals.load,
        memory=vitals.memory,
        memory_available=vitals.memory_available,
        temperature_c=vitals.temperature_c,
        throttling=_name_bits(word),
        throttled_before=_name_bits(word, since_boot=True),
        runtimes=tuple(
            RuntimeReading(name, _SERVING) if name in busy else _try_runtime(name, root)
            for name in BACKENDS
            if tuple(backends) == (AUTO,) or name in backends
        ),
        accelerators=read_accelerators(root),
        cache=str(cache),
        cache_problem=problem,
        cache_free=free,
        cache_limit=cache_limit,
        fsync_p99_s=fsync,
        context=str(context) if context else "",
        context_mode=_mode(context),
    )


def read_accelerators(root: Path) -> tuple[UsbAccelerator, ...]:
    """Return the Edge TPUs on USB, from sysfs."""
    found = []
    for device in sorted(root.glob("sys/bus/usb/devices/*")):
        try:
            vendor, product, speed, bus, number = (
                (device / name).read_text("ascii").strip()
                for name in ("idVendor", "idProduct", "speed", "busnum", "devnum")
            )
            if (vendor, product) in USB_IDS:
                node = root / f"dev/bus/usb/{int(bus):03}/{int(number):03}"
                accessible = os.access(node, os.R_OK | os.W_OK)
                found.append(UsbAccelerator(device.name, f"{vendor}:{product}", math.floor(float(speed)), accessible))
        except (OSError, ValueError):  # an interface, a hub, or unplugged just now
            continue
    return tuple(found)


def percentile99(values: Sequence[float]) -> float | None:
    """Return the nearest-rank 99th percentile; None for no values."""
    return sorted(values)[math.ceil(len(values) * 0.99) - 1] if values else None


def _name_bits(word: str, *, since_boot: bool = False) -> tuple[str, ...]:
    try:
        return parse_throttled(word, since_boot=since_boot) if word else ()
    except ValueError:
        return ()


def _try_runtime(name: str, root: Path) -> RuntimeReading:
    device = name == EdgeTpuBackend.name and has_device(root)
    try:
        done = subprocess.run(
            command("edge_agent.examination.runtime_probe", name),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_S, check=False, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return RuntimeReading(name, name, f"it did not load within {PROBE_S:g} s", "restart the node", device)
    if done.returncode != 0:
        remedy = "install a driver and a runtime built for the same version"
        return RuntimeReading(name, name, describe_exit(done.returncode).removesuffix(" on this model"), remedy, device)
    tried = msgspec.json.decode(done.stdout, type=Tried)
    return RuntimeReading(name, tried.runtime, tried.problem, tried.remedy, device)


def _try_directory(path: Path) -> tuple[str, int, float | None]:
    """Return why it cannot be written (or nothing), its free bytes, and the time of a durable write in seconds."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return "", shutil.disk_usage(path).free, percentile99(_time_fsyncs(path))
    except OSError as error:
        return error.strerror or repr(error), 0, None


def _time_fsyncs(directory: Path) -> list[float]:
    taken: list[float] = []
    with tempfile.NamedTemporaryFile(dir=directory, prefix=".examination-") as file:
        end = time.monotonic() + FSYNC_BUDGET_S
        while len(taken) < FSYNCS and time.monotonic() < end:
            started = time.monotonic()
            file.write(b"\0" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            taken.append(time.monotonic() - started)
    return taken


def _mode(path: Path | None) -> int:
    try:
        return path.stat().st_mode & 0o777 if path else 0
    except OSError:  # nobody can read what is not there
        return 0
