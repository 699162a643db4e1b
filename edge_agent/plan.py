"""What to do next so that the node serves what it is to serve: one pure function, a list of priorities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wire.messages import Shard, ShardState

FIRST_RETRY_S = 5.0
LAST_RETRY_S = 300.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shard that the node is to serve, and what is known of its model."""

    shard: Shard
    manifest: str | None  # digest of the model's present manifest; None: there is none
    offered: bool  # the manifest names the shard's artefact (it does not while a model is being replaced)


@dataclass(frozen=True, slots=True)
class Holding:
    """How far the node is with a shard."""

    state: ShardState
    manifest: str | None  # digest of the manifest that it was loaded, or rejected, with
    reason: str = ""
    exclusive: bool = False  # its device takes no second model
    retries: int = 0
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Stop serving the shard."""

    shard: Shard


@dataclass(frozen=True, slots=True)
class Load:
    """Fetch, prove and serve the shard; what served in its place goes on until this one does."""

    shard: Shard


Step = Drop | Load


def next_step(wanted: Sequence[Wanted], held: Mapping[Shard, Holding], now: float) -> Step | None:
    """Return the most urgent step, or None when there is nothing to do before something changes.

    ``now`` is on the clock of ``Holding.retry_at``.
    """
    return (
        next(_blocking_device(wanted, held), None)
        or next(_missing(wanted, held), None)
        or next(_replaced(wanted, held), None)
        or next(_outdated(wanted, held), None)
        or next(_due(wanted, held, now), None)
    )


def next_retry(held: Mapping[Shard, Holding]) -> float | None:
    """Return when the next rejected shard is to be tried again."""
    return min((each.retry_at for each in held.values() if each.retry_at is not None), default=None)


def retry_delay(retries: int) -> float:
    """Return how many seconds to wait before trying a rejected shard again, for the ``retries``-th time from 0."""
    return min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(retries, 16))


def _blocking_device(wanted: Sequence[Wanted], held: Mapping[Shard, Holding]) -> Iterator[Step]:
    """A device for one model must be free before the next is proved on it."""
    stay = {each.shard for each in wanted}
    return (Drop(shard) for shard, holding in held.items() if holding.exclusive and shard not in stay)


def _missing(wanted: Sequence[Wanted], held: Mapping[Shard, Holding]) -> Iterator[Step]:
    return (Load(each.shard) for each in wanted if each.shard not in held)


def _replaced(wanted: Sequence[Wanted], held: Mapping[Shard, Holding]) -> Iterator[Step]:
    """What serves a model goes when all that is to serve it does, so that no model goes unserved meanwhile."""
    stay = {each.shard for each in wanted}
    pending = {shard.model for shard in stay if shard not in held or held[shard].state is not ShardState.READY}
    return (Drop(shard) for shard in held if shard not in stay and shard.model not in pending)


def _outdated(wanted: Sequence[Wanted], held: Mapping[Shard, Holding]) -> Iterator[Step]:
    """A new manifest may hold other labels or another known answer. One without the artefact changes nothing."""
    for each in wanted:
        holding = held.get(each.shard)
        if holding is None or holding.manifest == each.manifest:
            continue
        if each.offered or holding.state is not ShardState.READY:
            yield Load(each.shard)


def _due(wanted: Sequence[Wanted], held: Mapping[Shard, Holding], now: float) -> Iterator[Step]:
    for each in wanted:
        holding = held.get(each.shard)
        if holding is not None and holding.retry_at is not None and holding.retry_at <= now:
            yield Load(each.shard)
