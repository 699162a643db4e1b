"""``python -m edge_agent.probe``: loads one model, asks it for its known answer, says what came of it, and is gone.

The trial comes as JSON on standard input, the verdict goes as JSON to standard output.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge_agent.backends.part import Part
from edge_agent.backends.registry import make_backend
from edge_agent.child import answer_once
from edge_agent.settings import Profile
from edge_agent.trial import CPU_S, Trial, Verdict
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest
from wire.errors import BrambleError, InternalError, ModelRejectedError


def main() -> int:
    """Judge one model."""
    return answer_once(judge)


def judge(request: bytes) -> Verdict:
    """Carry out the trial in this process."""
    try:
        trial = msgspec.json.decode(request, type=Trial)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Verdict(problem=f"the trial cannot be read: {error}")
    _bound(trial.memory_bytes)
    try:
        _prove(trial)
    except (BrambleError, ModelkitError) as error:
        return Verdict(problem=str(error), remedy=error.remedy)
    except MemoryError:
        return Verdict(problem=f"the model needs more than {trial.memory_bytes >> 20} MiB", remedy="use a smaller one")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return Verdict(peak_bytes=peak)


def _prove(trial: Trial) -> None:
    from edge_agent.backends.served_model import ServedModel  # noqa: PLC0415 - numpy comes after the bounds

    check_signature(trial.signature, trial.manifest, trial.trusted)
    _check_origin(trial)
    backend = make_backend(trial.backend, Profile())
    servable = backend.serve(
        trial.manifest, trial.variant, Path(trial.artefact), threads=trial.threads, part=trial.part
    )
    if not isinstance(servable, ServedModel):
        raise InternalError(f"the backend {trial.backend} has nothing to prove")
    servable.prove(Path(trial.picture).read_bytes() if trial.picture else None)


def check_signature(signature: str | None, manifest: Manifest, trusted: Sequence[str]) -> None:
    """Verify a model's signature where there is one to verify; raises modelkit's errors."""
    if signature is None:
        return
    from modelkit.signature import verify  # noqa: PLC0415 - cryptography is loaded here, not in the agent itself

    verify(signature.encode(), manifest, [key.encode() for key in trusted])


def _check_origin(trial: Trial) -> None:
    """A stage has no signature of its own: cut the signed model again, and see whether the same file comes of it."""
    if trial.whole is None:
        return
    if Path(trial.artefact).read_bytes() != _cut_again(Path(trial.whole).read_bytes(), trial.part):
        raise ModelRejectedError(
            f"the file is not the operators {trial.part.start} to {trial.part.end} of the signed model",
            remedy="cut the model again: `bramble plan`",
        )


def _cut_again(whole: bytes, part: Part) -> bytes:
    from modelkit.slicing import slice_model  # noqa: PLC0415 - only where signatures are asked for
    from modelkit.tiling import Grid, tile  # noqa: PLC0415 - likewise

    if part.crop is None:
        return slice_model(whole, part.start, part.end).data
    assert part.grid is not None  # shards are checked as they are read
    found = tile(whole, part.end, Grid(*part.grid)).parts[part.stage]
    (rows, columns), *_ = (piece.region for piece in found.inputs)
    seen = (columns.start, rows.start, columns.end, rows.end)
    if seen != part.crop:
        raise ModelRejectedError(
            f"part {part.stage} sees {seen} of the input, the assignment says {part.crop}",
            remedy="cut the model again: `bramble plan`",
        )
    return found.data


def _bound(memory: int) -> None:
    """Bound what a hostile model can take: memory, processor time, core dumps."""
    for what, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(what)
        allowed = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(what, (allowed, most))


if __name__ == "__main__":
    sys.exit(main())
