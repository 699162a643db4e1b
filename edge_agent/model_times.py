"""``python -m edge_agent.model_times``: how long a model and its prefixes take here, what it needs, and it is gone.

The question comes as JSON on standard input, the answer goes as JSON to standard output. A process of its own: a model
that is timed must not disturb the one that serves, and a crash must cost nobody anything. It runs at the lowest
priority that still gives true times on an idle node.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from edge_agent.backends.base import Backend, Findings, Prepared, Servable
from edge_agent.backends.registry import make_backend
from edge_agent.backends.tflite import LITERT, TFLITE_RUNTIME, find_runtime
from edge_agent.child import answer_once
from edge_agent.pipeline import Finished, Pipeline, Work
from edge_agent.prefix_times import bound_by_longer
from edge_agent.probe import check_signature
from edge_agent.settings import Profile
from edge_agent.stopwatch import Timing, find_slowdown, load_prefix, time_runs, undisturbed_s
from edge_agent.timing import ModelTimes, Question
from edge_agent.vitals import parse_statm
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest
from modelkit.picture import encode_jpeg
from wire.errors import BrambleError
from wire.headers import WorkOrder

if TYPE_CHECKING:
    from edge_agent.backends.base import Array

NICENESS = 10
EACH_S = 0.1
"""So long each prefix is run, at least five times."""

_ORDER = WorkOrder(frame="timing", digest="", itinerary=(), deadline_ms=1)


def main() -> int:
    """Answer one question."""
    os.nice(NICENESS)
    return answer_once(measure)


def measure(request: bytes) -> ModelTimes:
    """Time the model in this process."""
    try:
        return _measure(msgspec.json.decode(request, type=Question))
    except (BrambleError, ModelkitError) as error:
        return ModelTimes(problem=str(error), remedy=error.remedy)
    except (msgspec.DecodeError, OSError, MemoryError) as error:
        return ModelTimes(problem=f"the model cannot be timed: {error!r}", remedy="see the agent's log on the node")


def _measure(question: Question) -> ModelTimes:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    check_signature(question.signature, question.manifest, question.trusted)
    backend = make_backend(question.backend, Profile())
    runtime = backend.find()
    payload = Path(question.picture).read_bytes() if question.picture else _make_gray(question.manifest)
    servable, load_s, memory_bytes = _load(backend, question, payload)
    prepared = servable.prepare(payload, _ORDER)
    outputs = servable.infer(prepared)
    frame = time_runs(lambda: servable.prepare(payload, _ORDER), EACH_S)
    result = time_runs(lambda: servable.interpret(prepared, outputs, _ORDER), EACH_S)
    whole = time_runs(lambda: servable.infer(prepared), EACH_S)
    servable.close()
    passing = _time_passing(prepared)
    timings = (*_time_prefixes(question), whole)
    slowdown = find_slowdown((*timings, frame, result), threads=question.threads)
    seconds = tuple(undisturbed_s(timing, threads=question.threads) * slowdown for timing in timings)
    return ModelTimes(
        runtime=f"{runtime.name} {runtime.version}",
        seconds=bound_by_longer(seconds),
        frame_s=undisturbed_s(frame, threads=1) * slowdown,
        result_s=undisturbed_s(result, threads=1) * slowdown,
        passing_s=undisturbed_s(passing, threads=1) * slowdown,
        load_s=load_s,
        memory_bytes=memory_bytes,
        slowdown=slowdown,
    )


class _Idle:
    """A model that does nothing, to see what is spent around one."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def check(self, payload: bytes) -> None:
        """Accept."""

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:  # noqa: ARG002 - nothing is done
        """Return what was prepared once."""
        return self._prepared

    def infer(self, prepared: Prepared) -> Sequence[Array]:  # noqa: ARG002 - likewise
        """Compute nothing."""
        return ()

    def interpret(self, prepared: Prepared, outputs: Sequence[Array], order: WorkOrder) -> Findings:  # noqa: ARG002
        """Find nothing."""
        return Findings()

    def close(self) -> None:
        """Nothing is held."""


def _time_passing(prepared: Prepared) -> Timing:
    """Time what a frame costs on its way through the agent's threads, with nothing done to it."""
    pipeline, idle = Pipeline(), _Idle(prepared)
    ended: SimpleQueue[Finished | BaseException] = SimpleQueue()
    now = time.monotonic()
    work = Work(_ORDER, b"", now, now + 1e6)

    def run() -> None:
        pipeline.begin(idle, work, ended.put)
        ended.get()

    try:
        return time_runs(run, EACH_S)
    finally:
        pipeline.close()


def _load(backend: Backend, question: Question, payload: bytes) -> tuple[Servable, float, int]:
    """Load the model and run it once; return it with the seconds and the resident bytes that this took."""
    if question.at:
        importlib.import_module(find_runtime((LITERT, TFLITE_RUNTIME))[1])  # the agent has loaded it anyway
    before, begun = _read_rss(), time.perf_counter()
    servable = backend.serve(question.manifest, question.variant, Path(question.artefact), threads=question.threads)
    load_s = time.perf_counter() - begun
    prepared: Prepared = servable.prepare(payload, _ORDER)
    servable.infer(prepared)
    return servable, load_s, max(0, _read_rss() - before)


def _time_prefixes(question: Question) -> Sequence[Timing]:
    if not question.at:
        return ()
    _, module = find_runtime((LITERT, TFLITE_RUNTIME))
    data = Path(question.artefact).read_bytes()
    return [time_runs(load_prefix(data, end, module, question.threads), EACH_S) for end in question.at]


def _make_gray(manifest: Manifest) -> bytes:
    return encode_jpeg(np.full((manifest.input.height, manifest.input.width, 3), 128, np.uint8))


def _read_rss() -> int:
    return parse_statm(Path("/proc/self/statm").read_text("ascii"), os.sysconf("SC_PAGE_SIZE"))


if __name__ == "__main__":
    sys.exit(main())
