"""How long the first operators of a model take on this machine, asked of a child process that has a runtime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from modelkit.errors import ModelRejectedError

_MODULE = "edge_agent.prefix_times"
_TIMEOUT_S = 300
_TAIL = 300  # characters of what a crashed child said


class PrefixTimes(msgspec.Struct, frozen=True):
    """Seconds for one inference of each prefix, the whole model last."""

    runtime: str = ""
    seconds: tuple[float, ...] = ()
    problem: str = ""
    remedy: str = ""


def measure_prefixes(file: Path, at: tuple[int, ...]) -> PrefixTimes:
    """Time the operators before each of the cuts ``at``, on one thread.

    Raises:
        ModelRejectedError: the runtime is missing, took too long, crashed, or cannot run the model.

    """
    question = msgspec.json.encode({"file": str(file.resolve()), "at": at})
    try:
        done = subprocess.run(
            [sys.executable, "-m", _MODULE], input=question, capture_output=True, check=True, timeout=_TIMEOUT_S
        )
        times = msgspec.json.decode(done.stdout, type=PrefixTimes)
    except subprocess.TimeoutExpired as error:
        raise ModelRejectedError(
            f"measuring took more than {_TIMEOUT_S} s", remedy="measure a smaller model, or on a faster machine"
        ) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()[-_TAIL:]
        raise ModelRejectedError(
            f"the runtime ended with code {error.returncode}: {said}", remedy="list the cuts without --measure"
        ) from error
    except msgspec.DecodeError as error:
        raise ModelRejectedError(
            f"the runtime gave no times: {error}", remedy="list the cuts without --measure"
        ) from error
    if times.problem:
        raise ModelRejectedError(times.problem, remedy=times.remedy)
    return times
