"""The headers of a request: read and checked in one place.

People's headers choose how ``infer.<model>`` answers; the programs' headers carry a frame along its itinerary.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache

import msgspec

from wire.cuts import CUT_PATTERN
from wire.errors import BadRequestError
from wire.ids import MAX_STAGES, check_token
from wire.messages import StageTimings
from wire.precision import Precision
from wire.tiles import DEFAULT_OVERLAP, Region, Tiles, read_region, read_tiles, write_region
from wire.trace import TRACEPARENT, parse_traceparent

DEADLINE = "Bramble-Deadline-Ms"
TOP_K = "Bramble-Top-K"
THRESHOLD = "Bramble-Threshold"
ANSWER = "Bramble-Answer"
FRAME = "Bramble-Frame"
ITINERARY = "Bramble-Itinerary"
DIGEST = "Bramble-Digest"
CUT = "Bramble-Cut"
WIRE = "Bramble-Wire"
PICTURE = "Bramble-Picture"
STAGES = "Bramble-Stages"
SENT = "Bramble-Sent"
KNOCK = "Bramble-Knock"
CACHE = "Bramble-Cache"
ERROR = "Bramble-Error"
TILES = "Bramble-Tiles"
OVERLAP = "Bramble-Overlap"
WHOLE = "Bramble-Whole"
REGION = "Bramble-Region"
PART = "Bramble-Part"
GATHERED = "Bramble-Gathered"  # of a reply: the part came, the answer goes to who sent part 0
NODE = "Bramble-Node"  # of an error: where it happened
ABSENT = "Bramble-Absent"  # of an error: nobody was on that node to take the frame

DEFAULT_DEADLINE_MS = 5000
DEFAULT_TOP_K = 5
MAX_DEADLINE_MS = 600_000
MAX_TOP_K = 1000
MAX_PICTURE_SIDE = 1 << 16
MAX_STAGES_TEXT = 32 << 10  # characters of the stages' timings

_CUT = re.compile(CUT_PATTERN)
_stages = msgspec.json.Decoder(tuple[StageTimings, ...])


class AnswerKind(StrEnum):
    """What ``infer.<model>`` is to reply with."""

    JSON = "json"
    PICTURE = "picture"


class InferOptions(msgspec.Struct, frozen=True):
    """How a person wants ``infer.<model>`` to answer."""

    deadline_ms: int = DEFAULT_DEADLINE_MS
    top_k: int = DEFAULT_TOP_K
    threshold: float | None = None  # None: the model's own
    answer: AnswerKind = AnswerKind.JSON
    tiles: Tiles | None = None  # None: the picture is looked at as a whole
    cached: bool = False  # the answer to the same bytes from before will do

    def to_headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        headers = {DEADLINE: str(self.deadline_ms), TOP_K: str(self.top_k), ANSWER: self.answer.value}
        if self.threshold is not None:
            headers[THRESHOLD] = repr(self.threshold)
        if self.tiles is not None:
            whole = "yes" if self.tiles.whole else "no"
            headers |= {TILES: str(self.tiles), OVERLAP: repr(self.tiles.overlap), WHOLE: whole}
        if self.cached:
            headers[CACHE] = "yes"
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
            tiles=_read_tiles(found),
            cached=_read_yes(found, CACHE, default="no"),
        )


class Hop(msgspec.Struct, frozen=True):
    """One stop of an itinerary: a node serves a stage, and sends what it computed on in ``wire``."""

    node: str
    stage: int
    wire: Precision = Precision.EXACT


class WorkOrder(msgspec.Struct, frozen=True):
    """What travels with a frame from node to node.

    ``deadline_ms`` is the time left when it was sent, so that clocks need not agree; each hop takes off what it used.
    The fields from ``cut`` on are for models that run as shards: each stage adds its own to ``done``.
    """

    frame: str
    digest: str  # of the whole model, also where nodes hold shards of it
    itinerary: tuple[Hop, ...]
    deadline_ms: int
    top_k: int = DEFAULT_TOP_K
    threshold: float | None = None
    traceparent: str | None = None  # of the frame's trace, where it has one
    region: Region | None = None  # the part of the picture to look at; None: all of it
    cut: str | None = None  # None: the whole model
    picture: tuple[int, int] | None = None  # width and height of the frame, for the last stage's answer
    done: tuple[StageTimings, ...] = ()  # one a stage that the frame has passed
    sent_at: float | None = None  # Unix seconds, by the sender's clock
    part: int | None = None  # of a picture divided by area: the one that this is

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
        if self.traceparent is not None:
            headers[TRACEPARENT] = self.traceparent
        if self.region is not None:
            headers[REGION] = write_region(self.region)
        if self.cut is None:
            return headers
        headers[CUT] = self.cut
        if any(hop.wire is not Precision.EXACT for hop in self.itinerary):
            headers[WIRE] = ",".join(hop.wire for hop in self.itinerary)
        if self.picture is not None:
            headers[PICTURE] = f"{self.picture[0]}x{self.picture[1]}"
        if self.done:
            headers[STAGES] = msgspec.json.encode(self.done).decode("ascii")
        if self.part is not None:
            headers[PART] = str(self.part)
        if self.sent_at is not None:
            headers[SENT] = f"{self.sent_at:.6f}"
        return headers

    @classmethod
    def from_headers(cls, headers: Mapping[str, str] | None) -> WorkOrder:
        """Read a work order out of headers.

        Raises:
            BadRequestError: one is missing or malformed, or does not go with the others.

        """
        found = _fold(headers)
        threshold = found.get(THRESHOLD.lower())
        region = found.get(REGION.lower())
        cut = found.get(CUT.lower())
        itinerary = _read_itinerary(_require(found, ITINERARY), found.get(WIRE.lower()))
        order = cls(
            frame=check_token(_require(found, FRAME), "frame id"),
            digest=check_token(_require(found, DIGEST), "digest"),
            itinerary=itinerary,
            deadline_ms=_read_int(found, DEADLINE, 0, 1, MAX_DEADLINE_MS),
            top_k=_read_int(found, TOP_K, DEFAULT_TOP_K, 1, MAX_TOP_K),
            threshold=None if threshold is None else _read_share(THRESHOLD, threshold),
            traceparent=_read_trace(found.get(TRACEPARENT)),
            region=None if region is None else read_region(region),
        )
        if cut is None:
            return order
        part = _read_int(found, PART, 0, 0, MAX_STAGES) if PART.lower() in found else None
        whole: WorkOrder = msgspec.structs.replace(
            order,
            part=part,
            cut=_read_cut(cut),
            picture=_read_picture(found.get(PICTURE.lower())),
            done=_read_stages(found.get(STAGES.lower()), itinerary[part or 0 :]),
            sent_at=_read_sent(found.get(SENT.lower())),
        )
        return whole


def _read_trace(text: str | None) -> str | None:
    context = parse_traceparent(text)
    return context.to_header() if context else None


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


def _read_tiles(found: Mapping[str, str]) -> Tiles | None:
    grid = found.get(TILES.lower())
    if grid is None:
        return None
    overlap = _read_share(OVERLAP, found.get(OVERLAP.lower(), str(DEFAULT_OVERLAP)))
    return read_tiles(grid, overlap, whole=_read_yes(found, WHOLE, default="yes"))


def _read_yes(found: Mapping[str, str], name: str, *, default: str) -> bool:
    text = found.get(name.lower(), default).lower()
    if text not in {"yes", "no"}:
        raise BadRequestError(f"{name}: {text[:40]!r} is not known", remedy="give yes or no")
    return text == "yes"


@lru_cache(1024)
def _read_itinerary(text: str, wire: str | None) -> tuple[Hop, ...]:
    parts = text.split(",", MAX_STAGES)
    if len(parts) > MAX_STAGES:
        raise BadRequestError(f"{ITINERARY}: more than {MAX_STAGES} stages")
    precisions = [Precision.EXACT] * len(parts) if wire is None else _read_wire(wire)
    if len(precisions) != len(parts):
        raise BadRequestError(
            f"{WIRE}: {len(precisions)} precisions for {len(parts)} stages", remedy="give one a stage"
        )
    hops = []
    for part, precision in zip(parts, precisions, strict=True):
        node, slash, stage = part.partition("/")
        if not slash or not (stage.isascii() and stage.isdigit() and len(stage) <= 2):  # noqa: PLR2004 - MAX_STAGES has two digits
            raise BadRequestError(f"{ITINERARY}: {part[:80]!r} is not node/stage")
        hops.append(Hop(check_token(node, "node"), int(stage), precision))
    return tuple(hops)


def _read_wire(text: str) -> list[Precision]:
    try:
        return [Precision(part) for part in text.split(",", MAX_STAGES)]
    except ValueError as error:
        kinds = ", ".join(Precision)
        raise BadRequestError(f"{WIRE}: {text[:80]!r} is not known", remedy=f"give any of {kinds} a stage") from error


def _read_cut(text: str) -> str:
    if not _CUT.match(text):
        raise BadRequestError(f"{CUT}: {text[:40]!r} is not a cut's identity", remedy="give 16 hexadecimal digits")
    return text


def _read_picture(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.partition("x")
    sides = [
        int(side) if side.isascii() and side.isdigit() and len(side) <= len(str(MAX_PICTURE_SIDE)) else 0
        for side in (width, height)
    ]
    if not all(0 < side <= MAX_PICTURE_SIDE for side in sides):
        raise BadRequestError(f"{PICTURE}: {text[:40]!r} is not a size such as 640x480")
    return sides[0], sides[1]


def _read_stages(text: str | None, itinerary: Sequence[Hop]) -> tuple[StageTimings, ...]:
    if text is None:
        return ()
    try:
        done = _stages.decode(text[:MAX_STAGES_TEXT])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise BadRequestError(f"{STAGES}: not the timings of stages: {error}") from error
    if [each.node for each in done] != [hop.node for hop in itinerary[: len(done)]]:
        raise BadRequestError(f"{STAGES}: {len(done)} stages that are not the itinerary's first ones")
    return done


def _read_sent(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < 1e11:  # noqa: PLR2004 - beyond any clock; keeps the arithmetic finite
        raise BadRequestError(f"{SENT}: {text[:40]!r} is not a time in Unix seconds")
    return seconds
