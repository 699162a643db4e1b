"""What can be read of a node, as one frozen value. Sizes are bytes, times seconds unless a name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuntimeReading:
    """A backend's runtime, loaded for a try in a child process."""

    backend: str
    runtime: str  # such as "ai-edge-litert 2.3.0"; empty: none is installed
    problem: str = ""
    remedy: str = ""
    device: bool = False  # it is there for a device that is plugged in, so a problem is one


@dataclass(frozen=True, slots=True)
class UsbAccelerator:
    """An Edge TPU on USB, as sysfs shows it."""

    port: str  # such as 2-1
    ids: str  # vendor:product
    speed_mbps: int  # of the link
    accessible: bool  # this user may open it


@dataclass(frozen=True, slots=True)
class NodeReadings:
    """One node at one moment, as its agent sees it."""

    machine: str
    python: tuple[int, int]
    cpus: int
    load: float
    memory: int
    memory_available: int
    temperature_c: float | None
    throttling: tuple[str, ...]  # now
    throttled_before: tuple[str, ...]  # since boot
    runtimes: tuple[RuntimeReading, ...]
    accelerators: tuple[UsbAccelerator, ...]
    cache: str  # path
    cache_problem: str  # why nothing can be written there; empty: it can
    cache_free: int
    cache_limit: int  # how large the agent may let it grow
    fsync_p99_s: float | None  # of a small write in the cache; None: not measured
    context: str  # path of the context file; empty: none is used
    context_mode: int  # its permission bits
