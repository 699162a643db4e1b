"""Which stages are there, and what has to be proved next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from controller.dispatch.candidate import Chain, Role
from wire.headers import Hop
from wire.messages import Heartbeat, Shard, ShardState


class Post(NamedTuple):
    """A stage of a cut that a node says it is ready for; a restart of the agent makes it another."""

    node: str
    session: str
    shard: Shard

    @property
    def role(self) -> Role:
        """What it does."""
        return role_of(self.shard)


class Trial(NamedTuple):
    """A way through one cut, a post a stage."""

    posts: tuple[Post, ...]

    @property
    def chain(self) -> Chain:
        """What is tried."""
        return self.posts[0].role.chain

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The itinerary."""
        return tuple(Hop(post.node, post.shard.stage, post.shard.wire) for post in self.posts)


def role_of(shard: Shard) -> Role:
    """Return what a node does that serves the shard."""
    return Role(Chain(shard.model, shard.artefact, shard.cut, shard.stages, shard.parts), shard.stage)


def list_posts(beat: Heartbeat) -> tuple[Post, ...]:
    """Return the stages of cuts that a node says are ready."""
    return tuple(
        Post(beat.node, beat.session, report.shard)
        for report in beat.shards
        if report.state is ShardState.READY and report.shard.cut is not None
    )


def group_by_chain(posts: Iterable[Post]) -> dict[Chain, tuple[tuple[Post, ...], ...]]:
    """Return for each cut the posts of each stage, by node; a stage that nobody has is empty."""
    found: dict[Chain, tuple[list[Post], ...]] = {}
    for post in sorted(posts, key=lambda each: each.node):
        chain, stage = post.role
        found.setdefault(chain, tuple([] for _ in range(chain.stages)))[stage].append(post)
    return {chain: tuple(tuple(stage) for stage in stages) for chain, stages in found.items()}


def find_trial(posts: Iterable[Post], proved: Collection[Post], blocked: Collection[Post]) -> Trial | None:
    """Return a way through posts that are not proved, beside such as are; None when there is nothing to prove.

    Each trial has at least one post that is not proved, so that each post is tried after at most as many trials as
    there are posts. Those that are ``blocked`` are left out.
    """
    usable = [post for post in posts if post not in blocked]
    for stages in group_by_chain(usable).values():
        if all(stages) and any(post not in proved for stage in stages for post in stage):
            return Trial(tuple(min(stage, key=lambda each: each in proved) for stage in stages))
    return None


def find_suspects(trial: Trial, node: str, proved: Collection[Post]) -> tuple[Post, ...]:
    """Return who is to blame for a trial that failed: the node that said so, else all that were not proved before."""
    named = tuple(post for post in trial.posts if post.node == node)
    return named or tuple(post for post in trial.posts if post not in proved)
