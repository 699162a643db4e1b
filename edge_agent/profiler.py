"""Measures models on this node when the controller asks, in a child process: times, and what precisions do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from edge_agent.backends.base import Backend, Declaring
from edge_agent.cache import Source
from edge_agent.loader import Loader
from edge_agent.prober import ask_child
from edge_agent.replies import to_wire
from edge_agent.timing import Effect, ModelTimes, Question
from edge_agent.trial import describe_exit
from edge_agent.worker import Worker
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest
from wire.effects import EffectRequest, WireEffect
from wire.errors import BadRequestError, BrambleError, ModelRejectedError, NoCapacityError
from wire.messages import Message
from wire.profiles import Profile, ProfileRequest

CUTTABLE = ("cpu-f32", "cpu-int8")
"""Variants whose files are ``.tflite`` for the processor, so that prefixes of them run too."""

DISTURBED = 0.25
"""A node that served for a greater share of the time was not idle."""

PAUSE_S = 10.0
"""So long a pause is waited for: between the frames of cameras there are many."""

LOOK_S = 0.02

M = TypeVar("M", ModelTimes, Effect)

Reply = Callable[[Message | BrambleError], Awaitable[None]]

_log = logging.getLogger("bramble.agent")


class Shelf(Protocol):
    """Where manifests and artefacts are."""

    def manifest(self, model: str) -> Manifest:
        """Return a model's manifest; raises ModelRejectedError."""

    async def open_store(self) -> Source:
        """Open where artefacts come from; raises BusError."""


class Busy(Protocol):
    """What may be at work."""

    @property
    def in_flight(self) -> int:
        """Frames that are being worked on."""

    @property
    def queued(self) -> int:
        """Frames that wait."""


class Profiler:
    """Carries out one request at a time."""

    def __init__(self, node: str, loader: Loader, worker: Worker, shelf: Shelf) -> None:
        self._node = node
        self._loader = loader
        self._worker = worker
        self._shelf = shelf
        self._task: asyncio.Task[None] | None = None

    def begin(self, request: ProfileRequest | EffectRequest, reply: Reply) -> None:
        """Begin to measure; ``reply`` gets the profile or the effect, or the error.

        Raises:
            NoCapacityError: it measures already.

        """
        if self._task is not None and not self._task.done():
            raise NoCapacityError(f"{self._node} is already measuring a model", remedy="ask again in a minute")
        self._task = asyncio.create_task(self._answer(request, reply), name="measure")

    async def close(self) -> None:
        """Give up what is being measured."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _answer(self, request: ProfileRequest | EffectRequest, reply: Reply) -> None:
        try:
            if isinstance(request, ProfileRequest):
                found: Profile | WireEffect | BrambleError = await self._time(request)
            else:
                found = await self._compare(request)
        except (BrambleError, ModelkitError) as error:
            found = to_wire(error)
        try:
            await reply(found)
        except BrambleError as error:
            _log.warning("what was measured was lost", extra={"action": "measure", "error": str(error)})

    async def _time(self, request: ProfileRequest) -> Profile:
        manifest = self._find_manifest(request)
        backend = self._loader.backend(request.variant)
        if isinstance(backend, Declaring):
            return backend.declare(self._node, manifest, request)
        question = await self._pose(manifest, backend, request)
        await wait_for_pause(self._worker, self._node)
        begun, busy = time.monotonic(), self._worker.busy_s
        times = await _ask("edge_agent.model_times", question, ModelTimes, within=request.within_s)
        seconds, served = time.monotonic() - begun, self._worker.busy_s - busy
        if is_disturbed(served, seconds):
            raise NoCapacityError(
                f"{self._node} served frames for {served:.1f} of {seconds:.1f} s meanwhile: the times are wrong",
                remedy="ask when it is idle",
            )
        _log.info("timed", extra={"action": "profile", "model": request.model, "seconds": round(seconds, 1)})
        return Profile(
            node=self._node,
            model=request.model,
            variant=request.variant,
            digest=request.digest,
            runtime=times.runtime,
            threads=self._loader.threads,
            at=request.at,
            seconds=times.seconds,
            measured_at=time.time(),
            frame_s=times.frame_s,
            result_s=times.result_s,
            passing_s=times.passing_s,
            load_s=times.load_s,
            memory_bytes=times.memory_bytes,
            slowdown=times.slowdown,
        )

    async def _compare(self, request: EffectRequest) -> WireEffect:
        manifest = self._find_manifest(request)
        question = await self._pose(manifest, self._loader.backend(request.variant), request)
        found = await _ask(
            "edge_agent.wire_effect", replace(question, wires=request.wires), Effect, within=request.within_s
        )
        _log.info("compared", extra={"action": "effect", "model": request.model, "pictures": found.pictures})
        return WireEffect(
            node=self._node,
            pictures=found.pictures,
            same_first=found.same_first,
            matched=found.matched,
            score_change=found.score_change,
            least_overlap=found.least_overlap,
            problem=found.refused,
        )

    def _find_manifest(self, request: ProfileRequest | EffectRequest) -> Manifest:
        manifest = self._shelf.manifest(request.model)
        if manifest.digest(request.variant) != request.digest:
            raise ModelRejectedError(
                f"the manifest of {request.model} does not offer {request.digest[:12]}", remedy="push the model again"
            )
        return manifest

    async def _pose(self, manifest: Manifest, backend: Backend, request: ProfileRequest | EffectRequest) -> Question:
        """Fetch the files that a child needs, and say what it is to do with them."""
        if request.at and request.variant not in CUTTABLE:
            raise BadRequestError(f"{request.variant} cannot be cut", remedy="ask for the whole model only")
        source = await self._shelf.open_store()
        artefact, known = manifest.artefact(request.variant), manifest.known_answer
        path = await self._loader.fetch(artefact.sha256, artefact.bytes, source)
        picture = await self._loader.fetch(known.sha256, known.bytes, source) if known else None
        return Question(
            backend=backend.name,
            variant=request.variant,
            manifest=manifest,
            artefact=str(path),
            picture=str(picture) if picture else None,
            threads=self._loader.threads,
            at=request.at,
            signature=await self._loader.fetch_signature(manifest, source),
            trusted=self._loader.trusted,
        )


async def wait_for_pause(worker: Busy, node: str) -> None:
    """Wait until a node has nothing to do.

    Raises:
        NoCapacityError: it was at work for ``PAUSE_S`` without a pause.

    """
    deadline = time.monotonic() + PAUSE_S
    while worker.in_flight + worker.queued:
        if time.monotonic() >= deadline:
            raise NoCapacityError(
                f"{node} has been at work for {PAUSE_S:.0f} s without a pause: times would be wrong",
                remedy="ask when it is idle",
            )
        await asyncio.sleep(LOOK_S)


def is_disturbed(served_s: float, seconds: float) -> bool:
    """Tell whether times are wrong because of frames that the node served for so many of so many seconds.

    A frame now and then, such as those by which the controller makes sure of a node, changes nothing that is measured.
    """
    return served_s > DISTURBED * seconds


async def _ask(module: str, question: Question, kind: type[M], *, within: float) -> M:
    answer, status = await ask_child(module, msgspec.json.encode(question), within=within)
    if status != 0:
        raise ModelRejectedError(f"measuring failed: {describe_exit(status)}", remedy="see the agent's log on the node")
    try:
        found = msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelRejectedError(f"what was measured cannot be read: {error}", remedy="see the agent's log") from error
    if found.problem:
        raise ModelRejectedError(found.problem, remedy=found.remedy)
    return found
