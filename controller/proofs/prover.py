"""Proves cuts over the real path: one trial at a time, beside the frames."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from controller.catalogue import Catalogue
from controller.dispatch.job import Courier, Job
from controller.proofs.known_picture import KnownPictures, check_answer
from controller.proofs.staffing import Post, Trial, find_suspects, find_trial, group_by_chain
from modelkit.errors import ModelkitError
from wire import subjects
from wire.bus import Link
from wire.errors import BrambleError, BusError
from wire.ids import new_frame_id
from wire.messages import Event, encode
from wire.status import CutStatus

TRIAL_S = 30.0
FIRST_RETRY_S = 5.0
LAST_RETRY_S = 300.0

_log = logging.getLogger("bramble.proofs")


class Prover:
    """Knows which posts have proved themselves. ``on_change`` is called when that changes."""

    def __init__(
        self,
        catalogue: Catalogue,
        courier: Courier,
        pictures: KnownPictures,
        link: Link,
        clock: Callable[[], float],
        *,
        on_change: Callable[[], None],
    ) -> None:
        self._catalogue = catalogue
        self._courier = courier
        self._pictures = pictures
        self._link = link
        self._clock = clock
        self._on_change = on_change
        self._posts: dict[str, tuple[Post, ...]] = {}  # by node
        self._proved: set[Post] = set()
        self._failures: dict[Post, int] = {}
        self._blocked: dict[Post, tuple[float, str]] = {}  # until when, and why
        self._changed = asyncio.Event()

    def note(self, node: str, posts: tuple[Post, ...]) -> None:
        """Take over which posts a node has now; what went and comes again has to be proved again."""
        if self._posts.get(node, ()) == posts:
            return
        gone = {*self._posts.get(node, ())} - {*posts}
        self._posts[node] = posts
        self._proved -= gone
        for post in gone:
            self._blocked.pop(post, None)
            self._failures.pop(post, None)
        self._changed.set()

    def is_proved(self, post: Post) -> bool:
        """Tell whether frames may take this post."""
        return post in self._proved

    def has_proved(self, model: str, cut: str) -> bool:
        """Tell whether frames can take a cut: each stage has a post that is proved."""
        return any(
            all(stages) and (chain.model, chain.cut) == (model, cut)
            for chain, stages in group_by_chain(self._proved).items()
        )

    def statuses(self, model: str) -> tuple[CutStatus, ...]:
        """Say how far the cuts of a model are."""
        found = []
        for chain, stages in group_by_chain(self._all_posts()).items():
            if chain.model != model or chain.cut is None:
                continue
            problems = [self._blocked[post][1] for stage in stages for post in stage if post in self._blocked]
            found.append(
                CutStatus(
                    cut=chain.cut,
                    whole=chain.artefact,
                    ready=tuple(tuple(post.node for post in stage) for stage in stages),
                    proved=tuple(tuple(post.node for post in stage if post in self._proved) for stage in stages),
                    problem=problems[0] if problems else "",
                )
            )
        return tuple(sorted(found, key=lambda each: each.cut))

    async def run(self) -> None:
        """Prove what is to be proved, for ever."""
        while True:
            self._changed.clear()
            now = self._clock()
            blocked = {post for post, (until, _) in self._blocked.items() if until > now}
            trial = find_trial(self._all_posts(), self._proved, blocked)
            if trial is not None:
                await self._try(trial)
                continue
            due = min((until for until, _ in self._blocked.values() if until > now), default=None)
            try:
                await asyncio.wait_for(self._changed.wait(), None if due is None else due - now)
            except TimeoutError:
                continue

    async def _try(self, trial: Trial) -> None:
        chain, way = trial.chain, " > ".join(post.node for post in trial.posts)
        try:
            manifest = self._catalogue.of(chain.model, chain.artefact)
            job = Job(
                frame=new_frame_id(),
                model=chain.model,
                payload=await self._pictures.find(manifest),
                deadline=self._clock() + TRIAL_S,
            )
            answer = await self._courier.carry(job, chain, trial.hops, within=TRIAL_S)
            check_answer(manifest, answer)
        except (BrambleError, ModelkitError) as error:
            node = error.node if isinstance(error, BrambleError) else ""
            self._block(find_suspects(trial, node, self._proved), str(error))
            await self._tell("cut_refused", chain.model, f"cut {chain.cut} over {way} failed: {error}")
            return
        present = {post for post in self._all_posts() if post in trial.posts}
        self._proved |= present
        for post in present:
            self._blocked.pop(post, None)
            self._failures.pop(post, None)
        self._on_change()
        await self._tell("cut_proved", chain.model, f"cut {chain.cut} gave the known answer over {way}")

    def _block(self, posts: Iterable[Post], reason: str) -> None:
        """Keep posts out for a while, longer each time."""
        for post in posts:
            failures = self._failures.get(post, 0)
            self._failures[post] = failures + 1
            delay = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 16))
            self._blocked[post] = (self._clock() + delay, reason)
            self._proved.discard(post)
        self._on_change()

    def _all_posts(self) -> list[Post]:
        return [post for posts in self._posts.values() for post in posts]

    async def _tell(self, kind: str, model: str, text: str) -> None:
        _log.log(logging.INFO if kind == "cut_proved" else logging.WARNING, text, extra={"action": kind})
        event = Event(at=time.time(), kind=kind, text=text)
        try:
            await self._link.publish(subjects.MODEL_EVENT.build(model=model, kind=kind), encode(event))
        except BusError as error:
            _log.warning("an event was lost", extra={"action": "tell", "error": str(error)})
