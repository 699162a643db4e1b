"""What is asked of a bucket while its servers look for a leader: asked again, not waited for to the end of patience."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import nats.js.errors
import pytest
from nats.js.kv import KeyValue

from wire.bus import Bucket, Bus
from wire.bus import bucket as bucket_module
from wire.errors import BusError


class Leaderless:
    """The real bucket behind servers that for some questions give no answer, or this one."""

    def __init__(self, inner: KeyValue, misses: int, answer: Callable[[], Exception] | None) -> None:
        self._inner = inner
        self._misses = misses
        self._answer = answer
        self.asked = 0

    async def put(self, key: str, value: bytes) -> int:
        await self._miss()
        return await self._inner.put(key, value)

    async def get(self, key: str) -> KeyValue.Entry:
        await self._miss()
        return await self._inner.get(key)

    async def _miss(self) -> None:
        self.asked += 1
        if self.asked <= self._misses:
            if self._answer is None:
                await asyncio.Event().wait()  # it was put to the old leader, which took it along
            else:
                raise self._answer()


async def behind(bus: Bus, misses: int, answer: Callable[[], Exception] | None = None) -> tuple[Bucket, Leaderless]:
    bucket = await bus.bucket("config")
    servers = Leaderless(bucket._inner, misses, answer)
    bucket._inner = servers  # type: ignore[assignment] - those of its methods that are asked here
    return bucket, servers


@pytest.fixture(autouse=True)
def short_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "TRY_S", 0.2)


async def test_a_question_that_went_down_with_the_old_leader_is_asked_again(bus: Bus) -> None:
    bucket, servers = await behind(bus, misses=1)
    async with asyncio.timeout(bucket_module.ASK_S / 2):
        await bucket.put("cameras.door", b"1")
    assert servers.asked == 2
    assert await bucket.get("cameras.door") == b"1"


@pytest.mark.parametrize("answer", [nats.js.errors.NoStreamResponseError, nats.js.errors.ServiceUnavailableError])
async def test_a_write_that_nobody_takes_yet_is_taken_by_the_new_leader(
    bus: Bus, answer: Callable[[], Exception]
) -> None:
    bucket, servers = await behind(bus, misses=3, answer=answer)
    await bucket.put("cameras.door", b"1")
    assert servers.asked == 4


async def test_a_refusal_that_has_a_reason_is_told_at_once(bus: Bus) -> None:
    bucket, servers = await behind(
        bus, 9, lambda: nats.js.errors.ServiceUnavailableError(code=503, description="maximum bytes exceeded")
    )
    with pytest.raises(BusError, match="maximum bytes exceeded"):
        await bucket.put("cameras.door", b"1")
    assert servers.asked == 1


async def test_servers_that_find_no_leader_are_given_up_in_the_end(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "ASK_S", 0.5)
    bucket, servers = await behind(bus, misses=99)
    with pytest.raises(BusError, match=r"reading cameras\.door from config failed"):
        await bucket.get("cameras.door")
    assert servers.asked >= 2
