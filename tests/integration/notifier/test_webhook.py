"""Notices posted to a real web server: in order, again when it is away, never for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from notifier.notice import Notice
from notifier.settings import Webhook
from notifier.webhook import WebhookTeller
from tests.notifier_testing.servers import WebServer


def make_notice(about: str, kind: Any = "trouble") -> Notice:
    return Notice(
        kind=kind, state="raised", about=about, check="pictures", severity="broken", text=f"{about}: blind", at=1.0
    )


@contextmanager
def web(*statuses: int) -> Iterator[WebServer]:
    server = WebServer(*statuses)
    try:
        yield server
    finally:
        server.close()


@asynccontextmanager
async def telling(url: str, **settings: Any) -> AsyncIterator[WebhookTeller]:
    teller = WebhookTeller(Webhook(url, **settings), pauses_s=(0.01, 0.01))
    task = asyncio.create_task(teller.run(), name="teller")
    try:
        yield teller
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_notices_arrive_in_order_with_the_token() -> None:
    with web() as server:
        async with telling(server.url, token="T0KEN") as teller:
            teller.tell(make_notice("camera door"))
            teller.tell(make_notice("node pi"))
            first, second = await server.next(), await server.next()

    assert first[0]["Authorization"] == "Bearer T0KEN"
    assert first[0]["Content-Type"] == "application/json"
    assert first[1] == {
        "kind": "trouble", "state": "raised", "about": "camera door", "check": "pictures", "severity": "broken",
        "text": "camera door: blind", "at": 1.0,
    }  # fmt: skip
    assert second[1]["about"] == "node pi"


async def test_a_server_in_trouble_is_asked_again() -> None:
    with web(503, 429) as server:
        async with telling(server.url) as teller:
            teller.tell(make_notice("camera door"))
            bodies = [(await server.next())[1]["about"] for _ in range(3)]

    assert bodies == ["camera door"] * 3


async def test_a_refusal_is_final_and_said_and_the_next_notice_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with web(400) as server, caplog.at_level(logging.ERROR):
        async with telling(server.url) as teller:
            teller.tell(make_notice("camera door"))
            teller.tell(make_notice("node pi"))
            bodies = [(await server.next())[1]["about"] for _ in range(2)]

    assert bodies == ["camera door", "node pi"]
    assert [record.message for record in caplog.records] == ["a notice was not delivered"]
    assert "status 400" in vars(caplog.records[0])["error"]


class Watcher(logging.Handler):
    """Sets an event at the first record."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - logging's signature
        self.seen.set()


async def test_nobody_there_is_given_up_in_the_end_without_telling_the_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watcher = Watcher()
    logging.getLogger("bramble.notify").addHandler(watcher)
    try:
        async with telling("http://127.0.0.1:9/T0P-S3CRET") as teller:
            teller.tell(make_notice("camera door"))
            await asyncio.wait_for(watcher.seen.wait(), 10)
    finally:
        logging.getLogger("bramble.notify").removeHandler(watcher)

    assert [record.message for record in caplog.records] == ["a notice was not delivered"]
    assert "S3CRET" not in str(vars(caplog.records[0]))


async def test_only_the_kinds_asked_for_are_posted() -> None:
    with web() as server:
        async with telling(server.url, kinds=("sighting",)) as teller:
            teller.tell(make_notice("camera door"))
            teller.tell(make_notice("camera yard", kind="sighting"))

            assert (await server.next())[1]["about"] == "camera yard"
