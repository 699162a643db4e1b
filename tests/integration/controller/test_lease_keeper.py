"""Lease keepers on a real server: who has what, and what a loss looks like from inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from controller.leases import leftovers
from controller.leases.claims import CAMERA
from controller.leases.keeper import LeaseKeeper, LeasesGoneError, steady_clock
from controller.leases.place import Place
from wire import subjects
from wire.bus import Bucket, Bus
from wire.leases import SessionRecord
from wire.messages import decode, encode

WITHIN_S = 20.0


class Clock:
    """A steady clock that can be ahead, as it is after a freeze."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return steady_clock() + self.ahead


@dataclass
class Running:
    keeper: LeaseKeeper
    clock: Clock
    changed: asyncio.Event
    task: asyncio.Task[None]

    async def until(self, holds: Callable[[LeaseKeeper], bool]) -> None:
        """Wait until something holds; looked at after every change, and now and then for what others changed."""
        async with asyncio.timeout(WITHIN_S):
            while not holds(self.keeper):
                self.changed.clear()
                waiting = asyncio.create_task(self.changed.wait())
                await asyncio.wait({waiting, self.task}, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if self.task.done():
                    self.task.result()


@asynccontextmanager
async def running(bus: Bus, name: str, *cameras: str, place: str = "") -> AsyncIterator[Running]:
    bucket = await bus.bucket(subjects.LEASES_BUCKET)
    changed, clock = asyncio.Event(), Clock()
    keeper = LeaseKeeper(bucket, bus.control, controller=name, place=place, on_change=changed.set, clock=clock)
    subscription = await bus.control.subscribe(subjects.CONTROLLER_HEARTBEAT.wildcard(), keeper.take_beat)
    keeper.set_cameras(dict.fromkeys(cameras))
    task = asyncio.create_task(keeper.run())
    try:
        yield Running(keeper, clock, changed, task)
    finally:
        task.cancel()
        await asyncio.wait({task})
        await subscription.end()


async def test_one_controller_has_everything_at_once(bus: Bus) -> None:
    async with running(bus, "c1", "door", "yard") as one:
        await one.until(lambda k: k.cameras() == {"door", "yard"} and k.plans)
        assert one.keeper.owns("door")
        assert not one.keeper.owns("attic")


async def test_two_controllers_share_and_the_one_that_is_left_takes_all(bus: Bus) -> None:
    async with running(bus, "c1", "door", "yard") as one:
        async with running(bus, "c2", "door", "yard") as two:
            await one.until(lambda k: len(k.cameras()) == 1)  # the other has settled, and one camera is to move
            await one.keeper.give_back(one.keeper.cameras())
            await two.until(lambda k: one.keeper.cameras() | k.cameras() == {"door", "yard"} and len(k.cameras()) == 1)
            await two.until(lambda k: one.keeper.plans != k.plans)  # of the duty to plan one of them hears first
        await two.keeper.end()
        await one.until(lambda k: k.cameras() == {"door", "yard"} and k.plans)


async def test_a_controller_that_was_frozen_knows_it_before_it_says_a_word(bus: Bus) -> None:
    async with running(bus, "c1", "door") as one:
        await one.until(lambda k: k.owns("door") and k.plans)
        one.clock.ahead += 20.0
        assert (one.keeper.owns("door"), one.keeper.plans, one.keeper.cameras()) == (False, False, frozenset())


async def test_a_controller_whose_session_was_ended_stops_and_begins_anew(bus: Bus) -> None:
    async with running(bus, "c1", "door") as one, running(bus, "c2", "door") as two:
        await one.until(lambda k: k.owns("door") or two.keeper.owns("door"))
        owner, other = (one, two) if one.keeper.owns("door") else (two, one)
        session = owner.keeper.session
        await end_session(bus, owner.keeper, by=other.keeper)
        await other.until(lambda k: k.owns("door"))
        await owner.until(lambda k: k.valid)
        assert owner.keeper.session != session
        assert not owner.keeper.owns("door")


async def test_a_restart_on_the_same_host_need_not_wait_for_the_old_lease(bus: Bus) -> None:
    first = Place("c1", ["nats://u:p@h:1"])
    async with running(bus, "c1", "door", place=first.name) as one:
        await one.until(lambda k: k.owns("door"))
        rival = Place("c1", ["nats://other:word@h:1"])
        assert (bool(first.name), rival.name) == (True, "")
        rival.close()
    first.close()  # it died without ending its session
    second = Place("c1", ["nats://u:p@h:1"])
    assert second.name == first.name
    async with running(bus, "c1", "door", place=second.name) as two, asyncio.timeout(10):  # LONG_S would be 15
        await two.until(lambda k: k.owns("door"))
    second.close()


async def test_a_namesake_elsewhere_gets_nothing_while_the_lease_lives(bus: Bus) -> None:
    async with running(bus, "c1", "door", place="here") as one:
        await one.until(lambda k: k.owns("door"))
        async with running(bus, "c1", "door", place="there") as two:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await two.until(lambda k: k.valid)
        assert one.keeper.owns("door")


async def test_an_emptied_bucket_ends_the_program_loudly(bus: Bus) -> None:
    bucket = await bus.bucket(subjects.LEASES_BUCKET)
    async with running(bus, "c1", "door") as one:
        await one.until(lambda k: k.owns("door"))
        await bucket.delete(subjects.SESSION_KEY.build(controller="c1"))
        with pytest.raises(ExceptionGroup) as caught:
            await one.until(lambda _: False)
        assert caught.group_contains(LeasesGoneError)


async def test_the_claim_of_a_camera_that_is_no_more_goes_and_the_camera_may_come_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await bus.bucket(subjects.LEASES_BUCKET)
    async with running(bus, "c1", "yard") as one, running(bus, "c2", "yard") as two:
        await one.until(lambda k: k.plans or two.keeper.plans)
        planner, other = (one, two) if one.keeper.plans else (two, one)
        for each in (planner, other):
            each.keeper.set_cameras({"door": other.keeper._controller})
        await planner.until(lambda k: k.owner("door") is not None and other.keeper.owns("door"))
        for each in (planner, other):
            each.keeper.set_cameras({})
        await other.keeper.give_back(frozenset())
        monkeypatch.setattr(leftovers, "KEPT_S", 0.0)
        await planner.until(lambda k: k._claims.get(CAMERA, "door").revision == 0)
        assert await bucket.read(subjects.CLAIM_KEY.build(duty=CAMERA, name="door")) is None

        for each in (planner, other):
            each.keeper.set_cameras({"door": other.keeper._controller})
        await other.until(lambda k: k.owns("door"))  # though it knew the claim that was erased
        assert other.keeper.valid
        assert planner.keeper.valid


async def end_session(bus: Bus, keeper: LeaseKeeper, *, by: LeaseKeeper) -> None:
    """Write the end of a session, as another controller does after a silence; again where a renewal came between."""
    bucket: Bucket = await bus.bucket(subjects.LEASES_BUCKET)
    name = next(name for name, session in by.live_sessions().items() if session == keeper.session)
    key = subjects.SESSION_KEY.build(controller=name)
    while True:
        entry = await bucket.read(key)
        assert entry is not None
        record = decode(entry.value, SessionRecord)
        ended = SessionRecord(controller=name, session=record.session, ended=True)
        if await bucket.swap(key, encode(ended), entry.revision, within=2.0):
            return
