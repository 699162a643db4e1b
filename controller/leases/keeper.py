"""Keeps this controller's session alive and its share of the duties: the rim around session, claims and sharing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping
from secrets import token_hex

import msgspec

from controller.leases.claims import CAMERA, PLANNER, TASK, Claim, Claims
from controller.leases.leftovers import Leftovers
from controller.leases.session import Session, Swap
from controller.leases.sharing import choose_planner, share_cameras
from controller.leases.tenure import BEAT_S
from wire import subjects
from wire.bus import Bucket, Entry, Link, Received
from wire.cancellation import heed_cancellation
from wire.errors import BadRequestError, BusError
from wire.leases import ClaimRecord, ControllerBeat, SessionRecord
from wire.messages import Message, decode, encode

STEP_S = 0.2
SWAP_S = 2.0
SETTLE_S = 5.0
"""A controller that has been there for so long is given cameras that others have."""

OVERDUE_S = 2.0
"""What nobody has claimed for so long is claimed by whoever sees it, its turn or not."""

_log = logging.getLogger("bramble.leases")


class LeasesGoneError(RuntimeError):
    """Somebody emptied the bucket of leases: what this process knows of them is void, and it must start anew."""


def steady_clock() -> float:
    """Return seconds that go on while the machine sleeps or this process is frozen, and that no clock step moves."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseKeeper:
    """Holds what this controller may do. ``on_change`` is called when that may have changed; it must not block."""

    def __init__(
        self,
        bucket: Bucket,
        link: Link,
        *,
        controller: str,
        place: str,
        on_change: Callable[[], None],
        clock: Callable[[], float] = steady_clock,
    ) -> None:
        self._bucket = bucket
        self._link = link
        self._controller = controller
        self._place = place
        self._on_change = on_change
        self._clock = clock
        self._session = Session(controller, token_hex(8), place)
        self._claims = Claims()
        self._leftovers = Leftovers()
        self._own: tuple[SessionRecord | None, int, float] = (None, 0, 0.0)  # record, revision, when first seen
        self._waited_for: frozenset[str] = frozenset()  # sessions of this name that may be another process's
        self._first_seen: dict[str, float] = {}  # by session
        self._free_since: dict[tuple[str, str], float] = {}
        self._cameras: dict[str, str | None] | None = None
        self._wake = asyncio.Event()
        self._waiting: set[asyncio.Event] = set()
        self._whole = asyncio.Event()
        self._was: tuple[bool, frozenset[str], bool] = (False, frozenset(), False)

    @property
    def session(self) -> str:
        """This controller's session; another one after every loss."""
        return self._session.session

    @property
    def valid(self) -> bool:
        """Whether this controller may act now."""
        return self._session.valid(self._clock())

    @property
    def plans(self) -> bool:
        """Whether this controller may plan now."""
        return self._has(TASK, PLANNER)

    def owns(self, camera: str) -> bool:
        """Tell whether this controller may speak for a camera now. Ask right before every word."""
        return self._has(CAMERA, camera)

    def cameras(self) -> frozenset[str]:
        """Return the cameras that this controller is to run: those that it has and is to keep."""
        if not self.valid or self._cameras is None:
            return frozenset()
        wanted = self._share()
        return frozenset(name for name in self._held() if wanted.get(name) == self._controller)

    def owner(self, camera: str) -> str | None:
        """Return the controller that has a camera, if any does."""
        return self._owner(CAMERA, camera)

    def live_sessions(self) -> dict[str, str]:
        """Return the controllers whose sessions have not ended, with their sessions."""
        found = {name: each.record.session for name, each in self._session.sightings.items() if not each.record.ended}
        return found | ({self._controller: self.session} if self.valid else {})

    def set_cameras(self, cameras: Mapping[str, str | None]) -> None:
        """Say which cameras there are to share, each with the controller that it is tied to, if it is."""
        self._cameras = dict(cameras)
        self._wake.set()

    async def wait_free(self, camera: str, *, within: float) -> bool:
        """Wait until no controller has a camera; False when that takes longer."""
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            async with asyncio.timeout(within):
                while self.owner(camera) is not None:
                    news.clear()
                    await news.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(news)
        return True

    async def give_back(self, running: frozenset[str]) -> None:
        """Give up the cameras that this controller has but neither runs nor is to run."""
        for name in self._held() - running - self.cameras():
            await self._write_claim(self._claims.get(CAMERA, name), ClaimRecord())

    async def take_beat(self, message: Received) -> None:
        """Handle ``controller.<controller>.heartbeat``."""
        fields = subjects.CONTROLLER_HEARTBEAT.parse(message.subject)
        try:
            beat = decode(message.data, ControllerBeat)
        except BadRequestError as error:
            _log.warning("heartbeat refused", extra={"action": "beat", "error": error.message})
            return
        if fields and fields["controller"] == beat.controller:
            self._session.take_beat(beat, self._clock())

    async def run(self) -> None:
        """Keep the session until cancelled.

        Raises:
            LeasesGoneError: the bucket was emptied.

        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="follow-leases")
            tasks.create_task(self._beat(), name="beat")
            tasks.create_task(self._keep_session(), name="keep-session")
            tasks.create_task(self._keep_duties(), name="keep-duties")

    async def end(self) -> None:
        """End the session, so that the others need not wait. Everything that hangs on it must have stopped."""
        session = self._session
        if session.begun and not session.lost and self._link.connected:
            await self._swap_session(session.renew(self._clock(), end=True))

    # --- the tasks ------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        async for entries in self._bucket.follow_entries(">"):
            for key, entry in entries.items():
                self._take_entry(key, entry)
            self._whole.set()
            self._wake.set()

    async def _beat(self) -> None:
        subject = subjects.CONTROLLER_HEARTBEAT.build(controller=self._controller)
        while True:
            if self._link.connected:  # or it would wait in a buffer and be a sign of life from the past
                beat = self._session.make_beat(self._clock())
                try:
                    await self._link.publish(subject, encode(beat))
                except BusError as error:
                    _log.warning("a heartbeat was lost", extra={"action": "beat", "error": error.message})
            await asyncio.sleep(BEAT_S)

    async def _keep_session(self) -> None:
        await self._whole.wait()
        sent_at = float("-inf")
        while True:
            session, now = self._session, self._clock()
            if session.is_due(sent_at, now):
                sent_at = now
                await self._write_session(session)
            if session.lost:
                _log.error("the lease was lost: all its work stops", extra={"action": "lease_lost"})
                self._renew_session()
                continue
            self._look()
            await asyncio.sleep(STEP_S)

    async def _write_session(self, session: Session) -> None:
        """Begin the session, or renew it."""
        swap = session.renew(self._clock()) if session.begun else self._begin(session)
        revision = await self._swap_session(swap) if swap else None
        if swap and revision is not None:
            (session.renewed if session.begun else session.begun_with)(swap, revision)

    def _begin(self, session: Session) -> Swap | None:
        record, revision, seen_at = self._own
        swap = session.begin(record, revision, seen_at, self._clock())
        if record and swap is None and record.session not in self._waited_for | {session.session}:
            self._waited_for |= {record.session}
            _log.warning(
                "another controller of this name may be at work; waiting for its lease to end",
                extra={"action": "lease_wait", "controller": self._controller},
            )
        return swap

    async def _keep_duties(self) -> None:
        await self._whole.wait()
        while True:
            self._wake.clear()
            for swap in self._session.end_silent(self._clock()):
                await self._end_other(swap)
            if self.valid and self._cameras is not None:
                await self._claim()
                await self._tidy(self._cameras)
            self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STEP_S):
                    await self._wake.wait()

    async def _claim(self) -> None:
        """Claim what is free and this controller's to have."""
        now = self._clock()
        wanted = self._share()
        free = [(CAMERA, name) for name in wanted if self._owner(CAMERA, name) is None]
        if self._owner(TASK, PLANNER) is None:
            free.append((TASK, PLANNER))
        self._free_since = {duty: self._free_since.get(duty, now) for duty in free}
        for duty, name in free:
            turn = choose_planner(self.live_sessions(), None) if duty == TASK else wanted[name]
            tied = duty == CAMERA and (self._cameras or {}).get(name) is not None
            overdue = not tied and now - self._free_since[duty, name] >= OVERDUE_S
            if turn == self._controller or overdue:
                record = ClaimRecord(controller=self._controller, session=self.session)
                await self._write_claim(self._claims.get(duty, name), record)

    async def _tidy(self, cameras: Collection[str]) -> None:
        """Erase claims that are left over, as the controller that plans."""
        if not self.plans:
            return
        free = self._claims.free(self._session.sightings, {self._controller: self.session})
        for claim in self._leftovers.find(free, cameras, self._clock()):
            try:
                await self._bucket.erase(claim.key, claim.revision, within=SWAP_S)
            except BusError as error:
                _log.info("a claim was not erased", extra={"action": "tidy", "key": claim.key, "error": error.message})
                self._leftovers = Leftovers()  # there is no hurry
                return
            self._claims.forget(claim.duty, claim.name)

    # --- reading and writing --------------------------------------------------------------------------------------

    def _take_entry(self, key: str, entry: Entry) -> None:
        now = self._clock()
        try:
            if fields := subjects.SESSION_KEY.parse(key):
                record = msgspec.structs.replace(decode(entry.value, SessionRecord), controller=fields["controller"])
                self._first_seen.setdefault(record.session, now)
                self._session.take_record(record, entry.revision, now)
                if record.controller == self._controller and entry.revision > self._own[1]:
                    self._own = (record, entry.revision, now)
                    self._session.take_own(record, entry.revision)
            elif fields := subjects.CLAIM_KEY.parse(key):
                claim = Claim(fields["duty"], fields["name"], decode(entry.value, ClaimRecord), entry.revision)
                self._claims.take(claim)
        except BadRequestError as error:
            _log.error("lease refused", extra={"action": "lease_refused", "key": key, "error": error.message})
        for news in self._waiting:
            news.set()

    async def _swap(self, key: str, record: Message, revision: int) -> int | None:
        """Swap a record; where that is refused, read what is there instead.

        Raises:
            LeasesGoneError: there is nothing where a session was.

        """
        try:
            written = await self._bucket.swap(key, encode(record), revision, within=SWAP_S)
            if written is None:
                entry = await self._bucket.read(key)
                if entry is None and (claim := subjects.CLAIM_KEY.parse(key)):
                    self._claims.forget(claim["duty"], claim["name"])  # erased as a leftover: the next try is its first
                    return None
                if entry is None:
                    raise LeasesGoneError(f"{key} has vanished from the bucket {self._bucket.name}")
                self._take_entry(key, entry)
        except BusError as error:
            heed_cancellation()
            _log.warning("a lease was not written", extra={"action": "lease", "key": key, "error": error.message})
            return None
        if written is not None:
            self._take_entry(key, Entry(encode(record), written))
        heed_cancellation()
        return written

    async def _swap_session(self, swap: Swap) -> int | None:
        return await self._swap(subjects.SESSION_KEY.build(controller=self._controller), swap.record, swap.revision)

    async def _end_other(self, swap: Swap) -> None:
        name = swap.record.controller
        if await self._swap(subjects.SESSION_KEY.build(controller=name), swap.record, swap.revision) is not None:
            _log.warning("a controller is silent: its lease was ended", extra={"action": "lease_end", "of": name})

    async def _write_claim(self, claim: Claim, record: ClaimRecord) -> None:
        if not self.valid:
            return
        if await self._swap(claim.key, record, claim.revision) is not None:
            action = "claim" if record.session else "release"
            _log.info("%s %s", action, claim.key, extra={"action": action, "key": claim.key})

    def _renew_session(self) -> None:
        """Begin anew under another session; what is known of the others stays."""
        old = self._session
        self._session = Session(self._controller, token_hex(8), self._place)
        self._session.inherit(old)
        self._look()

    # --- judging --------------------------------------------------------------------------------------------------

    def _held(self) -> frozenset[str]:
        return frozenset(claim.name for claim in self._claims.of(self.session, CAMERA))

    def _has(self, duty: str, name: str) -> bool:
        return self._claims.get(duty, name).record.session == self.session and self.valid

    def _owner(self, duty: str, name: str) -> str | None:
        own = {self._controller: self.session}
        return self._claims.owner(duty, name, self._session.sightings, own)

    def _share(self) -> dict[str, str]:
        live = self.live_sessions()
        now = self._clock()
        cameras = self._cameras or {}
        owners = {name: owner for name in cameras if (owner := self._owner(CAMERA, name))}
        settled = [name for name, each in live.items() if now - self._first_seen.get(each, now) >= SETTLE_S]
        return share_cameras(cameras, live, owners, settled)

    def _look(self) -> None:
        """Tell of a change."""
        state = (self.valid, self.cameras(), self.plans)
        if state != self._was:
            self._was = state
            self._on_change()
