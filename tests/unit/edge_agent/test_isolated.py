"""A model in a process of its own: real processes, real crashes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from edge_agent.backends import isolated
from edge_agent.backends.base import BackendMissingError
from edge_agent.backends.isolated import IsolatedModel
from tests.agent_testing.breaking_model import CRASH, FAIL, HANG
from wire.errors import InternalError

LOADER = "tests.agent_testing.breaking_model:load"


def number(value: float) -> list[np.ndarray]:
    return [np.array([value], np.float32)]


@pytest.fixture
def model() -> Iterator[IsolatedModel]:
    model = IsolatedModel(LOADER, Path("model"), threads=1)
    yield model
    model.close()


def test_a_model_in_a_child_answers_and_tells_its_shapes(model: IsolatedModel) -> None:
    assert model.run(number(5))[0].tolist() == [10]
    assert model.inputs[0].shape == (1,)
    assert model.outputs[0].quantization == (0.5, 3)


def test_a_crash_costs_one_frame(model: IsolatedModel) -> None:
    with pytest.raises(InternalError, match="crashed with SIGSEGV"):
        model.run(number(CRASH))
    assert model.run(number(5))[0].tolist() == [10]


def test_a_hang_costs_one_frame(model: IsolatedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "RUN_S", 0.2)
    with pytest.raises(InternalError, match="did not answer within 0 s"):
        model.run(number(HANG))
    monkeypatch.setattr(isolated, "RUN_S", 10.0)
    assert model.run(number(5))[0].tolist() == [10]


def test_an_error_of_the_runtime_comes_back_as_it_was(model: IsolatedModel) -> None:
    with pytest.raises(InternalError, match="the runtime failed"):
        model.run(number(FAIL))
    assert model.run(number(5))[0].tolist() == [10]


def test_a_missing_device_is_told_with_its_remedy() -> None:
    with pytest.raises(BackendMissingError, match="no device") as caught:
        IsolatedModel(LOADER, Path("missing"), threads=1)
    assert caught.value.remedy == "plug it in"


def test_a_crash_at_the_load_is_an_error() -> None:
    with pytest.raises(InternalError, match="crashed with SIGSEGV"):
        IsolatedModel(LOADER, Path("crash"), threads=1)


def test_closing_leaves_no_process() -> None:
    before = {child.pid for child in psutil.Process().children()}
    model = IsolatedModel(LOADER, Path("model"), threads=1)
    model.close()
    assert {child.pid for child in psutil.Process().children()} == before


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed outright; the child sees its pipe end."""
    out = tmp_path / "pid"
    script = (
        "import psutil, signal, os, pathlib\n"
        "from edge_agent.backends.isolated import IsolatedModel\n"
        f"model = IsolatedModel({LOADER!r}, pathlib.Path('model'), threads=1)\n"
        f"pathlib.Path({str(out)!r}).write_text(str(psutil.Process().children()[0].pid))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False, timeout=30)
    pid = int(out.read_text())
    if psutil.pid_exists(pid):
        child = psutil.Process(pid)
        child.wait(10)
    assert not psutil.pid_exists(pid)
