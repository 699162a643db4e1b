"""The Edge TPU backend without the hardware: the real runtime loads a stand-in for libedgetpu."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.backends.base import BackendMissingError
from edge_agent.backends.edgetpu import EdgeTpuBackend, load
from tests.agent_testing.fake_edgetpu import build_library, plug_in
from tests.agent_testing.models import SmallClassifier, make_jpeg, small_manifest
from wire.errors import InternalError
from wire.headers import Hop, WorkOrder

ORDER = WorkOrder(frame="f", digest="0" * 64, itinerary=(Hop("pi1", 0),), deadline_ms=1000)


@pytest.fixture
def tflite(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    path.write_bytes(SmallClassifier().finish())
    return path


@pytest.mark.parametrize(("vendor", "product"), [("1a6e", "089a"), ("18d1", "9302")])
def test_a_node_with_library_and_device_has_the_backend(tmp_path: Path, vendor: str, product: str) -> None:
    (tmp_path / "usr/lib/aarch64-linux-gnu").mkdir(parents=True)
    (tmp_path / "usr/lib/aarch64-linux-gnu/libedgetpu.so.1").touch()
    plug_in(tmp_path, vendor, product)
    assert EdgeTpuBackend(tmp_path).find().name == "ai-edge-litert+edgetpu"


def test_a_node_without_the_library_says_so(tmp_path: Path) -> None:
    with pytest.raises(BackendMissingError, match="libedgetpu is not installed") as caught:
        EdgeTpuBackend(tmp_path).find()
    assert "libedgetpu1-std" in caught.value.remedy


def test_a_node_without_the_device_says_so(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/libedgetpu.so.1").touch()
    plug_in(tmp_path, "1d6b", "0002")
    with pytest.raises(BackendMissingError, match="no Edge TPU was found") as caught:
        EdgeTpuBackend(tmp_path).find()
    assert "18d1:9302" in caught.value.remedy


def test_a_library_that_cannot_be_loaded_is_reported_as_missing(tflite: Path) -> None:
    with pytest.raises(BackendMissingError, match="libedgetpu is not installed"):
        EdgeTpuBackend().serve(small_manifest(tflite.read_bytes()), "edgetpu", tflite, threads=1)


def test_a_library_that_finds_no_device_is_reported_as_such(tflite: Path, tmp_path: Path) -> None:
    library = build_library(tmp_path, "FINDS_NO_DEVICE")
    with pytest.raises(BackendMissingError, match="no Edge TPU was found"):
        load(tflite, threads=1, library=str(library))


def test_a_model_is_served_through_the_delegate_in_a_process_of_its_own(
    tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_library(tmp_path / "lib")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "lib"))
    servable = EdgeTpuBackend().serve(small_manifest(tflite.read_bytes()), "edgetpu", tflite, threads=1)
    try:
        prepared = servable.prepare(make_jpeg(), ORDER)
        findings = servable.interpret(prepared, servable.infer(prepared), ORDER)
    finally:
        servable.close()
    assert findings.classes is not None
    assert len(findings.classes) == 4


def test_a_library_of_the_wrong_version_crashes_its_own_process_only(
    tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_library(tmp_path / "lib", "CRASHES")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "lib"))
    with pytest.raises(InternalError, match="crashed with SIGABRT"):
        EdgeTpuBackend().serve(small_manifest(tflite.read_bytes()), "edgetpu", tflite, threads=1)
