"""How far two answers to the same picture agree: what a change of precision, runtime or artefact does to a model."""

from collections.abc import Sequence

import msgspec
import numpy as np

from modelkit.answers import Answers, Classification, Detection
from modelkit.boxes import overlap

Answer = Classification | Detection

SAME_PLACE = 0.5  # least intersection over union of two boxes that are about the same thing (as in PASCAL VOC)


class Agreement(msgspec.Struct, frozen=True):
    """Of an answer with the one that it is held against."""

    same_first: bool  # the first answer has the same label, or both found nothing
    matched: float  # share of the answers of either that have a partner with the same label, and place, in the other
    score_change: float  # greatest difference of two partners' scores
    least_overlap: float  # of two partners' boxes, as intersection over union; 1 where there are no boxes


def compare_answers(exact: Answers, found: Answers) -> Agreement:
    """Hold an answer against the exact one. Each answer has at most one partner: best scores choose first."""
    left: list[Answer] = list(found)
    changes, overlaps = [0.0], [1.0]
    partners = 0
    wishes: list[Answer] = list(exact)
    for wanted in sorted(wishes, key=lambda each: -each.score):
        best, iou = _find_partner(wanted, left)
        if best is None:
            continue
        left.remove(best)
        partners += 1
        changes.append(abs(best.score - wanted.score))
        overlaps.append(iou)
    most = max(len(exact), len(found))
    first = [answers[0].label if answers else None for answers in (exact, found)]
    return Agreement(
        same_first=first[0] == first[1],
        matched=partners / most if most else 1.0,
        score_change=max(changes),
        least_overlap=min(overlaps),
    )


def _find_partner(wanted: Answer, among: Sequence[Answer]) -> tuple[Answer | None, float]:
    """The answer with the same label that lies best, and how well; none where it lies elsewhere."""
    same = [each for each in among if each.index == wanted.index and type(each) is type(wanted)]
    if not same or not isinstance(wanted, Detection):
        return (same[0] if same else None), 1.0
    boxes = np.array([each.box for each in same if isinstance(each, Detection)], np.float32)
    overlaps = overlap(np.array(wanted.box, np.float32), boxes)
    # Of boxes in the same place, up to rounding, the one with the nearest score.
    best = max(range(len(same)), key=lambda at: (round(float(overlaps[at]), 4), -abs(same[at].score - wanted.score)))
    iou = float(overlaps[best])
    return (same[best], iou) if iou >= SAME_PLACE else (None, 0.0)
