"""``python -m edge_agent.wire_effect``: what coarser activations do to a model's answers, measured, and it is gone.

The question comes as JSON on standard input, the answer goes as JSON to standard output. The model is cut as the plan
would have it, and its stages hand on through the code that frames take: once exactly, once as asked.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean

import msgspec

from edge_agent.backends.base import Activations, Backend, Servable
from edge_agent.backends.exits import from_findings
from edge_agent.backends.part import Part
from edge_agent.backends.registry import make_backend
from edge_agent.child import answer_once
from edge_agent.model_times import NICENESS
from edge_agent.probe import check_signature
from edge_agent.settings import Profile
from edge_agent.timing import Effect, Question
from modelkit.agreement import compare_answers
from modelkit.answers import Answers
from modelkit.errors import ModelkitError
from modelkit.known_answer import check_known_answer
from modelkit.picture import read_picture_info
from modelkit.slicing import split
from wire.errors import BrambleError, InternalError
from wire.headers import Hop, WorkOrder
from wire.precision import Precision
from wire.tiles import Region

CORNER = 3 / 4
"""Share of the known picture's sides that each of the four views from its corners shows; a fifth shows the middle."""


def main() -> int:
    """Answer one question."""
    os.nice(NICENESS)
    return answer_once(measure)


def measure(request: bytes) -> Effect:
    """Run the model in this process, both ways."""
    try:
        return _measure(msgspec.json.decode(request, type=Question))
    except (BrambleError, ModelkitError) as error:
        return Effect(problem=str(error), remedy=error.remedy)
    except (msgspec.DecodeError, OSError, MemoryError) as error:
        return Effect(problem=f"the effect cannot be measured: {error!r}", remedy="see the agent's log on the node")


def list_views(width: int, height: int) -> tuple[Region | None, ...]:
    """Return the whole picture (None) and five parts of it, in pixels: one picture would say little."""
    wide, high = max(1, round(width * CORNER)), max(1, round(height * CORNER))
    corners = [(x, y, x + wide, y + high) for x in (0, width - wide) for y in (0, height - high)]
    x, y = (width - wide) // 2, (height - high) // 2
    return (None, *corners, (x, y, x + wide, y + high))


def _measure(question: Question) -> Effect:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    check_signature(question.signature, question.manifest, question.trusted)
    if question.picture is None:
        return Effect(refused="the model has no known picture: what a coarser precision does to it cannot be told")
    picture = Path(question.picture).read_bytes()
    info = read_picture_info(picture)
    with ExitStack() as stack:
        stages = _load(make_backend(question.backend, Profile()), question)
        for stage in stages:
            stack.callback(stage.close)
        exact, coded = (
            [_answer(stages, picture, view, wires) for view in list_views(info.width, info.height)]
            for wires in ((Precision.EXACT,) * len(question.wires), question.wires)
        )
    found = [compare_answers(one, other) for one, other in zip(exact, coded, strict=True)]
    return Effect(
        pictures=len(found),
        same_first=sum(each.same_first for each in found),
        matched=fmean(each.matched for each in found),
        score_change=max(each.score_change for each in found),
        least_overlap=min(each.least_overlap for each in found),
        refused=_refuse(question, coded[0]),
    )


def _load(backend: Backend, question: Question) -> list[Servable]:
    stages = split(Path(question.artefact).read_bytes(), question.at).stages
    with tempfile.TemporaryDirectory(prefix="bramble-effect-") as directory:
        loaded: list[Servable] = []
        for number, stage in enumerate(stages):
            path = Path(directory, str(number))
            path.write_bytes(stage.shard.data)
            part = Part(number, len(stages), stage.shard.start, stage.shard.end)
            loaded.append(backend.serve(question.manifest, question.variant, path, threads=question.threads, part=part))
        return loaded


def _answer(stages: Sequence[Servable], picture: bytes, view: Region | None, wires: Sequence[Precision]) -> Answers:
    hops = tuple(Hop("here", number, wire) for number, wire in enumerate((*wires, Precision.EXACT)))
    info = read_picture_info(picture)
    order = WorkOrder(
        frame="effect", digest="", itinerary=hops, deadline_ms=1, region=view, picture=(info.width, info.height)
    )
    payload = picture
    for stage in stages:
        prepared = stage.prepare(payload, order)
        outcome = stage.interpret(prepared, stage.infer(prepared), order)
        if not isinstance(outcome, Activations):
            return from_findings(outcome)
        payload = outcome.payload
    raise InternalError(f"the last of {len(stages)} stages gave no answer")


def _refuse(question: Question, answers: Answers) -> str:
    """Say why the precision must not be used: the known picture no longer gets its known answer."""
    try:
        check_known_answer(question.manifest, answers)
    except ModelkitError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())
