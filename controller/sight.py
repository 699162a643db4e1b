"""Seconds blind, kept for ever: through restarts and changes of owner, and with the time in which nobody looked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from controller.peers import Peers
from wire import subjects
from wire.bus import Bucket
from wire.errors import BadRequestError, BusError
from wire.messages import decode, encode
from wire.sight import Sight, SightBook

WRITE_S = 5.0
"""One write in so many seconds, whatever the number of cameras; so much may be counted too much after a power cut."""

_FIRST_MOMENT = 1_600_000_000.0
"""Unix seconds before Bramble was: a clock that says less was not set when it was asked."""

_log = logging.getLogger("bramble.sight")


def carry_on(account: Sight | None, now: float) -> float:
    """Return the seconds blind of a camera that nobody has watched since its account was written.

    Args:
        account: the latest there is.
        now: Unix seconds. Where the clock went back in between, the time without anybody counts as nothing.

    """
    if account is None:
        return 0.0
    if not account.watching or account.as_of < _FIRST_MOMENT:
        return account.seconds_blind
    return account.seconds_blind + max(0.0, now - account.as_of)


def merge(books: Mapping[str, SightBook]) -> dict[str, Sight]:
    """Return the latest account of each camera."""
    latest: dict[str, Sight] = {}
    for book in books.values():
        for camera, account in book.cameras.items():
            if camera not in latest or account.as_of > latest[camera].as_of:
                latest[camera] = account
    return latest


class SightKeeper:
    """Reads all controllers' books and writes its own."""

    def __init__(self, bucket: Bucket, controller: str, peers: Peers, clock: Callable[[], float]) -> None:
        self._bucket = bucket
        self._controller = controller
        self._peers = peers
        self._clock = clock
        self._books: dict[str, SightBook] = {}
        self._own: dict[str, Sight] = {}
        self.known = asyncio.Event()  # the books have been read

    def recall(self, camera: str) -> float:
        """Return how long a camera has been blind so far, as its new owner."""
        heard = self._peers.last_word(camera)
        told = carry_on(merge({**self._books, self._controller: SightBook(cameras=self._own)}).get(camera), time.time())
        if heard is None or not heard.status.controller:
            return told
        # By our own clock, and to the second; the book's is a wall clock's, and some seconds old.
        return heard.status.seconds_blind + self._clock() - heard.at

    def note(self, camera: str, seconds_blind: float, *, watching: bool = True) -> None:
        """Take down an account; it is written within WRITE_S seconds."""
        self._own[camera] = Sight(seconds_blind=round(seconds_blind, 1), as_of=time.time(), watching=watching)

    def dismiss(self, camera: str) -> None:
        """Note that a camera was removed: from now on nobody is to watch it."""
        account = self._own.get(camera)
        if account and account.watching:
            self._own[camera] = msgspec.structs.replace(account, watching=False, as_of=time.time())

    async def follow(self) -> None:
        """Read the books, for ever."""
        async for entries in self._bucket.follow(subjects.SIGHT_KEY.wildcard()):
            for key, data in entries.items():
                try:
                    self._books[key] = decode(data, SightBook)
                except BadRequestError as error:
                    _log.error("book refused", extra={"action": "sight", "key": key, "error": error.message})
            if not self.known.is_set():
                own = self._books.get(self._controller)
                self._own = dict(own.cameras) if own else {}
                self.known.set()

    async def write_regularly(self) -> None:
        """Write the own book, for ever."""
        await self.known.wait()
        while True:
            await asyncio.sleep(WRITE_S)
            await self.write()

    async def write(self) -> None:
        """Write the own book now, if there is anything new in it."""
        book = SightBook(cameras=dict(self._own))
        if book == self._books.get(self._controller) or not book.cameras:
            return
        try:
            await self._bucket.put(subjects.SIGHT_KEY.build(controller=self._controller), encode(book))
        except BusError as error:
            _log.warning("seconds blind not written", extra={"action": "sight", "error": error.message})
        else:
            self._books[self._controller] = book
