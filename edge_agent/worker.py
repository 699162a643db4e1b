"""Takes frames from the bus for the shards that are ready, and answers every one of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable
from functools import partial

from edge_agent import pipeline
from edge_agent.backends.base import Activations, Servable
from edge_agent.custody import Custody, Held
from edge_agent.gathering import Gathering
from edge_agent.outbox import Onward, Outbox
from edge_agent.pipeline import Finished, Pipeline, StuckError, Work
from edge_agent.places import Place, check_itinerary, name_cut, read_place
from edge_agent.post import Post
from edge_agent.replies import advance, compose, find_next, to_wire
from edge_agent.tally import Tally
from modelkit.errors import ModelkitError
from wire import subjects
from wire.answers import address
from wire.bus import Link, Received, Subscription
from wire.bus.link import check_headers
from wire.errors import (
    BrambleError,
    ErrorCode,
    InternalError,
    ModelRejectedError,
    NoCapacityError,
)
from wire.headers import GATHERED, KNOCK, WorkOrder
from wire.messages import Shard, encode

MAX_HELD = 16
"""Frames in flight and waiting, at most. Controllers send two to a stage: more are there only while one stalls."""
MAX_HELD_BYTES = 32 << 20
MAX_FAULTS = 3
"""So many faults of its own in a row, and a shard has to prove itself anew."""

_log = logging.getLogger("bramble.agent")


class Worker:
    """Serves shards. ``on_stuck`` hears of a thread that is lost."""

    def __init__(self, node: str, link: Link, *, on_stuck: Callable[[StuckError], None]) -> None:
        self._node = node
        self._link = link
        self._on_stuck = on_stuck
        self._pipeline = Pipeline()
        self._posts: dict[Shard, Post] = {}
        self._subscriptions: dict[Place, Subscription] = {}
        self._outbox = Outbox(node, link)
        self._loop = asyncio.get_running_loop()
        self._held = Custody()  # what is under way
        self._watch: asyncio.TimerHandle | None = None  # for a frame that does not come out of its thread
        self.draining = False  # true: new work is refused

    @property
    def in_flight(self) -> int:
        """Frames in the pipeline."""
        return self._pipeline.in_flight

    @property
    def queued(self) -> int:
        """Frames that wait for it."""
        return max(0, len(self._held) - self._pipeline.in_flight)

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
        if shard.stage < shard.stages - 1:
            await self._outbox.open_way_on()
        old = self._posts.get(shard)
        gathering = Gathering(shard.parts) if shard.parts and shard.crop is None else None
        self._posts[shard] = Post(shard, servable, on_broken, gathering, tally=old.tally if old else Tally())
        place = (shard.model, shard.stage)
        if place not in self._subscriptions:
            subject = subjects.WORK.build(node=self._node, model=shard.model, stage=str(shard.stage))
            self._subscriptions[place] = await self._link.take(subject, self._receive)
            await self._link.flush()  # the server knows before anybody hears that the shard is ready
        if old:
            await self._finish(old)

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
            await self._finish(post)

    async def leave(self, *, within: float) -> None:
        """Take what has already come in, finish it in that many seconds, and answer the rest with a refusal."""
        subscriptions, self._subscriptions = self._subscriptions, {}
        await asyncio.gather(*(each.end(drain=True) for each in subscriptions.values()))
        self.draining = True
        if not await self._held.wait(within):
            for frame in self._held.frames:
                self._give_up(frame, NoCapacityError(f"{self._node} left before the frame was done"))
        await self._outbox.close(within=1.0)

    def close(self) -> None:
        """Let go of all models and threads."""
        if self._watch is not None:
            self._watch.cancel()
        self._pipeline.close()
        for post in self._posts.values():
            post.servable.close()
        self._posts.clear()

    def _receive(self, message: Received) -> None:
        if message.headers and KNOCK in message.headers:
            return  # whoever sent a frame just now asks the server whether we are there: we are
        if not (reply := address(message.reply, self._node)):
            _log.debug("work that wants no answer of ours", extra={"action": "receive", "subject": message.subject})
            return
        try:
            post, work = self._admit(message, time.monotonic())
            if post.gathering is not None:
                self._gather(post, post.gathering, work, reply)
            else:
                self._begin(post, work, reply)
        except Exception as error:  # noqa: BLE001 - whoever waits for this frame has to hear of it
            self._outbox.refuse(reply, to_wire(error))

    def _begin(self, post: Post, work: Work, reply: str) -> None:
        frame = Held(post, work, reply)
        self._held.take(frame)
        self._pipeline.begin(post.servable, work, partial(self._end, frame))
        if self._watch is None:
            self._watch = self._loop.call_later(pipeline.STUCK_S, self._look_for_stuck)

    def _gather(self, post: Post, gathering: Gathering, work: Work, reply: str) -> None:
        """Take in a part of a frame, and go on with the frame when it was the last one."""
        gathered = gathering.add(work, reply)
        if gathered is None:
            if post.timer is None:
                self._set_timer(post, gathering)
            return
        self._begin(post, gathered.work, gathered.reply)
        for other in gathered.others:
            self._outbox.answer(other, b"", {GATHERED: "1"})

    def _set_timer(self, post: Post, gathering: Gathering) -> None:
        deadline = gathering.next_deadline
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        post.timer = None if left is None else self._loop.call_later(left, self._expire, post, gathering)

    def _expire(self, post: Post, gathering: Gathering, now: float | None = None) -> None:
        """Give up frames of which a part did not come in time."""
        for reply, error in gathering.expire(time.monotonic() if now is None else now):
            self._outbox.refuse(reply, error)
        self._set_timer(post, gathering)

    def _admit(self, message: Received, now: float) -> tuple[Post, Work]:
        """Check all that can be checked without work."""
        order = WorkOrder.from_headers(check_headers(message))
        post = self._find(message.subject, order)
        if self.draining:
            raise NoCapacityError(f"{self._node} is draining", remedy="send to another node")
        held = self._held.bytes
        if len(self._held) >= MAX_HELD or (held and held + len(message.data) > MAX_HELD_BYTES):
            raise NoCapacityError(
                f"{self._node} already holds {len(self._held)} frames of {held} bytes",
                remedy="send at most two at a time to a node",
            )
        try:
            post.servable.check(message.data)
        except (BrambleError, ModelkitError):
            post.count_failed(own_fault=False)
            raise
        network_ms = 0.0 if order.sent_at is None else (time.time() - order.sent_at) * 1e3
        return post, Work(order, message.data, now, now + order.deadline_ms / 1e3, network_ms)

    def _find(self, subject: str, order: WorkOrder) -> Post:
        """Return the post that the subject and the order both mean."""
        place = read_place(subject)
        posts = [post for post in self._posts.values() if (post.shard.model, post.shard.stage) == place]
        for post in posts:
            if (post.shard.artefact, post.shard.cut) == (order.digest, order.cut):
                check_itinerary(self._node, post.shard, order)
                return post
        serving = ", ".join(name_cut(post.shard.artefact, post.shard.cut) for post in posts) or "nothing"
        raise ModelRejectedError(
            f"{self._node} serves {serving} of {place[0]}, not {name_cut(order.digest, order.cut)}",
            remedy="send to a node that serves this digest and cut, or ask for what is served here",
        )

    def _end(self, frame: Held, found: Finished | BaseException) -> None:
        """Answer a frame or hand it on, in the thread that did it; what went wrong is the loop's business."""
        if self._held.claim(frame):
            if isinstance(found, Finished):
                try:
                    self._conclude(frame, found)
                except Exception as error:  # noqa: BLE001 - whoever waits for this frame has to hear of it
                    found = error
            if isinstance(found, BaseException):
                self._call(self._fail, frame.post, frame.reply, to_wire(found))
        self._held.release(frame)

    def _conclude(self, frame: Held, found: Finished) -> None:
        if isinstance(found.outcome, Activations):
            self._hand_on(frame, found, found.outcome.payload)
            return
        answer = encode(compose(self._node, frame.post.shard, frame.work, found, found.outcome))
        frame.post.count_served(found.busy_ms)
        self._outbox.answer(frame.reply, answer)

    def _give_up(self, frame: Held, error: BrambleError) -> None:
        if self._held.claim(frame):
            self._outbox.refuse(frame.reply, error)
        self._held.release(frame)

    def _look_for_stuck(self) -> None:
        self._watch = None
        for frame in self._held.frames[:1]:
            left_s = frame.work.arrived + pipeline.STUCK_S - time.monotonic()
            if left_s > 0:
                self._watch = self._loop.call_later(left_s, self._look_for_stuck)
                return
            error = StuckError(f"frame {frame.work.order.frame} has been in a thread for {pipeline.STUCK_S:.0f} s")
            self._on_stuck(error)
            self._give_up(frame, InternalError(str(error)))

    def _hand_on(self, frame: Held, finished: Finished, payload: bytes) -> None:
        """Send a frame to the node of the next stage, which answers, or goes on, in our place."""
        shard, order = frame.post.shard, frame.work.order
        hop = order.itinerary[find_next(shard)]
        now, at = time.monotonic(), time.time()
        order = advance(self._node, shard, frame.work, finished, sent_bytes=len(payload), now=now, at=at)
        onward = Onward(
            hop.node,
            subjects.WORK.build(node=hop.node, model=shard.model, stage=str(hop.stage)),
            frame.reply,
            order.to_headers(),
            payload,
        )
        frame.post.count_served(finished.busy_ms)
        if hop.node == self._node:  # our own next stage needs no server between
            self._call(self._receive, onward)
        else:
            self._outbox.send_on(onward)

    def _fail(self, post: Post, reply: str, error: BrambleError) -> None:
        tally = post.count_failed(own_fault=error.code is ErrorCode.INTERNAL)
        self._outbox.refuse(reply, error)
        if tally.faults >= MAX_FAULTS and self._posts.get(post.shard) is post:
            post.on_broken(post.shard, f"failed {tally.faults} times in a row: {error}")

    def _call(self, do: Callable[..., None], *arguments: object) -> None:
        """Have the loop do something, from another thread."""
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody is left who waits
            self._loop.call_soon_threadsafe(do, *arguments)

    async def _finish(self, post: Post) -> None:
        """Wait until the frames begun on a post have ended, then close it. A model is never closed under a frame."""
        if post.timer is not None:
            post.timer.cancel()
        if not await self._held.wait(pipeline.STUCK_S, of=post):
            raise StuckError(f"frames of {post.shard.model} did not end within {pipeline.STUCK_S:.0f} s")
        post.servable.close()
