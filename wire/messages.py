"""The messages that cross the network: strict, frozen, JSON.

Times are Unix seconds, durations milliseconds where a name ends in ``_ms``, sizes bytes, temperatures degrees Celsius.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from wire.cuts import CutId
from wire.errors import BadRequestError, ErrorBody
from wire.ids import MAX_STAGES, Digest, Token
from wire.precision import Precision
from wire.tiles import GridSides, Region, TileReport

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything that crosses the network as JSON."""


# --- results -----------------------------------------------------------------------------------------------------


class Class(Message, frozen=True):
    """One class of a picture and how sure the model is."""

    label: str
    index: Count
    score: float


class Detection(Message, frozen=True):
    """One thing found in a picture; ``box`` is x0, y0, x1, y1 as shares of the picture's width and height."""

    label: str
    index: Count
    score: float
    box: tuple[float, float, float, float]


class Timings(Message, frozen=True, omit_defaults=True):
    """Where one frame's time went, in milliseconds."""

    wait_ms: NotNegative = 0.0  # at the controller, for a free slot
    network_ms: NotNegative = 0.0  # the round trip less what the node accounts for
    queue_ms: NotNegative = 0.0  # at the node, behind the frame before it
    decode_ms: NotNegative = 0.0
    preprocess_ms: NotNegative = 0.0
    infer_ms: NotNegative = 0.0
    postprocess_ms: NotNegative = 0.0
    merge_ms: NotNegative = 0.0  # at the controller: the answers of a frame's tiles made one
    total_ms: NotNegative = 0.0  # from the capture (or the request's arrival) to the result


class StageTimings(Message, frozen=True, omit_defaults=True):
    """Where a frame's time went at one stage of a pipeline, in milliseconds."""

    node: Token
    network_ms: float = 0.0  # from the stage before, by both nodes' clocks: off by what these differ, even below 0
    queue_ms: NotNegative = 0.0
    decode_ms: NotNegative = 0.0  # of the picture, or of what the stage before sent
    preprocess_ms: NotNegative = 0.0
    infer_ms: NotNegative = 0.0
    postprocess_ms: NotNegative = 0.0  # at the last stage; before it: coding what goes on
    sent_bytes: Count = 0  # to the next stage

    @property
    def busy_ms(self) -> float:
        """The node's own time for the frame, without its waiting."""
        return self.decode_ms + self.preprocess_ms + self.infer_ms + self.postprocess_ms


class Answer(Message, frozen=True, omit_defaults=True):
    """What the last node of an itinerary replies to the controller. ``timings`` add up all stages."""

    frame: str
    model: Token
    version: str
    digest: Digest  # of the artefact that ran, the whole one where it ran as shards
    nodes: tuple[Token, ...]
    width: Count
    height: Count
    timings: Timings
    cut: CutId | None = None  # None: the whole model
    stages: tuple[StageTimings, ...] = ()  # of a cut model: one a stage, in order
    wire: tuple[Precision, ...] = ()  # what each hop between stages was sent in; empty: all exact
    classes: tuple[Class, ...] | None = None
    detections: tuple[Detection, ...] | None = None


class Result(Message, frozen=True, omit_defaults=True):
    """One frame's result, as published on ``results.<camera>.<model>`` and replied on ``infer.<model>``.

    Either ``error`` is set, or exactly one of ``classes`` and ``detections`` (which may be empty: nothing was there).
    """

    frame: str
    camera: Token
    model: Token
    captured_at: float
    timings: Timings
    version: str = ""
    digest: str = ""
    nodes: tuple[Token, ...] = ()
    width: Count = 0
    height: Count = 0
    classes: tuple[Class, ...] | None = None
    detections: tuple[Detection, ...] | None = None
    cut: CutId | None = None  # None: the whole model ran on one node
    stages: tuple[StageTimings, ...] = ()  # of a cut model: one a stage, in order
    wire: tuple[Precision, ...] = ()  # what each hop between stages was sent in; empty: all exact
    redone: bool = False  # a second node had to be asked
    cached: bool = False  # the same picture had been answered before; no node was asked
    tiles: tuple[TileReport, ...] = ()  # of a frame that was looked at in tiles: one a tile
    error: ErrorBody | None = None
    degraded: str = ""  # the rung of the degradation ladder, where that is not the top
    stand_in: Token | None = None  # the smaller model that answered instead


# --- nodes -------------------------------------------------------------------------------------------------------


class ShardState(StrEnum):
    """How far a node is with a shard."""

    FETCHING = "fetching"
    PROVING = "proving"  # loading in a throw-away child and running the known answer
    READY = "ready"
    REJECTED = "rejected"


