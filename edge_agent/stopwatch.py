"""Timing a model on a machine that also does other things."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.backends.tflite import TfliteModel
from modelkit.slicing import slice_model

_WARM_UPS = 2
_LEAST_RUNS, _MOST_RUNS = 5, 50


@dataclass(frozen=True, slots=True)
class Timing:
    """What several runs of one thing took, in seconds."""

    runs: int
    wall_s: float  # of all runs together
    least_s: float  # of one, by the clock on the wall
    least_cpu_s: float  # of one, by the processor time of all threads


def time_runs(run: Callable[[], object], seconds: float) -> Timing:
    """Run for about so many seconds, 5 to 50 times after two that do not count."""
    for _ in range(_WARM_UPS):
        run()
    taken: list[float] = []
    spent: list[float] = []
    while len(taken) < _MOST_RUNS and (len(taken) < _LEAST_RUNS or sum(taken) < seconds):
        begun, cpu = time.perf_counter(), time.process_time()
        run()
        spent.append(time.process_time() - cpu)
        taken.append(time.perf_counter() - begun)
    return Timing(len(taken), sum(taken), min(taken), min(spent))


def find_slowdown(timings: Iterable[Timing], *, threads: int) -> float:
    """Return how much longer the runs took than they would with the processor for themselves.

    A node may have a part of a processor only, by a quota or because of neighbours. Then no single run is typical, but
    all runs together are: their time on the wall over the sum of the undisturbed ones.
    """
    timings = tuple(timings)
    undisturbed = sum(undisturbed_s(timing, threads=threads) * timing.runs for timing in timings)
    wall = sum(timing.wall_s for timing in timings)
    return max(1.0, wall / undisturbed) if undisturbed > 0 else 1.0


def undisturbed_s(timing: Timing, *, threads: int) -> float:
    """Return the time of one run with the processor for itself: with one thread its processor time says it best."""
    return min(timing.least_cpu_s, timing.least_s) if threads == 1 else timing.least_s


def load_prefix(data: bytes, end: int, module: str, threads: int) -> Callable[[], object]:
    """Load the first ``end`` operators of a ``.tflite``; return what runs them once, on zeros.

    Raises:
        ModelkitError: the model cannot be cut there.
        ModelRejectedError: the runtime cannot load it.

    """
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(slice_model(data, 0, end).data)
        file.flush()
        model = TfliteModel(module, Path(file.name), threads=threads)
    tensors = [np.zeros(spec.shape, spec.dtype) for spec in model.inputs]
    return lambda: model.run(tensors)
