"""What a node sends about frames: at once where that can be, else later, and never without an end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import cast

import pytest

from edge_agent.outbox import MAX_LATE, Outbox
from wire.bus import Link
from wire.errors import BusError, NoRespondersError, TooLargeError, error_from_json
from wire.headers import ABSENT, NODE


class SlowLink:
    """A connection that takes messages at once, or only from the loop's thread, or only with waiting."""

    def __init__(self) -> None:
        self.home = threading.get_ident()
        self.encrypted = False
        self.takes = asyncio.Event()
        self.posted: list[tuple[str, bytes, Mapping[str, str] | None]] = []
        self.published: list[tuple[str, bytes, Mapping[str, str] | None]] = []
        self.error: BusError | TooLargeError | None = None

    def post(self, subject: str, payload: bytes, *, headers: Mapping[str, str] | None) -> bool:
        if self.error:
            raise self.error
        if not self.takes.is_set() or (self.encrypted and threading.get_ident() != self.home):
            return False
        self.posted.append((subject, payload, headers))
        return True

    async def publish(self, subject: str, payload: bytes, *, headers: Mapping[str, str] | None) -> None:
        await self.takes.wait()
        self.published.append((subject, payload, headers))


@pytest.fixture
def link() -> SlowLink:
    return SlowLink()


@pytest.fixture
async def outbox(link: SlowLink) -> Outbox:
    return Outbox("pi-1", cast("Link", link))


async def test_an_answer_leaves_in_the_thread_that_gives_it(outbox: Outbox, link: SlowLink) -> None:
    link.takes.set()
    await asyncio.to_thread(outbox.answer, "here", b"cat")
    assert link.posted == [("here", b"cat", None)]


async def test_what_a_thread_may_not_send_itself_is_sent_by_the_loop(outbox: Outbox, link: SlowLink) -> None:
    link.takes.set()
    link.encrypted = True
    await asyncio.to_thread(outbox.answer, "here", b"cat")
    await outbox.close(within=5.0)
    assert link.posted == [("here", b"cat", None)]


async def test_an_answer_waits_for_a_slow_server_and_so_does_whoever_closes(outbox: Outbox, link: SlowLink) -> None:
    outbox.answer("here", b"cat")
    closing = asyncio.create_task(outbox.close(within=5.0))
    await asyncio.sleep(0)
    assert not closing.done()
    link.takes.set()
    await closing
    assert link.published == [("here", b"cat", None)]


async def test_no_more_answers_wait_than_are_allowed_and_the_rest_is_told_as_lost(
    outbox: Outbox, link: SlowLink, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "bramble.agent"):
        for number in range(MAX_LATE + 3):
            outbox.answer("here", b"%d" % number)
        await asyncio.sleep(0)
        assert [record.message for record in caplog.records] == ["an answer was lost"] * 3
    link.takes.set()
    await outbox.close(within=5.0)
    assert len(link.published) == MAX_LATE


async def test_an_answer_that_cannot_be_sent_is_told_as_lost(
    outbox: Outbox, link: SlowLink, caplog: pytest.LogCaptureFixture
) -> None:
    link.error = TooLargeError("9 MB are more than the server takes")
    with caplog.at_level(logging.WARNING, "bramble.agent"):
        outbox.answer("here", b"cat")
    assert [record.message for record in caplog.records] == ["an answer was lost"]


async def test_a_refusal_says_which_node_it_is_about_and_whether_that_is_absent(outbox: Outbox, link: SlowLink) -> None:
    link.takes.set()
    outbox.refuse("here", BusError("away"))
    outbox.refuse("here", NoRespondersError("nobody serves stage 1", node="pi-2"))
    (_, first, own), (_, second, other) = link.posted
    assert own is not None
    assert other is not None
    assert (own[NODE], ABSENT in own) == ("pi-1", False)
    assert (other[NODE], ABSENT in other) == ("pi-2", True)
    assert [str(error_from_json(each)) for each in (first, second)] == ["away", "nobody serves stage 1"]
