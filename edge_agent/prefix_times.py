"""``python -m edge_agent.prefix_times``: how long the first k operators of a model take on this machine, for many k.

The question comes as JSON on standard input, the answer goes as JSON to standard output. A process of its own, since
a model's first load can crash a runtime. Differences between prefixes are what operators take in place, which timing
each by itself would not tell.
"""

from __future__ import annotations

import resource
import sys
from itertools import accumulate
from pathlib import Path

import msgspec

from edge_agent.backends.tflite import LITERT, TFLITE_RUNTIME, find_runtime
from edge_agent.child import answer_once
from edge_agent.stopwatch import load_prefix, time_runs
from modelkit.errors import ModelkitError
from modelkit.slicing import read_graph
from wire.errors import BrambleError

CPU_S = 600


class Question(msgspec.Struct, frozen=True):
    """Which prefixes of which file to time."""

    file: str
    at: tuple[int, ...]  # besides the whole model
    threads: int = 1
    seconds: float = 0.05  # to spend on running each


class Times(msgspec.Struct, frozen=True):
    """Seconds for one inference of each prefix; a longer one never takes less."""

    runtime: str = ""
    seconds: tuple[float, ...] = ()  # in the order of the question, the whole model last
    problem: str = ""  # why there are none
    remedy: str = ""


def main() -> int:
    """Answer one question."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S if most == resource.RLIM_INFINITY else min(CPU_S, most), most))
    return answer_once(measure)


def measure(request: bytes) -> Times:
    """Time the prefixes in this process."""
    try:
        question = msgspec.json.decode(request, type=Question)
        runtime, module = find_runtime((LITERT, TFLITE_RUNTIME))
        data = Path(question.file).read_bytes()
        ends = (*question.at, len(read_graph(data).operators))
        seconds = tuple(_time_prefix(data, end, module, question) for end in ends)
    except (BrambleError, ModelkitError) as error:
        return Times(problem=str(error), remedy=error.remedy)
    except (msgspec.DecodeError, OSError) as error:
        return Times(problem=f"the question cannot be answered: {error}", remedy="name a .tflite file and its cuts")
    return Times(runtime=f"{runtime.name} {runtime.version}", seconds=bound_by_longer(seconds))


def _time_prefix(data: bytes, end: int, module: str, question: Question) -> float:
    """Return the least of several runs: whatever else the machine does only ever adds."""
    return time_runs(load_prefix(data, end, module, question.threads), question.seconds).least_s


def bound_by_longer(seconds: tuple[float, ...]) -> tuple[float, ...]:
    """Return for each prefix the least of its time and those of longer ones, which do all that it does and more."""
    return tuple(accumulate(reversed(seconds), min))[::-1]


if __name__ == "__main__":
    sys.exit(main())
