"""Asks the canaries, one at a time and never where frames wait, and puts up fences and takes them down."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from controller.canaries.fences import Fences
from controller.canaries.standing import Standing, Verdict, choose_due, next_due
from modelkit.errors import ModelRejectedError
from modelkit.manifest import Manifest
from wire import subjects
from wire.bus import Link
from wire.errors import AnswerTimeoutError, BrambleError, BusError, DeadlineExceededError, ErrorCode
from wire.fences import ProveRequest
from wire.messages import Answer, Event, encode

CANARY_S = 5.0
STEP_S = 0.5

_VOID = frozenset({ErrorCode.NO_CAPACITY, ErrorCode.UNKNOWN_MODEL, ErrorCode.MODEL_REJECTED})
"""The node says itself that it cannot, or is not there."""

_log = logging.getLogger("bramble.canaries")


@dataclass(frozen=True, slots=True)
class Perch:
    """A node that says it serves an artefact of a model."""

    node: str
    manifest: Manifest
    digest: str


class Path(Protocol):
    """The way that frames take."""

    async def __call__(self, perch: Perch, picture: bytes, *, within: float) -> Answer:
        """Return the node's answer.

        Raises:
            BrambleError: the node's or the bus's.

        """


class CanaryKeeper:
    """Runs where the planning is done; the fences hold everywhere."""

    def __init__(
        self,
        link: Link,
        fences: Fences,
        *,
        perches: Callable[[], Iterable[Perch]],
        ask: Path,
        find_picture: Callable[[Manifest], Awaitable[bytes]],
        check: Callable[[Manifest, Answer], None],
        may_ask: Callable[[str], bool],
        leads: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._link = link
        self._fences = fences
        self._perches = perches
        self._ask = ask
        self._find_picture = find_picture
        self._check = check
        self._may_ask = may_ask
        self._leads = leads
        self._clock = clock
        self._standings: dict[tuple[str, str], Standing] = {}
        self._digests: dict[tuple[str, str], str] = {}

    async def run(self) -> None:
        """Ask what is due, for ever."""
        while True:
            await asyncio.sleep(STEP_S)
            if self._leads():
                await self._step()

    async def _step(self) -> None:
        perches = {(each.node, each.manifest.name): each for each in self._perches() if each.manifest.known_answer}
        self._renew(perches)
        due = choose_due(self._standings, self._clock())
        if due is None:
            return
        perch, standing = perches[due], self._standings[due]
        if not standing.fenced and not self._may_ask(perch.node):
            self._standings[due] = standing.after(Verdict.VOID, "", self._clock(), random.random())  # noqa: S311 - jitter
            return
        verdict, reason = await self._try(perch)
        after = standing.after(verdict, reason, self._clock(), random.random())  # noqa: S311 - jitter
        self._standings[due] = after
        await self._act(perch, standing, after)

    def _renew(self, perches: dict[tuple[str, str], Perch]) -> None:
        """Begin with who is new or has another artefact, and forget who is gone."""
        now = self._clock()
        for key, perch in perches.items():
            if self._digests.get(key) == perch.digest and key in self._standings:
                continue
            fence = self._fences.find(perch.node, perch.manifest.name, perch.digest)
            fresh = Standing(next_due(now, random.random()))  # noqa: S311 - jitter
            known = Standing(now, fenced=True, reason=fence.reason, passed=fence.passed) if fence else fresh
            self._standings[key], self._digests[key] = known, perch.digest
        for key in self._standings.keys() - perches.keys():
            del self._standings[key], self._digests[key]

    async def _try(self, perch: Perch) -> tuple[Verdict, str]:
        try:
            picture = await self._find_picture(perch.manifest)
        except BrambleError as error:
            _log.warning("no canary", extra={"action": "canary", "model": perch.manifest.name, "error": error.message})
            return Verdict.VOID, ""
        try:
            answer = await self._ask(perch, picture, within=CANARY_S)
            self._check(perch.manifest, answer)
        except ModelRejectedError as error:
            return Verdict.WRONG, str(error)
        except (AnswerTimeoutError, DeadlineExceededError):
            return Verdict.SLOW, f"no answer to canaries within {CANARY_S:g} s"
        except BrambleError as error:
            if isinstance(error, BusError) or error.code in _VOID:
                return Verdict.VOID, ""
            return Verdict.WRONG, f"a good picture was answered with {error.code}: {error.message}"
        return Verdict.RIGHT, ""

    async def _act(self, perch: Perch, before: Standing, after: Standing) -> None:
        node, model = perch.node, perch.manifest.name
        if after.fenced and not before.fenced:
            await self._fences.put_up(node, model, perch.digest, after.reason)
            await self._tell(model, "fenced", f"{model} is kept from {node}: {after.reason}")
        elif before.fenced and not after.fenced:
            await self._fences.take_down(node, model)
            await self._tell(model, "unfenced", f"{node} has proved itself and serves {model} again")
        elif after.fenced and after.passed != before.passed:
            fence = self._fences.find(node, model, perch.digest)
            if fence:
                await self._fences.note_pass(node, fence, after.passed)
        if after.fenced and after.passed == 0:
            subject = subjects.NODE_COMMAND.build(node=node, verb="prove")
            await self._publish(subject, encode(ProveRequest(model=model)))

    async def _tell(self, model: str, kind: str, text: str) -> None:
        _log.warning(text, extra={"action": kind, "model": model})
        event = Event(at=time.time(), kind=kind, text=text)
        await self._publish(subjects.MODEL_EVENT.build(model=model, kind=kind), encode(event))

    async def _publish(self, subject: str, payload: bytes) -> None:
        try:
            await self._link.publish(subject, payload)
        except BusError as error:
            _log.warning("an event was lost", extra={"action": "tell", "subject": subject, "error": error.message})
