"""A node's examination: every judgement on readings, and the readings from recorded trees."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.examination.judge import judge
from edge_agent.examination.page import run_doctor
from edge_agent.examination.readings import NodeReadings, RuntimeReading, UsbAccelerator
from edge_agent.examination.take import percentile99, read_accelerators, take_readings
from edge_agent.vitals import parse_throttled
from wire.findings import Examination, Finding, Health, Severity, judge_health

WELL = NodeReadings(
    machine="aarch64",
    python=(3, 11),
    cpus=4,
    load=1.0,
    memory=4 << 30,
    memory_available=3 << 30,
    temperature_c=50.0,
    throttling=(),
    throttled_before=(),
    runtimes=(RuntimeReading("litert", "ai-edge-litert 2.3.0"), RuntimeReading("onnx", "", "not installed", "pip")),
    accelerators=(UsbAccelerator("2-1", "18d1:9302", 5000, accessible=True),),
    cache="/var/cache/bramble-agent",
    cache_problem="",
    cache_free=8 << 30,
    cache_limit=2 << 30,
    fsync_p99_s=0.01,
    context="/run/credentials/context.json",
    context_mode=0o400,
)
CORAL = WELL.accelerators[0]


def find(readings: NodeReadings, check: str) -> list[Finding]:
    return [each for each in judge("pi-1", readings) if each.check == check and each.severity is not Severity.WELL]


def test_a_good_node_is_well_in_everything_that_was_looked_at() -> None:
    found = judge("pi-1", WELL)

    assert judge_health(found) is Health.WELL
    assert {each.check for each in found} >= {"throttling", "temperature", "memory", "runtime", "disk", "fsync"}
    assert {each.about for each in found} == {"node pi-1"}


@pytest.mark.parametrize(
    ("change", "check", "severity", "words"),
    [
        ({"throttling": ("under-voltage",)}, "throttling", Severity.WARNING, "under-voltage, now"),
        ({"throttled_before": ("throttled",)}, "throttling", Severity.WARNING, "since it was switched on"),
        ({"temperature_c": 80.0}, "temperature", Severity.WARNING, "80 °C"),
        ({"load": 8.5}, "load", Severity.WARNING, "8.5 on 4 cores"),
        ({"memory_available": 300 << 20}, "memory", Severity.WARNING, "300 of 4096 MiB"),
        ({"memory_available": 100 << 20}, "memory", Severity.BROKEN, "100 of 4096 MiB"),
        ({"runtimes": (WELL.runtimes[1],)}, "runtime", Severity.BROKEN, "no inference"),
        ({"cache_free": 100 << 20}, "disk", Severity.WARNING, "100 MiB are free"),
        ({"cache_free": 10 << 20}, "disk", Severity.BROKEN, "10 MiB are free"),
        ({"cache_problem": "Read-only file system"}, "disk", Severity.BROKEN, "Read-only file system"),
        ({"fsync_p99_s": 0.4}, "fsync", Severity.WARNING, "400 ms"),
        ({"context_mode": 0o644}, "secrets", Severity.WARNING, "0644"),
        ({"accelerators": (replace(CORAL, speed_mbps=480),)}, "accelerator", Severity.WARNING, "480 Mbit/s"),
        ({"accelerators": (replace(CORAL, accessible=False),)}, "accelerator", Severity.BROKEN, "may not be opened"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_value_and_a_remedy(
    change: dict[str, object], check: str, severity: Severity, words: str
) -> None:
    found = find(replace(WELL, **change), check)

    assert [each.severity for each in found] == [severity]
    assert words in found[0].text
    assert found[0].remedy


def test_a_coral_before_its_first_use_is_slow_and_well() -> None:
    fresh = replace(CORAL, ids="1a6e:089a", speed_mbps=480)

    assert find(replace(WELL, accelerators=(fresh,)), "accelerator") == []


def test_a_driver_that_does_not_work_is_broken_only_where_its_device_is() -> None:
    edgetpu = RuntimeReading("edgetpu", "tflite-runtime 2.14.0", "crashed with SIGSEGV", "install a pair", device=True)
    spare = RuntimeReading("edgetpu", "", "libedgetpu is not installed", "install", device=False)

    broken = find(replace(WELL, runtimes=(*WELL.runtimes, edgetpu)), "runtime")
    assert [(each.severity, each.remedy) for each in broken] == [(Severity.BROKEN, "install a pair")]
    assert "SIGSEGV" in broken[0].text
    assert find(replace(WELL, runtimes=(*WELL.runtimes, spare)), "runtime") == []


def test_a_node_that_only_simulates_needs_no_runtime() -> None:
    assert find(replace(WELL, runtimes=()), "runtime") == []


def test_the_worst_comes_first() -> None:
    found = judge("pi-1", replace(WELL, temperature_c=85.0, cache_problem="No such file"))

    assert [each.check for each in found][:2] == ["disk", "temperature"]


def test_what_once_held_the_board_back_is_told_apart_from_what_does_now() -> None:
    assert parse_throttled("50001") == ("under-voltage",)
    assert parse_throttled("50001", since_boot=True) == ("under-voltage", "throttled")


def test_an_edge_tpu_is_found_in_sysfs_with_its_speed(tmp_path: Path) -> None:
    devices = tmp_path / "sys/bus/usb/devices"
    for name, facts in {
        "2-1": {"idVendor": "18d1", "idProduct": "9302", "speed": "5000", "busnum": "2", "devnum": "3"},
        "1-1": {"idVendor": "1d6b", "idProduct": "0002", "speed": "480", "busnum": "1", "devnum": "1"},
        "1-1:1.0": {"bInterfaceClass": "09"},
        "3-1": {"idVendor": "1a6e", "idProduct": "089a", "speed": "unknown", "busnum": "3", "devnum": "1"},
    }.items():
        (devices / name).mkdir(parents=True)
        for fact, value in facts.items():
            (devices / name / fact).write_text(f"{value}\n")
    node = tmp_path / "dev/bus/usb/002/003"
    node.parent.mkdir(parents=True)
    node.touch()

    assert read_accelerators(tmp_path) == (UsbAccelerator("2-1", "18d1:9302", 5000, accessible=True),)


@given(st.lists(st.floats(0, 10), max_size=200))
def test_the_99th_percentile_leaves_one_in_a_hundred_above(values: list[float]) -> None:
    found = percentile99(values)

    if not values:
        assert found is None
    else:
        assert found in values
        assert sum(value > found for value in values if found is not None) <= len(values) / 100
        assert sum(value >= found for value in values if found is not None) >= math.ceil(len(values) / 100)


def test_this_machine_is_read_with_a_runtime_loaded_in_a_child(tmp_path: Path) -> None:
    context = tmp_path / "context.json"
    context.touch(mode=0o640)

    found = take_readings(
        cache=tmp_path / "cache", cache_limit=1 << 30, context=context, backends=("litert", "edgetpu")
    )

    runtimes = {each.backend: each for each in found.runtimes}
    assert runtimes["litert"].runtime.startswith("ai-edge-litert ")
    assert runtimes["litert"].problem == ""
    assert set(runtimes) == {"litert", "edgetpu"}
    assert found.cache_problem == ""
    assert found.fsync_p99_s is not None
    assert found.fsync_p99_s > 0
    assert found.context_mode == 0o640
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_backend_that_serves_is_not_tried_again(tmp_path: Path) -> None:
    found = take_readings(cache=tmp_path, cache_limit=1, context=None, backends=("edgetpu",), busy={"edgetpu"})

    assert found.runtimes == (RuntimeReading("edgetpu", "serving now"),)


def test_a_cache_that_is_a_file_cannot_be_written_and_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    found = take_readings(cache=tmp_path / "file" / "cache", cache_limit=1, context=None, backends=("simulated",))

    assert found.cache_problem == "Not a directory"
    assert find(found, "disk")[0].severity is Severity.BROKEN


def test_the_doctor_on_the_node_prints_remedies_and_returns_the_health(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    options = ["--node", "pi-1", "--backends", "simulated", "--cache"]

    code = run_doctor([*options, str(tmp_path / "file" / "cache")], environ={"HOME": str(tmp_path)})

    said = capsys.readouterr().out
    assert code is Health.BROKEN
    assert "BROKEN   disk: " in said
    assert "remedy: give the agent a directory of its own" in said


def test_the_doctor_on_the_node_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_doctor(["--backends", "simulated", "--cache", str(tmp_path), "--json"], environ={"HOME": str(tmp_path)})

    found = msgspec.json.decode(capsys.readouterr().out, type=Examination)
    assert found.findings