class Shard(Message, frozen=True, omit_defaults=True):
    """What a node is to serve of a model: all of it, or the operators ``[start, end)`` as one stage of a cut.

    A whole model is its only stage and names neither operators, nor ``whole``, nor ``cut``.
    """

    model: Token
    version: str
    variant: str
    digest: Digest  # of the file that the node loads
    stage: Count = 0  # from 0
    stages: Annotated[int, Meta(ge=1, le=MAX_STAGES)] = 1
    start: Count = 0
    end: Count = 0
    whole: Digest | None = None  # of the artefact that was cut, as the manifest names it
    cut: CutId | None = None  # wire.cuts.cut_id
    wire: Precision = Precision.EXACT  # in which the stage sends on what it computes
    grid: GridSides | None = None  # rows and columns of parts: the stages but the last run side by side, one a part
    crop: Region | None = None  # of such a part: what it sees of the model's input, in its pixels

    def __post_init__(self) -> None:
        """Hold the fields against each other."""
        described = (self.end > 0, self.whole is not None, self.cut is not None)
        if self.stages == 1 and (any(described) or self.start or self.wire is not Precision.EXACT):
            raise ValueError("a whole model has neither operators, nor a cut, nor a precision to send on in")
        if self.stages > 1 and not all(described):
            raise ValueError("a stage needs its operators, the digest of the whole model and the cut")
        self._check_parts()
        ordered = self.stages == 1 or self.start < self.end
        first = self.stage == 0 or self.crop is not None
        if self.stage >= self.stages or not ordered or first != (self.start == 0):
            raise ValueError(f"stage {self.stage} of {self.stages} cannot be the operators {self.start} to {self.end}")

    @property
    def parts(self) -> int:
        """How many stages run side by side before the last one, on parts of the picture; 0 where stages are a chain."""
        return self.grid[0] * self.grid[1] if self.grid else 0

    def _check_parts(self) -> None:
        if self.parts and self.stages != self.parts + 1:
            raise ValueError(f"{self.parts} parts and what goes on with them are not {self.stages} stages")
        if (self.crop is not None) != (self.stage < self.parts):
            raise ValueError("each part of a picture, and nothing else, needs its crop")

    @property
    def artefact(self) -> str:
        """The digest by which manifest, work orders and results know the model."""
        return self.whole or self.digest


class Assignment(Message, frozen=True):
    """Every shard that one node is to serve: the desired state."""

    node: Token
    shards: tuple[Shard, ...]


class ShardReport(Message, frozen=True, omit_defaults=True):
    """A node's word on one of its shards."""

    shard: Shard
    state: ShardState
    reason: str = ""
    ewma_ms: NotNegative = 0.0  # moving average of the node's own time a frame; 0 before the first
    served: Count = 0
    failed: Count = 0


class Heartbeat(Message, frozen=True, omit_defaults=True):
    """A node's health, once a second."""

    node: Token
    session: str  # changes with every start of the agent
    seq: Count
    at: float
    uptime_s: NotNegative
    version: str
    machine: str  # such as aarch64
    variants: tuple[str, ...]  # the artefact variants that the node's backends can run
    cpus: Count
    load: NotNegative  # one-minute load average
    memory_bytes: Count
    memory_available_bytes: Count
    rss_bytes: Count
    in_flight: Count
    queued: Count
    draining: bool = False
    busy_s: NotNegative = 0.0  # so far with a frame in work, since the agent began
    host: str = ""  # the same for all agents on one machine, until it is booted again
    threads: Count = 0  # of the inference runtime
    memory_limit_bytes: Count = 0  # what the agent was told to take at most; 0: no limit
    temperature_c: float | None = None
    throttling: tuple[str, ...] = ()  # what the board says now, such as "under-voltage"
    shards: tuple[ShardReport, ...] = ()


class Event(Message, frozen=True, omit_defaults=True):
    """Something that happened, for people and the record."""

    at: float
    kind: Token
    text: str
    frame: str = ""


# --- the ledger, requests ------------------------------------------------------------------------------------------


class Counts(Message, frozen=True):
    """The ledger's counts: ``offered`` equals the sum of all ends plus ``open``, always."""

    offered: Count = 0
    inferred: Count = 0
    gated: Count = 0
    dropped: dict[str, int] = {}
    failed: dict[str, int] = {}
    open: Count = 0


class NameRequest(Message, frozen=True):
    """A request that is about one camera, node or model."""

    name: Token


class Done(Message, frozen=True):
    """A request was carried out."""

    text: str


M = TypeVar("M", bound=Message)
_decoders: dict[type[Message], msgspec.json.Decoder[Message]] = {}
_encoder = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """Return the message as JSON bytes."""
    return _encoder.encode(message)


def decode(data: bytes | memoryview, kind: type[M]) -> M:
    """Read a message of the given kind.

    Raises:
        BadRequestError: the bytes are anything else; the message says where.

    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        found = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"not a valid {kind.__name__}: {error}") from error
    assert isinstance(found, kind)  # the decoder is typed; this tells mypy
    return found
