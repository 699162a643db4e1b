"""Everything at once: a cluster's worth of connections while their server dies again and again."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.jobs_testing.restarting_broker import RestartingBroker
from wire.bus import Bus, Received
from wire.bus.patient import LAST_DELAY_S, pause_s

PROGRAMS = 24  # twenty nodes, two controllers, and who looks at them: two connections each
DEATHS = 3


async def test_every_connection_is_back_and_hears_what_it_heard_after_each_of_the_server_s_deaths(
    tmp_path: Path,
) -> None:
    server = RestartingBroker(tmp_path)
    async with AsyncExitStack() as stack:
        buses = [
            await stack.enter_async_context(Bus.connect(server.context, name=f"program-{number}"))
            for number in range(PROGRAMS)
        ]
        links = [link for bus in buses for link in (bus.data, bus.control)]
        for number, bus in enumerate(buses):

            async def answer(message: Received, bus: Bus = bus) -> None:
                await bus.control.publish(message.reply, b"here")

            await bus.control.subscribe(f"who.{number}", answer)
        back = [asyncio.Event() for _ in links]
        for link, event in zip(links, back, strict=True):
            link.call_on_reconnect(event.set)
        try:
            for _ in range(DEATHS):
                for event in back:
                    event.clear()
                server.kill()
                server.start()
                async with asyncio.timeout(30):
                    await asyncio.gather(*(event.wait() for event in back))
                asked = (buses[0].data.request(f"who.{number}", within=10.0) for number in range(PROGRAMS))
                assert {answer.data for answer in await asyncio.gather(*asked)} == {b"here"}
        finally:
            server.stop()
    assert [link.ended for link in links] == [None] * len(links)


@given(st.integers(0, 10_000), st.floats(0.0, 1.0, exclude_max=True))
def test_who_finds_no_server_comes_again_ever_later_and_not_all_at_the_same_time(failures: int, chance: float) -> None:
    pause = pause_s(failures, chance)
    assert 0 < pause <= LAST_DELAY_S
    assert pause_s(failures, 0.0) <= pause <= pause_s(failures + 1, chance)
    assert pause_s(failures, 0.999) >= 1.9 * pause_s(failures, 0.0)
