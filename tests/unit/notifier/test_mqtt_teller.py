"""Ending the teller of an MQTT broker."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Self

from notifier.mqtt import MqttTeller
from notifier.settings import Mqtt


class DeafClient:
    """Swallows a cancellation that comes while it publishes, as ``asyncio.wait_for`` of Python 3.11 may."""

    def __init__(self) -> None:
        self.publishing = asyncio.Event()
        self.published: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def subscribe(self, *_: object, **__: object) -> None:
        pass

    async def publish(self, topic: str, *_: object, **__: object) -> None:
        self.publishing.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        self.published.append(topic)

    @property
    async def messages(self) -> Any:
        await asyncio.Event().wait()
        yield


async def test_a_stop_that_comes_while_something_is_sent_is_heeded() -> None:
    client = DeafClient()

    class Deaf(MqttTeller):
        def _connect(self) -> Any:
            return client

    teller = Deaf(Mqtt(host="127.0.0.1"))
    teller.show({"bramble/door/state": b"1"})
    task = asyncio.create_task(teller.run())
    await asyncio.wait_for(client.publishing.wait(), 5)
    task.cancel()
    _, late = await asyncio.wait({task}, timeout=5)

    assert not late
    assert client.published == ["bramble/door/state", "bramble/availability"]
