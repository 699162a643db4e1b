"""The headers of a request: read and checked in one place.

People's headers choose how ``infer.<model>`` answers; the programs' headers carry a frame along its itinerary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from wire.errors import BadRequestError
from wire.ids import check_token

DEADLINE = "Bramble-Deadline-Ms"
TOP_K = "Bramble-Top-K"
THRESHOLD = "Bramble-Threshold"
ANSWER = "Bramble-Answer"
FRAME = "Bramble-Frame"
ITINERARY = "Bramble-Itinerary"
DIGEST = "Bramble-Digest"
ERROR = "Bramble-Error"

DEFAULT_DEADLINE_MS = 5000
DEFAULT_TOP_K = 5
MAX_DEADLINE_MS = 600_000
MAX_TOP_K = 1000
MAX_STAGES = 64


class AnswerKind(StrEnum):
    """What ``infer.<model>`` is to reply with."""

    JSON = "json"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class InferOptions:
    """How a person wants ``infer.<model>`` to answer."""

    deadline_ms: int = DEFAULT_DEADLINE_MS
    top_k: int = DEFAULT_TOP_K
    threshold: float | None = None  # None: the model's own
    answer: AnswerKind = AnswerKind.JSON

    def to_headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        headers = {DEADLINE: str(self.deadline_ms), TOP_K: str(self.top_k), ANSWER: self.answer.value}
        if self.threshold is not None:
            headers[THRESHOLD] = repr(self.threshold)
        return headers

    @classmethod
    def from_headers(cls, headers: Mapping[str, str] | None) -> InferOptions:
        """Read the options out of headers, whose names are matched in any case.

        Raises:
            BadRequestError: a value is not of its kind or range.

        """
        found = _fold(headers)
        threshold = found.get(THRESHOLD.lower())
        return cls(
            deadline_ms=_read_int(found, DEADLINE, DEFAULT_DEADLINE_MS, 1, MAX_DEADLINE_MS),
            top_k=_read_int(found, TOP_K, DEFAULT_TOP_K, 1, MAX_TOP_K),
            threshold=None if threshold is None else _read_share(THRESHOLD, threshold),
            answer=_read_answer(found.get(ANSWER.lower(), AnswerKind.JSON)),
        )


@dataclass(frozen=True, slots=True)
class Hop:
    """One stop of an itinerary: a node serves a stage."""

    node: str
    stage: int


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What travels with a frame from node to node.

    ``deadline_ms`` is the time left when it was sent, so that clocks need not agree; each hop takes off what it used.
    """

    frame: str
    digest: str
    itinerary: tuple[Hop, ...]
    deadline_ms: int
    top_k: int = DEFAULT_TOP_K
    threshold: float | None = None

    def to_headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        headers = {
            FRAME: self.frame,
            DIGEST: self.digest,
            ITINERARY: ",".join(f"{hop.node}/{hop.stage}" for hop in self.itinerary),
            DEADLINE: str(self.deadline_ms),
            TOP_K: str(self.top_k),
        }
        if self.threshold is not None:
            headers[THRESHOLD] = repr(self.threshold)
        return headers

    @classmethod
    def from_headers(cls, headers: Mapping[str, str] | None) -> WorkOrder:
        """Read a work order out of headers.

        Raises:
            BadRequestError: one is missing or malformed.

        """
        found = _fold(headers)
        threshold = found.get(THRESHOLD.lower())
        return cls(
            frame=check_token(_require(found, FRAME), "frame id"),
            digest=check_token(_require(found, DIGEST), "digest"),
            itinerary=_read_itinerary(_require(found, ITINERARY)),
            deadline_ms=_read_int(found, DEADLINE, 0, 1, MAX_DEADLINE_MS),
            top_k=_read_int(found, TOP_K, DEFAULT_TOP_K, 1, MAX_TOP_K),
            threshold=None if threshold is None else _read_share(THRESHOLD, threshold),
        )


def _fold(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _require(found: dict[str, str], name: str) -> str:
    value = found.get(name.lower())
    if value is None:
        raise BadRequestError(f"the header {name} is missing")
    return value


def _read_int(found: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    text = found.get(name.lower())
    if text is None:
        if default < low:
            raise BadRequestError(f"the header {name} is missing")
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise BadRequestError(f"{name}: {text[:40]!r} is not a whole number", remedy=f"give {low} to {high}")
    return int(text)


def _read_share(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadRequestError(f"{name}: {text[:40]!r} is not a share", remedy="give a number from 0 to 1")
    return value


def _read_answer(text: str) -> AnswerKind:
    try:
        return AnswerKind(text.lower())
    except ValueError:
        kinds = " or ".join(AnswerKind)
        raise BadRequestError(f"{ANSWER}: {text[:40]!r} is not known", remedy=f"give {kinds}") from None


def _read_itinerary(text: str) -> tuple[Hop, ...]:
    parts = text.split(",", MAX_STAGES)
    if len(parts) > MAX_STAGES:
        raise BadRequestError(f"{ITINERARY}: more than {MAX_STAGES} stages")
    hops = []
    for part in parts:
        node, slash, stage = part.partition("/")
        if not slash or not (stage.isascii() and stage.isdigit() and len(stage) <= 2):  # noqa: PLR2004 - MAX_STAGES has two digits
            raise BadRequestError(f"{ITINERARY}: {part[:80]!r} is not node/stage")
        hops.append(Hop(check_token(node, "node"), int(stage)))
    return tuple(hops)
