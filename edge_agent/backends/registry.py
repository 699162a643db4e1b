"""Which backends this node has, and which of them serves a variant."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from edge_agent.backends.base import Backend, BackendMissingError
from edge_agent.settings import AUTO, Profile
from wire.errors import BadRequestError

# Name -> where it is, so that only the modules named are imported. For one variant, the first that has it serves.
_PLACES = {
    "edgetpu": ("edge_agent.backends.edgetpu", "EdgeTpuBackend"),
    "litert": ("edge_agent.backends.litert", "LitertBackend"),
    "onnx": ("edge_agent.backends.onnx", "OnnxBackend"),
    "simulated": ("edge_agent.backends.simulated", "SimulatedBackend"),
}
# A cluster that is not told to simulate must never answer with a made-up result.
_ONLY_WHEN_NAMED = ("simulated",)

_log = logging.getLogger("bramble.agent")


def make_backend(name: str, profile: Profile) -> Backend:
    """Import and make one backend.

    Raises:
        BadRequestError: there is none of that name.

    """
    if name not in _PLACES:
        raise BadRequestError(f"there is no backend {name!r}", remedy=f"give auto, or any of: {', '.join(_PLACES)}")
    module, kind = _PLACES[name]
    made = getattr(importlib.import_module(module), kind)
    backend: Backend = made(profile) if name == "simulated" else made()
    return backend


def find_backends(names: Sequence[str], profile: Profile) -> Mapping[str, Backend]:
    """Return the backend for each variant that this node can serve.

    Raises:
        BadRequestError: a name is not known, or none of those named is usable here.

    """
    automatic = tuple(names) == (AUTO,)
    wanted = [name for name in _PLACES if name not in _ONLY_WHEN_NAMED] if automatic else list(names)
    usable: dict[str, Backend] = {}
    missing: list[str] = []
    for name in wanted:
        backend = make_backend(name, profile)
        try:
            runtime = backend.find()
        except BackendMissingError as error:
            missing.append(f"{name}: {error} ({error.remedy})")
            level = logging.INFO if automatic else logging.WARNING
            _log.log(level, "backend missing", extra={"action": "find_backend", "backend": name, "error": str(error)})
            continue
        _log.info(
            "backend found",
            extra={"action": "find_backend", "backend": name, "runtime": runtime.name, "version": runtime.version},
        )
        usable |= {variant: backend for variant in backend.variants if variant not in usable}
    if not usable:
        raise BadRequestError(
            f"no backend is usable on this node: {'; '.join(missing)}",
            remedy="install a runtime (pip install 'bramble-edge[agent]'), or name --backends simulated",
        )
    return MappingProxyType(usable)
