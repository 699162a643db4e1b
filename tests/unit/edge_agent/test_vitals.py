"""Health, read from recorded texts and from a recorded tree."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.vitals import (
    THROTTLED_FILE,
    choose_temperature,
    parse_load,
    parse_meminfo,
    parse_statm,
    parse_throttled,
    read_throttling,
    read_vitals,
)

MEMINFO = """\
MemTotal:        3884236 kB
MemFree:          169432 kB
MemAvailable:    3169660 kB
Buffers:           60356 kB
HugePages_Total:       0
"""


def test_the_load_is_that_of_the_last_minute() -> None:
    assert parse_load("0.35 0.22 0.18 2/187 12345\n") == 0.35


def test_memory_is_in_bytes() -> None:
    assert parse_meminfo(MEMINFO) == (3884236 << 10, 3169660 << 10)


def test_resident_memory_is_counted_in_pages() -> None:
    assert parse_statm("35712 10240 5120 1 0 17408 0\n", 4096) == 10240 * 4096


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0\n", ()),
        ("throttled=0x0\n", ()),
        ("throttled=0x50005\n", ("under-voltage", "throttled")),
        ("50000\n", ()),
        ("e000e\n", ("frequency-capped", "throttled", "soft-temperature-limit")),
    ],
)
def test_throttling_names_what_holds_now_and_not_what_once_did(text: str, names: tuple[str, ...]) -> None:
    assert parse_throttled(text) == names


@given(st.text(max_size=30))
def test_any_answer_of_the_firmware_is_names_or_a_value_error(text: str) -> None:
    try:
        assert set(parse_throttled(text)) <= {
            "under-voltage",
            "frequency-capped",
            "throttled",
            "soft-temperature-limit",
        }
    except ValueError:
        return


@pytest.mark.parametrize(
    ("zones", "celsius"),
    [
        ([], None),
        ([("cpu-thermal\n", "48312\n")], 48.312),
        ([("nvme\n", "71000\n"), ("cpu-thermal\n", "48312\n")], 48.312),
        ([("pch_skylake\n", "51000\n"), ("iwlwifi_1\n", "44000\n")], 51.0),
        ([("cpu-thermal\n", "")], None),
        ([("cpu-thermal\n", "-274000\n"), ("gpu\n", "40000\n")], 40.0),
    ],
)
def test_the_temperature_is_the_processors_or_else_the_hottest(
    zones: list[tuple[str, str]], celsius: float | None
) -> None:
    assert choose_temperature(zones) == celsius


def test_a_raspberry_pis_files_give_its_vitals(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": MEMINFO,
        "proc/loadavg": "1.50 0.22 0.18 2/187 12345\n",
        "proc/self/statm": "35712 10240 5120 1 0 17408 0\n",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "60123\n",
        THROTTLED_FILE: "50005\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    vitals = read_vitals(tmp_path)
    assert (vitals.load, vitals.memory_available, vitals.temperature_c) == (1.5, 3169660 << 10, 60.123)
    assert vitals.rss == 10240 * os.sysconf("SC_PAGE_SIZE")
    assert read_throttling(tmp_path) == ("under-voltage", "throttled")


def test_this_machine_has_vitals() -> None:
    vitals = read_vitals()
    assert 0 < vitals.memory_available <= vitals.memory
    assert 0 < vitals.rss < vitals.memory
    assert vitals.cpus >= 1


@pytest.mark.parametrize(("script", "names"), [("echo throttled=0x1", ("under-voltage",)), ("exit 1", ())])
def test_vcgencmd_is_asked_where_the_kernel_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, names: tuple[str, ...]
) -> None:
    command = tmp_path / "vcgencmd"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert read_throttling(tmp_path) == names
