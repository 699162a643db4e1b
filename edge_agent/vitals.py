"""A node's health, from /proc and /sys: parsers are pure functions on texts, the reading of files is at the end."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

THROTTLED_FILE = "sys/devices/platform/soc/soc:firmware/get_throttled"
_VCGENCMD_S = 2.0
_HOST_LENGTH = 13  # of the boot id: enough to tell machines apart

# What the Raspberry Pi's firmware says about now; bits 16 to 19 say the same about the time since boot.
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_THROTTLING = {0: "under-voltage", 1: "frequency-capped", 2: "throttled", 3: "soft-temperature-limit"}
_SINCE_BOOT = 16
# Thermal zones that stand for the processor, best first: Raspberry Pi, other ARM boards, PCs.
_PROCESSOR_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", "x86_pkg_temp", "acpitz")
_PLAUSIBLE_C = (-40.0, 150.0)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the machine says of itself. Sizes are bytes."""

    machine: str
    cpus: int
    load: float
    memory: int
    memory_available: int
    rss: int  # of this process
    temperature_c: float | None
    host: str = ""  # the same for all agents on one machine, containers included, until it is booted again


def parse_load(text: str) -> float:
    """Return the one-minute load average from /proc/loadavg."""
    return float(text.split(maxsplit=1)[0])


def parse_meminfo(text: str) -> tuple[int, int]:
    """Return total and available bytes from /proc/meminfo."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            found[name] = int(rest.split()[0]) << 10
    return found["MemTotal"], found["MemAvailable"]


def parse_statm(text: str, page: int) -> int:
    """Return the resident bytes from /proc/self/statm."""
    return int(text.split()[1]) * page


def parse_throttled(text: str, *, since_boot: bool = False) -> tuple[str, ...]:
    """Name what holds the board back now, from ``50005`` (the firmware's file) or ``throttled=0x50005`` (vcgencmd).

    With ``since_boot``, name what has held it back at any time since it was switched on.

    Raises:
        ValueError: the text is neither.

    """
    bits = int(text.strip().rpartition("=")[2], 16) >> (_SINCE_BOOT if since_boot else 0)
    return tuple(name for bit, name in _THROTTLING.items() if bits & 1 << bit)


def choose_temperature(zones: Iterable[tuple[str, str]]) -> float | None:
    """Return the processor's temperature, or the hottest zone's where none is the processor's.

    Args:
        zones: type and millidegrees of each thermal zone, as its two files say; what is not a number is skipped.

    """
    found: dict[str, float] = {}
    for kind, text in zones:
        try:
            celsius = int(text) / 1000
        except ValueError:
            continue
        if _PLAUSIBLE_C[0] <= celsius <= _PLAUSIBLE_C[1]:
            found[kind.strip()] = max(celsius, found.get(kind.strip(), celsius))
    for kind in _PROCESSOR_ZONES:
        if kind in found:
            return found[kind]
    return max(found.values(), default=None)


def read_vitals(root: Path = Path("/")) -> Vitals:
    """Read all but the throttling. ``root`` is where /proc and /sys are mounted."""
    memory, available = parse_meminfo(_read(root / "proc/meminfo"))
    return Vitals(
        machine=platform.machine(),
        cpus=len(os.sched_getaffinity(0)),
        load=parse_load(_read(root / "proc/loadavg")),
        memory=memory,
        memory_available=available,
        rss=parse_statm(_read(root / "proc/self/statm"), os.sysconf("SC_PAGE_SIZE")),
        temperature_c=choose_temperature(_read_zones(root / "sys/class/thermal")),
        host=_read_host(root),
    )


def read_firmware_word(root: Path = Path("/")) -> str:
    """Ask the board's firmware for its throttling bits; empty where there is none. May take up to 2 s."""
    try:
        return _read(root / THROTTLED_FILE)
    except OSError:  # no Raspberry Pi, or a kernel without the file
        return _ask_firmware()


def read_throttling(root: Path = Path("/")) -> tuple[str, ...]:
    """Ask the board's firmware what holds it back now; may start a process and take up to 2 s."""
    text = read_firmware_word(root)
    try:
        return parse_throttled(text) if text else ()
    except ValueError:
        return ()


def _read_host(root: Path) -> str:
    try:
        return _read(root / "proc/sys/kernel/random/boot_id").strip()[:_HOST_LENGTH]
    except OSError:  # a container without it
        return ""


def _read(path: Path) -> str:
    return path.read_text("ascii", errors="replace")


def _read_zones(directory: Path) -> list[tuple[str, str]]:
    zones = []
    for zone in sorted(directory.glob("thermal_zone*")):
        try:
            zones.append((_read(zone / "type"), _read(zone / "temp")))
        except OSError:  # a sensor that is asleep answers with an error; the others still count
            continue
    return zones


def _ask_firmware() -> str:
    """Return what vcgencmd says; nothing where there is none or the user may not ask."""
    command = shutil.which("vcgencmd")
    if command is None:
        return ""
    try:
        done = subprocess.run(
            [command, "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
