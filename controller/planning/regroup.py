"""Making a layout better: a few of its chains at a time are taken apart and laid out again, exactly.

Each round can only gain, so the result is never worse than what it began with. The order is drawn from a fixed seed:
the same cluster always gets the same plan.
"""

from __future__ import annotations

import random

from controller.planning.costs import Costs
from controller.planning.exact import find_fastest
from controller.planning.layout import Chain, Layout, Step, join_replicas, rate_layout

_GROUP = 6  # nodes that are laid out again at a time
_ROUNDS = 60


def regroup(costs: Costs, layout: Layout) -> Layout:
    """Return a layout that gives at least as many frames a second."""
    draw = random.Random(0)  # noqa: S311 - no secret, and it must be repeatable
    chains = [chain for joined in layout for chain in _split_replicas(joined)]
    used = {node for chain in chains for step in chain for node in step.nodes}
    idle = [node for node in range(costs.nodes) if node not in used]
    for _ in range(_ROUNDS):
        draw.shuffle(chains)
        draw.shuffle(idle)
        spare = idle[: draw.randint(0, min(_GROUP, len(idle)))]
        taken: list[Chain] = []
        nodes = list(spare)
        for chain in chains:
            members = [node for step in chain for node in step.nodes]
            if len(nodes) + len(members) <= _GROUP:
                taken.append(chain)
                nodes += members
        found = _lay_out(costs, sorted(nodes))
        if rate_layout(costs, found) > rate_layout(costs, tuple(taken)) * (1 + 1e-9):
            chains = [chain for chain in chains if chain not in taken] + list(found)
            idle = sorted({*idle, *nodes} - {node for chain in found for step in chain for node in step.nodes})
    return join_replicas(tuple(chains))


def _split_replicas(chain: Chain) -> list[Chain]:
    if len(chain) > 1:
        return [chain]
    return [(Step(chain[0].start, chain[0].end, (node,)),) for node in chain[0].nodes]


def _lay_out(costs: Costs, nodes: list[int]) -> Layout:
    """The best layout of some of the nodes, as chains that can be taken apart again."""
    return tuple(
        single
        for chain in find_fastest(costs.on_nodes(nodes))
        for single in _split_replicas(
            tuple(Step(step.start, step.end, tuple(nodes[member] for member in step.nodes)) for step in chain)
        )
    )
