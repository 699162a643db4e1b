"""The proof that a model works on a node: a known picture must get its known answer."""

import numpy as np

from modelkit.answers import Answers, Classification, Detection
from modelkit.boxes import overlap
from modelkit.errors import ModelRejectedError
from modelkit.manifest import ExpectedBox, ExpectedClass, Manifest

_REMEDY = "do not serve it: build or add the model again, and compare the runtime's version with other nodes"


def check_known_answer(manifest: Manifest, answers: Answers) -> None:
    """Hold what the model said about its known picture against what it must say.

    Raises ModelRejectedError with both. A model without a known answer passes.
    """
    known = manifest.known_answer
    if known is None:
        return
    subject = f"model {manifest.name} {manifest.version} on {known.file}"
    if known.top is not None:
        _check_top(subject, known.top, answers)
    for expected in known.boxes:
        _check_box(subject, expected, answers)


def _check_top(subject: str, expected: ExpectedClass, answers: Answers) -> None:
    best = answers[0] if answers else None
    if (
        not isinstance(best, Classification)
        or best.label != expected.label
        or abs(best.score - expected.score) > expected.tolerance
    ):
        got = f"{best.label} {best.score:.3f}" if best is not None else "nothing"
        raise ModelRejectedError(
            f"{subject}: expected {expected.label} {expected.score:.3f} (+-{expected.tolerance:g}), got {got}",
            remedy=_REMEDY,
        )


def _check_box(subject: str, expected: ExpectedBox, answers: Answers) -> None:
    if any(isinstance(answer, Detection) and _matches(expected, answer) for answer in answers):
        return
    got = "; ".join(_describe(answer) for answer in answers) or "nothing"
    raise ModelRejectedError(
        f"{subject}: expected {expected.label} {expected.score:.3f} (+-{expected.tolerance:g}) at {expected.box}, "
        f"got {got}",
        remedy=_REMEDY,
    )


def _matches(expected: ExpectedBox, found: Detection) -> bool:
    iou = overlap(np.array(expected.box, np.float32), np.array([found.box], np.float32))[0]
    return (
        found.label == expected.label
        and abs(found.score - expected.score) <= expected.tolerance
        and bool(iou >= expected.min_iou)
    )


def _describe(answer: Classification | Detection) -> str:
    place = f" at ({', '.join(f'{side:.3f}' for side in answer.box)})" if isinstance(answer, Detection) else ""
    return f"{answer.label} {answer.score:.3f}{place}"
