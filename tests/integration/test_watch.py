"""The controller's events on a real broker: one when a trouble begins, one when it ends."""

from __future__ import annotations

import asyncio

from controller.watch import PATIENCE_S, Watch
from wire import subjects
from wire.bus import Bus, Received
from wire.findings import Finding, Severity
from wire.messages import Event, decode

BLIND = Finding(about="camera door", check="pictures", severity=Severity.BROKEN, text="blind", remedy="look")
WELL = Finding(about="camera door", check="pictures", severity=Severity.WELL, text="fine")


async def test_a_trouble_is_one_event_when_it_begins_and_one_when_it_ends(bus: Bus) -> None:
    heard: asyncio.Queue[tuple[str, Event]] = asyncio.Queue()

    async def note(message: Received) -> None:
        await heard.put((message.subject, decode(message.data, Event)))

    await bus.control.subscribe(subjects.CONTROLLER_EVENT.wildcard(), note)
    watch = Watch("main", bus.control)

    for now, finding in ((0.0, BLIND), (PATIENCE_S, BLIND), (5.0, BLIND), (6.0, WELL), (6.0 + PATIENCE_S, WELL)):
        await watch.look((finding,), now)

    async with asyncio.timeout(30):
        begun, ended = await heard.get(), await heard.get()
    assert begun[0] == "controller.main.event.trouble"
    assert begun[1].text == "camera door: pictures: blind"
    assert ended[1].text == "camera door: pictures: fine (it was: blind)"
    assert ended[0] == "controller.main.event.recovered"
    assert heard.empty()


async def test_a_watch_that_hands_over_tells_no_end_of_what_goes_on(bus: Bus) -> None:
    heard: list[str] = []

    async def note(message: Received) -> None:
        heard.append(message.subject)

    await bus.control.subscribe(subjects.CONTROLLER_EVENT.wildcard(), note)
    watch = Watch("main", bus.control)
    for now, findings in ((0.0, (BLIND,)), (PATIENCE_S, (BLIND,)), (5.0, None), (9.0, None), (99.0, None)):
        await watch.look(findings, now)

    await bus.control.flush()
    assert heard == ["controller.main.event.trouble"]


async def test_what_is_shorter_than_the_patience_is_no_event(bus: Bus) -> None:
    heard: list[str] = []

    async def note(message: Received) -> None:
        heard.append(message.subject)

    await bus.control.subscribe(subjects.CONTROLLER_EVENT.wildcard(), note)
    watch = Watch("main", bus.control)
    await watch.look((BLIND,), 0.0)
    await watch.look((WELL,), PATIENCE_S / 2)
    await watch.look((BLIND,), PATIENCE_S)

    await bus.control.flush()
    assert heard == []
