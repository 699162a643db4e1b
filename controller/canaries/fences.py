"""The fences as the bucket has them: written by the controller that plans, heeded by all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from wire import subjects
from wire.bus import Bucket
from wire.errors import BadRequestError, BusError
from wire.fences import Fence, FenceBook
from wire.messages import decode, encode

_log = logging.getLogger("bramble.fences")


class Fences:
    """By node, model and digest. ``on_change`` is called when seats have to be held against them anew."""

    def __init__(self, bucket: Bucket, on_change: Callable[[], None]) -> None:
        self._bucket = bucket
        self._on_change = on_change
        self._books: dict[str, FenceBook] = {}

    def find(self, node: str, model: str, digest: str) -> Fence | None:
        """Return the fence of a node for an artefact, if there is one."""
        book = self._books.get(node)
        return next((f for f in book.fences if (f.model, f.digest) == (model, digest)), None) if book else None

    def of(self, node: str) -> tuple[Fence, ...]:
        """Return all fences of a node."""
        book = self._books.get(node)
        return book.fences if book else ()

    async def follow(self) -> None:
        """Keep up with the bucket, for ever."""
        async for entries in self._bucket.follow(subjects.FENCE_KEY.wildcard()):
            books = {}
            for key, data in entries.items():
                try:
                    books[key] = decode(data, FenceBook)
                except BadRequestError as error:
                    _log.error("fences refused", extra={"action": "fences", "key": key, "error": error.message})
            self._books = books
            self._on_change()

    async def put_up(self, node: str, model: str, digest: str, reason: str) -> None:
        """Fence a node for an artefact; fences for other artefacts of the model are void."""
        fence = Fence(model=model, digest=digest, reason=reason[:400], since=time.time())
        await self._write(node, (*(each for each in self.of(node) if each.model != model), fence))

    async def note_pass(self, node: str, fence: Fence, passed: int) -> None:
        """Write down how often a fenced node has answered rightly."""
        kept = tuple(msgspec.structs.replace(e, passed=passed) if e == fence else e for e in self.of(node))
        await self._write(node, kept)

    async def take_down(self, node: str, model: str) -> None:
        """Let a node serve a model again."""
        await self._write(node, tuple(each for each in self.of(node) if each.model != model))

    async def _write(self, node: str, fences: tuple[Fence, ...]) -> None:
        book = FenceBook(node=node, fences=fences)
        self._books[node] = book  # heeded here at once, whether or not the others hear of it now
        self._on_change()
        try:
            await self._bucket.put(subjects.FENCE_KEY.build(node=node), encode(book))
        except BusError as error:
            _log.warning("a fence was not written", extra={"action": "fence", "node": node, "error": error.message})
