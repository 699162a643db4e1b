"""``python -m edge_agent.examination.runtime_probe BACKEND``: loads one backend's runtime, and says how that went.

In a process of its own, because a driver that does not fit its runtime crashes instead of failing.
"""

from __future__ import annotations

import importlib
import os
import sys

import msgspec

from edge_agent.backends.base import BackendMissingError
from edge_agent.backends.edgetpu import LIBRARY, EdgeTpuBackend
from edge_agent.backends.registry import make_backend
from edge_agent.backends.tflite import LITERT, TFLITE_RUNTIME, find_runtime
from edge_agent.settings import Profile


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What came of it. ``problem`` is empty when the runtime works."""

    runtime: str = ""
    problem: str = ""
    remedy: str = ""


def try_backend(name: str) -> Tried:
    """Import the runtime, and for an accelerator open its driver, in this process."""
    backend = make_backend(name, Profile())
    try:
        runtime = backend.find()
    except BackendMissingError as error:
        return Tried(problem=error.message, remedy=error.remedy)
    said = f"{runtime.name} {runtime.version}"
    try:
        _load(name)
    except (ImportError, OSError, ValueError, SystemError, AttributeError) as error:
        # What importing compiled modules against a wrong numpy raises, and what load_delegate raises.
        problem = str(error).strip().partition("\n")[0][:300] or type(error).__name__
        return Tried(runtime=said, problem=problem, remedy=_remedy(name))
    return Tried(runtime=said)


def _load(name: str) -> None:
    match name:
        case "litert":
            importlib.import_module(find_runtime((LITERT, TFLITE_RUNTIME))[1])
        case "onnx":
            importlib.import_module("onnxruntime")
        case EdgeTpuBackend.name:
            _, module = find_runtime((TFLITE_RUNTIME, LITERT))
            importlib.import_module(module).load_delegate(LIBRARY)


def _remedy(name: str) -> str:
    if name == EdgeTpuBackend.name:
        return "install libedgetpu and tflite-runtime built for the same TensorFlow version"
    return "install the packages again: pip install --force-reinstall 'bramble-edge[agent]'"


def main() -> None:
    """Answer on standard output; what native code prints goes to standard error."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with answer:
        answer.write(msgspec.json.encode(try_backend(sys.argv[1])))


if __name__ == "__main__":
    main()
