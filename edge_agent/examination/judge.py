"""From a node's readings to findings. Pure: every threshold stands here, with its reason."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.examination.readings import NodeReadings, UsbAccelerator
from wire.findings import Finding, Severity

HOT_C = 80.0
"""From here a Raspberry Pi slows itself down: https://www.raspberrypi.com/documentation/computers/config_txt.html"""
LOAD_PER_CPU = 2.0
MEMORY_WARN, MEMORY_BROKEN = 0.10, 0.04
FREE_WARN, FREE_BROKEN = 512 << 20, 64 << 20
FSYNC_WARN_S = 0.2
"""An agent writes only models; a card this slow is about to fail rather than in the way."""
SUPER_SPEED_MBPS = 5000
UNINITIALISED = "1a6e:089a"
"""A Coral before its firmware is loaded: always on a slow link, so its speed says nothing."""
READABLE_BY_OTHERS = 0o044

Verdicts = Iterator[tuple[str, Severity, str, str]]


def judge(node: str, readings: NodeReadings) -> tuple[Finding, ...]:
    """Return what was looked at, the worst first."""
    found = [
        Finding(about=f"node {node}", check=check, severity=severity, text=text, remedy=remedy)
        for judgement in (_power, _heat, _load, _memory, _runtimes, _accelerators, _disk, _secrets)
        for check, severity, text, remedy in judgement(readings)
    ]
    order = (Severity.BROKEN, Severity.WARNING, Severity.WELL)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _power(readings: NodeReadings) -> Verdicts:
    for word in readings.throttling:
        yield "throttling", Severity.WARNING, f"the board says {word}, now", _REMEDIES.get(word, _COOL)
    for word in readings.throttled_before:
        if word not in readings.throttling:
            text = f"the board has said {word} since it was switched on, not now"
            yield "throttling", Severity.WARNING, text, f"{_REMEDIES.get(word, _COOL)}; a restart clears the record"
    if not readings.throttling and not readings.throttled_before:
        yield "throttling", Severity.WELL, "the board does not slow itself down", ""


def _heat(readings: NodeReadings) -> Verdicts:
    heat = readings.temperature_c
    if heat is None:
        yield "temperature", Severity.WELL, "the board has no thermometer", ""
    else:
        hot = heat >= HOT_C
        yield "temperature", Severity.WARNING if hot else Severity.WELL, f"{heat:.0f} °C", _COOL if hot else ""


def _load(readings: NodeReadings) -> Verdicts:
    over = readings.load > LOAD_PER_CPU * readings.cpus
    remedy = "see `top` on the node for what else runs there; --threads limits the agent" if over else ""
    text = f"load {readings.load:.1f} on {readings.cpus} cores"
    yield "load", Severity.WARNING if over else Severity.WELL, text, remedy


def _memory(readings: NodeReadings) -> Verdicts:
    share = readings.memory_available / max(1, readings.memory)
    severity = _grade(share, MEMORY_WARN, MEMORY_BROKEN)
    text = f"{readings.memory_available >> 20} of {readings.memory >> 20} MiB of memory are available"
    remedy = "serve fewer or smaller models here, or run less beside the agent"
    yield "memory", severity, text, remedy if severity is not Severity.WELL else ""


def _runtimes(readings: NodeReadings) -> Verdicts:
    if readings.runtimes and not any(reading.runtime and not reading.problem for reading in readings.runtimes):
        yield "runtime", Severity.BROKEN, "no inference runtime works here", "pip install 'bramble-edge[agent]'"
    for reading in readings.runtimes:
        name = f"{reading.backend}: {reading.runtime}" if reading.runtime else reading.backend
        if not reading.problem:
            yield "runtime", Severity.WELL, f"{name} loads", ""
        elif reading.runtime or reading.device:
            severity = Severity.BROKEN if reading.device else Severity.WARNING
            yield "runtime", severity, f"{name}: {reading.problem}", reading.remedy
        else:
            yield "runtime", Severity.WELL, f"{name} is not installed, and nothing here needs it", ""


def _accelerators(readings: NodeReadings) -> Verdicts:
    for device in readings.accelerators:
        yield from _accelerator(device)


def _accelerator(device: UsbAccelerator) -> Verdicts:
    name = f"the Edge TPU {device.ids} on USB port {device.port}"
    if not device.accessible:
        remedy = "add udev rules for both ids, 1a6e:089a and 18d1:9302 (the role `accelerator` does)"
        yield "accelerator", Severity.BROKEN, f"{name} may not be opened by this user", remedy
    elif device.ids != UNINITIALISED and device.speed_mbps < SUPER_SPEED_MBPS:
        remedy = "use a blue USB 3 port and a USB 3 cable: over USB 2 every frame takes milliseconds longer"
        yield "accelerator", Severity.WARNING, f"{name} is on a link of {device.speed_mbps} Mbit/s", remedy
    else:
        yield "accelerator", Severity.WELL, f"{name} is there, {device.speed_mbps} Mbit/s", ""


def _disk(readings: NodeReadings) -> Verdicts:
    if readings.cache_problem:
        remedy = "give the agent a directory of its own with --cache"
        yield "disk", Severity.BROKEN, f"{readings.cache} cannot be written: {readings.cache_problem}", remedy
        return
    free = readings.cache_free
    severity = Severity.BROKEN if free < FREE_BROKEN else Severity.WARNING if free < FREE_WARN else Severity.WELL
    text = f"{free >> 20} MiB are free for models, whose cache may take {readings.cache_limit >> 20} MiB"
    remedy = "make room (apt-get clean; journalctl --vacuum-size=50M), or lower --cache-mib"
    yield "disk", severity, text, remedy if severity is not Severity.WELL else ""
    if readings.fsync_p99_s is not None:
        slow = readings.fsync_p99_s > FSYNC_WARN_S
        text = f"making a small write durable takes {readings.fsync_p99_s * 1e3:.0f} ms (99th percentile)"
        remedy = "back up and change the SD card: cards become slow before they fail" if slow else ""
        yield "fsync", Severity.WARNING if slow else Severity.WELL, text, remedy


def _secrets(readings: NodeReadings) -> Verdicts:
    if readings.context and readings.context_mode & READABLE_BY_OTHERS:
        text = f"others on this node can read {readings.context} (mode {readings.context_mode:04o})"
        yield "secrets", Severity.WARNING, text, f"chmod 600 {readings.context}"


def _grade(share: float, warn: float, broken: float) -> Severity:
    return Severity.BROKEN if share < broken else Severity.WARNING if share < warn else Severity.WELL


_COOL = "give it a heat sink and a fan, and air to breathe"
_SUPPLY = "use the board's own power supply and a short cable; what hangs on its USB ports draws from it too"
_REMEDIES = {"under-voltage": _SUPPLY, "frequency-capped": _SUPPLY}
