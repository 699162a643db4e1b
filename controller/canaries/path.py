"""The canaries' way to the nodes: the one that frames take, beside the pool, and only where nothing waits."""

from __future__ import annotations

from collections.abc import Callable

from controller.canaries.fences import Fences
from controller.canaries.keeper import CanaryKeeper, Perch
from controller.dispatch.candidate import Chain
from controller.dispatch.job import Courier, Job
from controller.dispatch.pool import Pool
from controller.nodes.nodes import Nodes
from controller.proofs.known_picture import KnownPictures, check_answer
from wire.bus import Link
from wire.headers import Hop
from wire.ids import new_frame_id
from wire.messages import Answer


def make_canaries(
    link: Link,
    fences: Fences,
    *,
    nodes: Nodes,
    pool: Pool,
    courier: Courier,
    pictures: KnownPictures,
    leads: Callable[[], bool],
    clock: Callable[[], float],
) -> CanaryKeeper:
    """Put the canaries together."""

    async def ask(perch: Perch, picture: bytes, *, within: float) -> Answer:
        model = perch.manifest.name
        job = Job(new_frame_id(), model, picture, clock() + within)
        return await courier.carry(job, Chain(model, perch.digest, None, 1), (Hop(perch.node, 0),), within=within)

    return CanaryKeeper(
        link,
        fences,
        perches=nodes.perches,
        ask=ask,
        find_picture=pictures.find,
        check=check_answer,
        may_ask=lambda node: not pool.waiting and not pool.in_flight(node),
        leads=leads,
        clock=clock,
    )
