"""Results as a file: what was measured, on what, and of which version."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import msgspec


def describe_machine() -> dict[str, Any]:
    """Return what a reader must know of the machine and of the code."""
    return {
        "processor": _read_processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
        "commit": _read_commit(),
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def write_record(path: Path, name: str, summary: Any, measured: Any) -> None:
    """Write one benchmark's results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"benchmark": name, "machine": describe_machine(), "summary": summary, "measured": measured}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def _read_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def _read_commit() -> str:
    found = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
