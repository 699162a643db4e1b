"""Takes frames from the bus for the shards that are ready, and answers every one of them."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from edge_agent.backends.base import Activations, Servable
from edge_agent.gathering import Gathering
from edge_agent.pipeline import STUCK_S, Finished, Pipeline, StuckError, Work
from edge_agent.replies import advance, compose, find_next, to_wire
from edge_agent.tally import Tally
from modelkit.errors import ModelkitError
from wire import subjects
from wire.bus import Knocker, Link, Received, Subscription
from wire.bus.link import check_headers
from wire.errors import (
    BadRequestError,
    BrambleError,
    BusError,
    ErrorCode,
    InternalError,
    ModelRejectedError,
    NoCapacityError,
    NoRespondersError,
)
from wire.headers import ABSENT, GATHERED, KNOCK, NODE, WorkOrder
from wire.messages import Shard, encode
from wire.service import error_headers

MAX_HELD = 16
"""Frames in flight and waiting, at most. Controllers send two to a stage: more are there only while one stalls."""
MAX_HELD_BYTES = 32 << 20
MAX_LATE = 64
"""Replies that wait for a server that is away or slow."""
MAX_FAULTS = 3
"""So many faults of its own in a row, and a shard has to prove itself anew."""

_log = logging.getLogger("bramble.agent")

Place = tuple[str, int]  # model and stage: what a subject names


@dataclass(slots=True)
class Post:
    """A shard that is being served."""

    shard: Shard
    servable: Servable
    on_broken: Callable[[Shard, str], None]
    gathering: Gathering | None = None  # of a shard that goes on with the parts of a picture
    timer: asyncio.TimerHandle | None = None  # when the next frame that lacks a part is given up
    tally: Tally = field(default_factory=Tally)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _HandedOn:
    """What one stage has for another one of this node: a message that need not go over the network."""

    subject: str
    reply: str
    headers: dict[str, str] | None
    data: bytes


class Worker:
    """Serves shards. ``on_stuck`` hears of a thread that is lost."""

    def __init__(self, node: str, link: Link, *, on_stuck: Callable[[StuckError], None]) -> None:
        self._node = node
        self._link = link
        self._on_stuck = on_stuck
        self._pipeline = Pipeline()
        self._posts: dict[Shard, Post] = {}
        self._subscriptions: dict[Place, Subscription] = {}
        self._knocker: Knocker | None = None  # only a node with a stage before the last one sends frames on
        self._held: dict[asyncio.Task[None], int] = {}  # what is under way, and its bytes
        self._late: set[asyncio.Task[None]] = set()  # replies that wait for the server
        self.draining = False  # true: new work is refused

    @property
    def in_flight(self) -> int:
        """Frames in the pipeline."""
        return self._pipeline.in_flight

    @property
    def queued(self) -> int:
        """Frames that wait for it."""
        return len(self._held) - self._pipeline.in_flight

    @property
    def busy_s(self) -> float:
        """Seconds so far with a frame in the pipeline."""
        return self._pipeline.busy_s

    @property
    def served(self) -> int:
        """Frames that the shards held now have answered."""
        return sum(post.tally.served for post in self._posts.values())

    def tally(self, shard: Shard) -> Tally:
        """Return what the shard has done."""
        post = self._posts.get(shard)
        return post.tally if post else Tally()

    async def serve(self, shard: Shard, servable: Servable, on_broken: Callable[[Shard, str], None]) -> None:
        """Begin to serve a shard, or go on with another servable; frames begun on the old one end there.

        ``on_broken`` hears of a shard that keeps failing, and why.

        Raises:
            BusError: the server did not take the subscription.
            StuckError: the frames begun on the old servable do not end.

        """
        if self._knocker is None and shard.stage < shard.stages - 1:
            self._knocker = await Knocker.open(self._link, header=KNOCK)
        old = self._posts.get(shard)
        gathering = Gathering(shard.parts) if shard.parts and shard.crop is None else None
        self._posts[shard] = Post(shard, servable, on_broken, gathering, tally=old.tally if old else Tally())
        place = (shard.model, shard.stage)
        if place not in self._subscriptions:
            subject = subjects.WORK.build(node=self._node, model=shard.model, stage=str(shard.stage))
            self._subscriptions[place] = await self._link.take(subject, self._receive)
            await self._link.flush()  # the server knows before anybody hears that the shard is ready
        if old:
            await _finish(old)

    async def withdraw(self, shard: Shard) -> None:
        """Take no more frames for a shard, finish those begun, and let go of its model."""
        post = self._posts.pop(shard, None)
        place = (shard.model, shard.stage)
        if not any((other.model, other.stage) == place for other in self._posts):
            subscription = self._subscriptions.pop(place, None)
            if subscription:
                await subscription.end()
        if post:
            if post.gathering is not None:
                self._expire(post, post.gathering, math.inf)
            await _finish(post)

    async def leave(self, *, within: float) -> None:
        """Take what has already come in, finish it in that many seconds, and answer the rest with a refusal."""
        subscriptions, self._subscriptions = self._subscriptions, {}
        await asyncio.gather(*(each.end(drain=True) for each in subscriptions.values()))
        self.draining = True
        if self._held:
            _, late = await asyncio.wait(tuple(self._held), timeout=within)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)
        if self._late:
            await asyncio.wait(tuple(self._late), timeout=1.0)

    def close(self) -> None:
        """Let go of all models and threads."""
        self._pipeline.close()
        for post in self._posts.values():
            post.servable.close()
        self._posts.clear()

    def _receive(self, message: Received) -> None:
        if message.headers and KNOCK in message.headers:
            return  # whoever sent a frame just now asks the server whether we are there: we are
        if not message.reply:
            _log.debug("work without a reply subject", extra={"action": "receive", "subject": message.subject})
            return
        try:
            post, work = self._admit(message, time.monotonic())
            if post.gathering is not None:
                self._gather(post, post.gathering, work, message.reply)
            else:
                self._begin(post, work, message.reply)
        except Exception as error:  # noqa: BLE001 - whoever waits for this frame has to hear of it
            self._refuse(message.reply, to_wire(error))

    def _begin(self, post: Post, work: Work, reply: str) -> None:
        task = asyncio.create_task(self._answer(post, work, reply), name=f"frame-{work.order.frame}")
        self._held[task] = len(work.payload)
        post.tasks.add(task)
        task.add_done_callback(lambda done: self._forget(post, done))

    def _gather(self, post: Post, gathering: Gathering, work: Work, reply: str) -> None:
        """Take in a part of a frame, and go on with the frame when it was the last one."""
        gathered = gathering.add(work, reply)
        if gathered is None:
            if post.timer is None:
                self._set_timer(post, gathering)
            return
        self._begin(post, gathered.work, gathered.reply)
        for other in gathered.others:
            self._reply(other, b"", {GATHERED: "1"})

    def _set_timer(self, post: Post, gathering: Gathering) -> None:
        deadline = gathering.next_deadline
        loop = asyncio.get_running_loop()
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        post.timer = None if left is None else loop.call_later(left, self._expire, post, gathering)

    def _expire(self, post: Post, gathering: Gathering, now: float | None = None) -> None:
        """Give up frames of which a part did not come in time."""
        for reply, error in gathering.expire(time.monotonic() if now is None else now):
            self._refuse(reply, error)
        self._set_timer(post, gathering)

    def _admit(self, message: Received, now: float) -> tuple[Post, Work]:
        """Check all that can be checked without work."""
        order = WorkOrder.from_headers(check_headers(message))
        post = self._find(message.subject, order)
        if self.draining:
            raise NoCapacityError(f"{self._node} is draining", remedy="send to another node")
        held = sum(self._held.values())
        if len(self._held) >= MAX_HELD or (held and held + len(message.data) > MAX_HELD_BYTES):
            raise NoCapacityError(
                f"{self._node} already holds {len(self._held)} frames of {held} bytes",
                remedy="send at most two at a time to a node",
            )
        try:
            post.servable.check(message.data)
        except (BrambleError, ModelkitError):
            post.tally = post.tally.add_failed(own_fault=False)
            raise
        network_ms = 0.0 if order.sent_at is None else (time.time() - order.sent_at) * 1e3
        return post, Work(order, message.data, now, now + order.deadline_ms / 1e3, network_ms)

    def _find(self, subject: str, order: WorkOrder) -> Post:
        """Return the post that the subject and the order both mean."""
        place = _read_place(subject)
        posts = [post for post in self._posts.values() if (post.shard.model, post.shard.stage) == place]
        for post in posts:
            if (post.shard.artefact, post.shard.cut) == (order.digest, order.cut):
                _check_itinerary(self._node, post.shard, order)
                return post
        serving = ", ".join(_name(post.shard.artefact, post.shard.cut) for post in posts) or "nothing"
        raise ModelRejectedError(
            f"{self._node} serves {serving} of {place[0]}, not {_name(order.digest, order.cut)}",
            remedy="send to a node that serves this digest and cut, or ask for what is served here",
        )

    async def _answer(self, post: Post, work: Work, reply: str) -> None:
        try:
            finished = await self._pipeline.run(post.servable, work)
        except asyncio.CancelledError:
            self._refuse(reply, NoCapacityError(f"{self._node} left before the frame was done"))
            raise
        except StuckError as error:
            self._on_stuck(error)
            self._refuse(reply, InternalError(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever a frame does to us costs that frame only, and is told
            self._fail(post, reply, to_wire(error))
        else:
            post.tally = post.tally.add_served(finished.busy_ms)
            if isinstance(finished.outcome, Activations):
                await self._hand_on(post.shard, work, finished, finished.outcome.payload, reply)
            else:
                self._reply(reply, encode(compose(self._node, post.shard, work, finished, finished.outcome)))

    async def _hand_on(self, shard: Shard, work: Work, finished: Finished, payload: bytes, reply: str) -> None:
        """Send a frame to the node of the next stage, which answers, or goes on, in our place."""
        assert self._knocker is not None  # opened before the shard was served
        hop = work.order.itinerary[find_next(shard)]
        absent = NoRespondersError(
            f"nobody serves stage {hop.stage} of {shard.model} on {hop.node}",
            remedy="see `bramble nodes`",
            node=hop.node,
        )
        try:
            order = advance(
                self._node, shard, work, finished, sent_bytes=len(payload), now=time.monotonic(), at=time.time()
            )
            subject = subjects.WORK.build(node=hop.node, model=shard.model, stage=str(hop.stage))
            headers = order.to_headers()
            if hop.node == self._node:  # our own next stage needs no server between
                self._receive(_HandedOn(subject, reply, headers, payload))
                return
            await self._knocker.publish(
                subject, payload, headers=headers, reply=reply, on_nobody=functools.partial(self._refuse, reply, absent)
            )
        except BrambleError as error:
            self._refuse(reply, error)

    def _fail(self, post: Post, reply: str, error: BrambleError) -> None:
        post.tally = post.tally.add_failed(own_fault=error.code is ErrorCode.INTERNAL)
        self._refuse(reply, error)
        if post.tally.faults >= MAX_FAULTS and self._posts.get(post.shard) is post:
            post.on_broken(post.shard, f"failed {post.tally.faults} times in a row: {error}")

    def _refuse(self, reply: str, error: BrambleError) -> None:
        headers = {**error_headers(error), NODE: error.node or self._node}
        if isinstance(error, NoRespondersError):
            headers[ABSENT] = "1"
        self._reply(reply, error.to_json(), headers)

    def _reply(self, reply: str, payload: bytes, headers: dict[str, str] | None = None) -> None:
        """Answer: now, or in a task of its own where that has to wait for the server."""
        try:
            if self._link.post(reply, payload, headers=headers):
                return
        except BrambleError as error:
            _note_lost(error)
            return
        if len(self._late) >= MAX_LATE:
            _note_lost(BusError(f"{MAX_LATE} replies already wait for the server"))
            return
        task = asyncio.create_task(self._reply_late(reply, payload, headers), name="reply")
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _reply_late(self, reply: str, payload: bytes, headers: dict[str, str] | None) -> None:
        try:
            await self._link.publish(reply, payload, headers=headers)
        except BrambleError as error:
            _note_lost(error)

    def _forget(self, post: Post, task: asyncio.Task[None]) -> None:
        post.tasks.discard(task)
        self._held.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            _log.error("a frame was not answered", extra={"action": "answer"}, exc_info=error)


@lru_cache(256)
def _read_place(subject: str) -> Place:
    tokens = subjects.WORK.parse(subject)
    if tokens is None or not (tokens["stage"].isascii() and tokens["stage"].isdigit()):
        raise BadRequestError(f"{subject[:80]!r} is not a subject for work")
    return tokens["model"], int(tokens["stage"])


def _note_lost(error: BrambleError) -> None:
    _log.warning("an answer was lost", extra={"action": "reply", "error": str(error)})


async def _finish(post: Post) -> None:
    """Wait for the frames begun on a post, then close it. A model is never closed under a frame."""
    if post.timer is not None:
        post.timer.cancel()
    if post.tasks:
        _, late = await asyncio.wait(tuple(post.tasks), timeout=STUCK_S)
        if late:
            raise StuckError(f"{len(late)} frames of {post.shard.model} did not end within {STUCK_S:.0f} s")
    post.servable.close()


def _check_itinerary(node: str, shard: Shard, order: WorkOrder) -> None:
    hops = order.itinerary
    stages = tuple(hop.stage for hop in hops)
    if stages != tuple(range(shard.stages)) or hops[shard.stage].node != node:
        raise BadRequestError(
            f"the itinerary of {len(hops)} stages does not lead to stage {shard.stage} of {shard.stages} on {node}",
            remedy="name one node for each stage, in order",
        )
    gathers = bool(shard.parts) and shard.crop is None
    if (order.part is not None) != gathers:
        raise BadRequestError(f"part {order.part} of a picture came for stage {shard.stage} of {shard.stages}")
    before = 0 if shard.crop is not None else 1 if gathers else shard.stage
    if len(order.done) != before:
        raise BadRequestError(
            f"a frame for stage {shard.stage} came with the timings of {len(order.done)} stages",
            remedy="send frames to stage 0",
        )


def _name(digest: str, cut: str | None) -> str:
    return f"{digest[:12]} cut {cut}" if cut else digest[:12]
