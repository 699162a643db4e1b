"""Answers that were given before: the same bytes, model, artefact and options need no node again.

Only exact answers are kept: what came over a hop in fewer bits, or in tiles, is not. An answer counts as long as its
artefact is the model's and no node that had a part in it is fenced.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from controller.catalogue import Catalogue
from controller.dispatch.job import Job, Outcome
from wire.messages import Answer, Timings, encode

MAX_ENTRIES = 4096
MAX_BYTES = 16 << 20

IsFenced = Callable[[str, str, str], bool]
"""Tells of a node, a model and an artefact whether its answers are not to be trusted."""


class Inferring(Protocol):
    """What runs jobs."""

    async def infer(self, job: Job) -> Outcome:
        """Return the job's outcome."""


class _Key(NamedTuple):
    picture: bytes  # digest
    model: str
    manifest: str  # digest: labels may change where the artefact does not
    artefact: str
    top_k: int
    threshold: float | None


class _Kept(NamedTuple):
    answer: Answer
    bytes: int


class AnswerCache:
    """Answers by what was asked; the longest unused go first. ``max_bytes`` counts answers as they would be sent."""

    def __init__(
        self,
        catalogue: Catalogue,
        is_fenced: IsFenced,
        *,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._catalogue = catalogue
        self._is_fenced = is_fenced
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self.bytes = 0
        self.hits = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, job: Job) -> Answer | None:
        """Return the answer to the same question, without the times that it took and the nodes that gave it."""
        picture = _digest(job.payload)
        for artefact in sorted(self._catalogue.digests(job.model)):
            key = self._key(job, picture, artefact)
            kept = self._kept.get(key)
            if kept is None:
                continue
            if any(self._is_fenced(node, job.model, artefact) for node in kept.answer.nodes):
                self._drop(key)
                continue
            self._kept.move_to_end(key)
            self.hits += 1
            found: Answer = msgspec.structs.replace(
                kept.answer, frame=job.frame, nodes=(), timings=Timings(), cut=None, stages=()
            )
            return found
        return None

    def keep(self, job: Job, answer: Answer) -> None:
        """Remember an answer, if it is exact."""
        if answer.wire or answer.digest not in self._catalogue.digests(job.model):
            return
        if answer.version != self._catalogue.require(job.model).version:
            return  # of the version that is being replaced: labels may differ where the artefact does not
        key = self._key(job, _digest(job.payload), answer.digest)
        self._drop(key)
        size = len(encode(answer))
        if size > self._max_bytes:
            return
        self._kept[key] = _Kept(answer, size)
        self.bytes += size
        while len(self._kept) > self._max_entries or self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _key(self, job: Job, picture: bytes, artefact: str) -> _Key:
        manifest = self._catalogue.manifest_digest(job.model)
        return _Key(picture, job.model, manifest, artefact, job.top_k, job.threshold)

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.bytes -= kept.bytes


class RememberingDispatcher:
    """Asks nodes only where the job wants a fresh answer or there is no other."""

    def __init__(self, dispatcher: Inferring, cache: AnswerCache) -> None:
        self._dispatcher = dispatcher
        self._cache = cache

    async def infer(self, job: Job) -> Outcome:
        """As :meth:`controller.dispatch.dispatcher.Dispatcher.infer`."""
        if not job.cached or job.tiles is not None:
            return await self._dispatcher.infer(job)
        answer = self._cache.find(job)
        if answer is not None:
            return Outcome(answer, wait_s=0.0, travel_s=0.0, redone=False, cached=True)
        outcome = await self._dispatcher.infer(job)
        self._cache.keep(job, outcome.answer)
        return outcome


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=32).digest()
