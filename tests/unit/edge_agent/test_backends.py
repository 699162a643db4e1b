"""The backends by themselves, with real runtimes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_agent.backends.base import BackendMissingError, TensorSpec
from edge_agent.backends.entrances import check_tensors
from edge_agent.backends.litert import LitertBackend
from edge_agent.backends.onnx import OnnxBackend
from edge_agent.backends.registry import find_backends, make_backend
from edge_agent.backends.simulated import SimulatedBackend
from edge_agent.backends.tflite import find_runtime
from edge_agent.settings import Profile
from modelkit.manifest import Artefact, InputSpec
from tests.agent_testing.models import SmallClassifier, make_jpeg, simulated_manifest, small_manifest
from tests.agent_testing.onnx_model import mean_of_colours
from wire.errors import BadRequestError, InvalidTensorError, ModelRejectedError
from wire.headers import Hop, WorkOrder

ORDER = WorkOrder(frame="f", digest="0" * 64, itinerary=(Hop("pi1", 0),), deadline_ms=1000)
HEAVY = ("numpy", "PIL", "ai_edge_litert", "onnxruntime", "simplejpeg")


def test_an_onnx_model_is_served(tmp_path: Path) -> None:
    data = mean_of_colours()
    path = tmp_path / "mean.onnx"
    path.write_bytes(data)
    manifest = small_manifest(
        data,
        labels=("red", "green", "blue"),
        artefacts=(Artefact(variant="onnx", file="mean.onnx", sha256="0" * 64, bytes=len(data)),),
    )
    servable = OnnxBackend().serve(manifest, "onnx", path, threads=1)
    prepared = servable.prepare(make_jpeg(), ORDER)
    findings = servable.interpret(prepared, servable.infer(prepared), ORDER)
    assert findings.classes is not None
    assert {each.label for each in findings.classes} == {"red", "green", "blue"}


@pytest.mark.parametrize("backend", [OnnxBackend(), LitertBackend()], ids=["onnx", "litert"])
def test_bytes_that_are_no_model_are_rejected(backend: OnnxBackend | LitertBackend, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"\x08\x08no model")
    with pytest.raises(ModelRejectedError, match="the runtime cannot load the model"):
        backend.serve(small_manifest(b"x"), backend.variants[0], path, threads=1)


def test_a_model_with_another_input_than_its_manifest_is_rejected(tmp_path: Path) -> None:
    data = SmallClassifier().finish()
    path = tmp_path / "model"
    path.write_bytes(data)
    manifest = small_manifest(data, input=InputSpec(width=64, height=64))
    with pytest.raises(ModelRejectedError, match=r"takes \(\(1, 24, 32, 3\),\), its manifest says \(1, 64, 64, 3\)"):
        LitertBackend().serve(manifest, "cpu-f32", path, threads=1)


def test_a_runtime_that_is_not_installed_is_told_with_its_remedy() -> None:
    with pytest.raises(BackendMissingError, match="no-such-runtime or neither-this is not installed") as caught:
        find_runtime([("no-such-runtime", "no_such.runtime"), ("neither-this", "neither_this")])
    assert "pip install" in caught.value.remedy


def test_the_first_runtime_that_is_installed_is_taken() -> None:
    runtime, module = find_runtime(
        [("no-such-runtime", "no_such.runtime"), ("ai-edge-litert", "ai_edge_litert.interpreter")]
    )
    assert (runtime.name, module) == ("ai-edge-litert", "ai_edge_litert.interpreter")
    assert runtime.version[0].isdigit()


def test_auto_finds_the_runtimes_that_are_there_and_never_simulates() -> None:
    backends = find_backends(("auto",), Profile())
    assert {"cpu-int8", "cpu-f32", "onnx"} <= set(backends)
    assert "simulated" not in backends


def test_only_the_backends_named_are_used() -> None:
    assert set(find_backends(("simulated",), Profile())) == {"simulated"}
    assert set(find_backends(("litert", "simulated"), Profile())) == {"cpu-int8", "cpu-f32", "simulated"}


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadRequestError, match="no backend 'cuda'") as caught:
        make_backend("cuda", Profile())
    assert "litert" in caught.value.remedy


def test_a_node_on_which_nothing_can_run_is_told_why() -> None:
    with pytest.raises(BadRequestError, match="edgetpu: libedgetpu is not installed"):
        find_backends(("edgetpu",), Profile())


def test_finding_backends_loads_none_of_them() -> None:
    script = (
        "import sys\n"
        "from edge_agent.backends.registry import find_backends\n"
        "from edge_agent.settings import Profile\n"
        "import edge_agent.__main__\n"
        "find_backends(('auto',), Profile()); find_backends(('simulated',), Profile())\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_without_a_profile_cannot_be_simulated() -> None:
    with pytest.raises(BackendMissingError, match="says nothing about being simulated"):
        SimulatedBackend(Profile()).serve(small_manifest(b"x"), "simulated", None, threads=1)


def test_a_simulated_detector_marks_its_box() -> None:
    manifest = simulated_manifest()
    servable = SimulatedBackend(Profile(speed=1000)).serve(manifest, "simulated", None, threads=1)
    prepared = servable.prepare(make_jpeg(100, 50), ORDER)
    assert (prepared.width, prepared.height) == (100, 50)
    findings = servable.interpret(prepared, servable.infer(prepared), ORDER)
    assert findings.classes is not None
    assert findings.classes[0].label == "simulated"


SPECS = [TensorSpec((1, 2), "float32", None)]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(InvalidTensorError, match="tensor 0 holds a number that is not finite"):
        check_tensors([np.array([[0, value]], np.float32)], SPECS)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 1), np.float32), np.zeros((1, 2), np.float64), np.zeros((1, 2), np.int8), np.zeros((), "f4")]
)
def test_a_tensor_of_another_shape_or_type_is_refused(array: np.ndarray) -> None:
    with pytest.raises(InvalidTensorError, match="the model takes"):
        check_tensors([array], SPECS)
