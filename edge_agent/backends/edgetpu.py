"""Coral's Edge TPU: a TFLite delegate, in a process of its own, because a wrong libedgetpu crashes instead of failing.

USB ids: https://coral.ai/docs/accelerator/get-started/ (the id changes when the device is first used).
"""

from __future__ import annotations

import importlib
from pathlib import Path

from edge_agent.backends.base import BackendMissingError, LoadedModel, Runtime, Servable
from edge_agent.backends.part import WHOLE, Part, require_whole
from edge_agent.backends.tflite import LITERT, TFLITE_RUNTIME, TfliteModel, find_runtime
from modelkit.manifest import Manifest
from wire.errors import ModelRejectedError

LIBRARY = "libedgetpu.so.1"
USB_IDS = frozenset({("1a6e", "089a"), ("18d1", "9302")})
_LIBRARY_PLACES = ("usr/lib", "usr/lib/*-linux-gnu*", "usr/local/lib", "lib/*-linux-gnu*")
# On a node with a TPU tflite-runtime is there for its sake: the same TensorFlow version as the library's.
_PREFERENCE = (TFLITE_RUNTIME, LITERT)


def has_library(root: Path) -> bool:
    """Tell whether libedgetpu lies where the loader looks; it is not loaded, since that may crash."""
    return any(any(root.glob(f"{place}/{LIBRARY}")) for place in _LIBRARY_PLACES)


def has_device(root: Path) -> bool:
    """Tell whether an Edge TPU is plugged in: on PCIe with its driver, or on USB."""
    if any(root.glob("dev/apex_*")):
        return True
    for device in root.glob("sys/bus/usb/devices/*"):
        try:
            ids = tuple((device / name).read_text("ascii").strip() for name in ("idVendor", "idProduct"))
        except OSError:  # a hub's interface, or unplugged just now
            continue
        if ids in USB_IDS:
            return True
    return False


def load(path: Path, *, threads: int, library: str = LIBRARY) -> LoadedModel:
    """Load a model onto the TPU, in this process.

    Raises:
        BackendMissingError: the library or the device is not there.
        ModelRejectedError: the model is not one for this TPU.

    """
    _, module = find_runtime(_PREFERENCE)
    try:
        delegate = importlib.import_module(module).load_delegate(library)
    except OSError as error:
        raise _no_library() from error
    except ValueError as error:
        raise _no_device() from error
    return TfliteModel(module, path, threads=threads, delegates=[delegate])


class EdgeTpuBackend:
    """Serves ``edgetpu`` artefacts."""

    name = "edgetpu"
    variants = ("edgetpu",)
    exclusive = True

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def find(self) -> Runtime:
        """Look for the runtime, the library and the device."""
        runtime, _ = find_runtime(_PREFERENCE)
        if not has_library(self._root):
            raise _no_library()
        if not has_device(self._root):
            raise _no_device()
        return Runtime(f"{runtime.name}+edgetpu", runtime.version)

    def serve(
        self, manifest: Manifest, variant: str, artefact: Path | None, *, threads: int, part: Part = WHOLE
    ) -> Servable:
        """Load a model in a process of its own."""
        from edge_agent.backends.isolated import IsolatedModel  # noqa: PLC0415 - numpy comes with the first model
        from edge_agent.backends.served_model import ServedModel  # noqa: PLC0415

        require_whole(part, "Edge TPU")
        if artefact is None:
            raise ModelRejectedError(f"{manifest.name} has no file for {variant}", remedy="compile it for the Edge TPU")
        return ServedModel(manifest, IsolatedModel(f"{__name__}:load", artefact, threads=threads))


def _no_library() -> BackendMissingError:
    return BackendMissingError(
        "libedgetpu is not installed", remedy="install libedgetpu1-std, built for the runtime's TensorFlow version"
    )


def _no_device() -> BackendMissingError:
    return BackendMissingError(
        "no Edge TPU was found",
        remedy="check its cable and power (lsusb shows 1a6e:089a or 18d1:9302), and the udev rules for both ids",
    )
