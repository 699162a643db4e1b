"""The parts of a frame that was divided by area, as they come to the node that goes on with all of them.

Pure: frames and bytes are bounded, and what stays incomplete is given up at the frame's deadline.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from edge_agent.pipeline import Work
from wire.errors import BadRequestError, DeadlineExceededError, NoCapacityError
from wire.headers import Hop, WorkOrder

MAX_GATHERED = 8
"""Frames of which some part is still missing. Controllers send two at a time."""
MAX_GATHERED_BYTES = 32 << 20

Key = tuple[str, tuple[Hop, ...]]
"""A frame on its way: another try takes another itinerary, and its parts are its own."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All parts of a frame. Its answer goes to ``reply``; whoever sent the other parts is told that they came."""

    work: Work
    reply: str
    others: tuple[str, ...]


@dataclass(slots=True)
class _Gathering:
    deadline: float
    pieces: dict[int, tuple[Work, str]] = field(default_factory=dict)  # and where the answer is to go


class Gathering:
    """The frames of one shard of which some part is missing. Times by ``time.monotonic``."""

    def __init__(self, parts: int) -> None:
        self._parts = parts
        self._frames: dict[Key, _Gathering] = {}
        self.bytes = 0

    def add(self, work: Work, reply: str) -> Gathered | None:
        """Take in a part; the whole frame when it was the last.

        Raises:
            BadRequestError: it is no part.
            NoCapacityError: it came before, or too much is waiting for its other parts.

        """
        order = work.order
        if order.part is None or not order.part < self._parts:
            raise BadRequestError(f"part {order.part} of {self._parts} does not exist")
        key = (order.frame, order.itinerary)
        known = self._frames.get(key)
        if known is not None and order.part in known.pieces:
            raise NoCapacityError(f"part {order.part} of the frame {order.frame} came twice")
        full = known is None and len(self._frames) >= MAX_GATHERED
        if full or self.bytes + len(work.payload) > MAX_GATHERED_BYTES:
            raise NoCapacityError(
                f"{len(self._frames)} frames of {self.bytes} bytes wait for their other parts",
                remedy="send fewer frames at a time",
            )
        if known is None:
            known = self._frames[key] = _Gathering(work.deadline)
        known.pieces[order.part] = (work, reply)
        known.deadline = min(known.deadline, work.deadline)
        self.bytes += len(work.payload)
        if len(known.pieces) < self._parts:
            return None
        return _complete(self._forget(key), last=work)

    def expire(self, now: float) -> Iterator[tuple[str, DeadlineExceededError]]:
        """Give up frames whose deadline has passed; yields where to say so."""
        late = [key for key, frame in self._frames.items() if frame.deadline <= now]
        for key in late:
            pieces = self._forget(key).pieces
            missing = sorted({*range(self._parts)} - pieces.keys())
            error = DeadlineExceededError(f"the parts {missing} of {self._parts} of the frame {key[0]} did not come")
            for _, reply in pieces.values():
                yield reply, error

    @property
    def next_deadline(self) -> float | None:
        """When the next frame is given up."""
        return min((frame.deadline for frame in self._frames.values()), default=None)

    def _forget(self, key: Key) -> _Gathering:
        frame = self._frames.pop(key)
        self.bytes -= sum(len(work.payload) for work, _ in frame.pieces.values())
        return frame


def _complete(frame: _Gathering, *, last: Work) -> Gathered:
    works = [frame.pieces[part][0] for part in sorted(frame.pieces)]
    replies = [frame.pieces[part][1] for part in sorted(frame.pieces)]
    order: WorkOrder = msgspec.structs.replace(
        works[0].order, done=tuple(each for work in works for each in work.order.done)
    )
    payload = join_pieces([work.payload for work in works])
    whole = Work(order, payload, last.arrived, frame.deadline, last.network_ms)
    return Gathered(whole, replies[0], tuple(replies[1:]))


def join_pieces(pieces: list[bytes]) -> bytes:
    """Return one payload out of several, in order."""
    return b"".join((struct.pack(f"<{len(pieces)}I", *map(len, pieces)), *pieces))


def split_pieces(payload: bytes, number: int) -> list[memoryview]:
    """Return what was given to :func:`join_pieces`; it never leaves this process, so it is well-formed."""
    view = memoryview(payload)
    start, found = 4 * number, []
    for length in struct.unpack_from(f"<{number}I", payload):
        found.append(view[start : start + length])
        start += length
    return found
