"""The one-slot outbox."""

from __future__ import annotations

import queue

import numpy as np
import pytest

from controller.cameras.errors import BadPictureError, SourceFaultError
from controller.cameras.framing import (
    HEADER,
    Alive,
    Ended,
    Gated,
    Message,
    PictureSent,
    Superseded,
    decode_body,
    decode_header,
)
from controller.cameras.motion import Gray
from controller.cameras.outbox import MAX_NOTICES, Candidate, Outbox
from controller.cameras.pictures import Encoded


class Sent(queue.SimpleQueue[Message]):
    """The parent's end: decodes what is sent."""

    def take(self, data: bytes) -> None:
        kind, _ = decode_header(data[: HEADER.size])
        self.put(decode_body(kind, data[HEADER.size :]))

    def next(self) -> Message:
        return self.get(timeout=5)


class Drawn:
    """A picture that counts how often it is encoded."""

    def __init__(self, *, broken: bool = False) -> None:
        self.encoded = 0
        self._broken = broken

    def gray(self) -> Gray:
        return np.zeros((90, 160), np.uint8)

    def encode(self, max_width: int | None) -> Encoded:
        self.encoded += 1
        if self._broken:
            raise BadPictureError("broken")
        return Encoded(b"jpeg", max_width or 10, 5)


def candidate(seq: int, picture: Drawn | None = None) -> Candidate:
    return Candidate(seq, float(seq), None, picture or Drawn())


def test_a_picture_is_sent_while_the_parent_has_room() -> None:
    sent = Sent()
    outbox = Outbox(sent.take, max_width=7, credits_at_start=1)
    outbox.offer(candidate(3))
    assert sent.next() == PictureSent(3, 3.0, 7, 5, None, b"jpeg")


def test_without_room_the_newest_wins_and_the_older_are_announced_unencoded() -> None:
    sent = Sent()
    outbox = Outbox(sent.take, max_width=None, credits_at_start=0)
    pictures = [Drawn() for _ in range(3)]
    for seq, picture in enumerate(pictures):
        outbox.offer(candidate(seq, picture))
    assert [sent.next(), sent.next()] == [Superseded(0, 0.0), Superseded(1, 1.0)]
    outbox.grant(1)
    assert sent.next() == PictureSent(2, 2.0, 10, 5, None, b"jpeg")
    assert [picture.encoded for picture in pictures] == [0, 0, 1]


def test_notices_need_no_room() -> None:
    sent = Sent()
    outbox = Outbox(sent.take, max_width=None, credits_at_start=0)
    outbox.notify(Gated(1, 1.0))
    outbox.notify(Alive())
    assert [sent.next(), sent.next()] == [Gated(1, 1.0), Alive()]


def test_closing_sends_what_waits_and_then_the_last_words() -> None:
    sent = Sent()
    outbox = Outbox(sent.take, max_width=None, credits_at_start=1)
    outbox.offer(candidate(0))
    outbox.close(Ended(), timeout=5)
    assert [sent.next(), sent.next()] == [PictureSent(0, 0.0, 10, 5, None, b"jpeg"), Ended()]


def test_a_picture_that_cannot_be_encoded_is_told_once_and_costs_no_room() -> None:
    sent = Sent()
    outbox = Outbox(sent.take, max_width=None, credits_at_start=1)
    assert outbox.offer(candidate(0, Drawn(broken=True))) is None
    outbox.notify(Alive())
    assert sent.next() == Alive()
    outbox.offer(candidate(1))
    assert isinstance(sent.next(), PictureSent)


def test_a_parent_that_never_reads_ends_the_reader_and_not_the_memory() -> None:
    blocked: queue.SimpleQueue[None] = queue.SimpleQueue()

    def block(_: bytes) -> None:
        blocked.get()

    def notify_for_hours(outbox: Outbox) -> None:
        for seq in range(2 * MAX_NOTICES + 2):
            outbox.notify(Gated(seq, 0.0))

    with pytest.raises(SourceFaultError, match="stopped reading"):
        notify_for_hours(Outbox(block, max_width=None, credits_at_start=0))
