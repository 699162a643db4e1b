"""The best layout of a small cluster, by dynamic programming over subsets of its nodes (Held and Karp's scheme).

``S`` runs over sets of nodes as bit masks. A chain on exactly ``S`` up to cut ``k`` ends with a stage on some part
``T`` of it from some cut ``i``:  ``F(S, k) = max over T, i of min(F(S - T, i), rate(T, i, k))``. The whole cluster is
then a partition into chains:  ``B(S) = max over T of F(T, end) + B(S - T)``. 3^n steps, each one array operation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from controller.planning.costs import Costs, Floats
from controller.planning.layout import Chain, Layout, Step, join_replicas


class _Chains:
    """The best chain on each set of nodes."""

    def __init__(self, costs: Costs, stages: int | None = None) -> None:
        """With ``stages``, layer ``j`` holds the chains of ``j`` stages; else one layer holds those of any number."""
        self.costs = costs
        sets, cuts, layers = 1 << costs.nodes, costs.end + 1, (stages or 0) + 1
        self.rates: Floats = np.zeros((sets, cuts, cuts))  # of a stage on all of a set
        for members in range(1, sets):
            lowest = members & -members
            self.rates[members] = self.rates[members ^ lowest] + costs.rates[lowest.bit_length() - 1]
        self._layers: Floats = np.zeros((layers, sets, cuts))
        self._layers[0, 0, 0] = np.inf
        self._last = np.zeros((layers, sets, cuts, 2), np.int64)  # the last stage's nodes and first cut
        for layer in range(1, layers) if stages else (0,):
            for members in range(1, sets):
                for part in _parts(members):
                    self._extend(layer, members, part)

    @property
    def best(self) -> Floats:
        """Frames a second of the best chain on each set of nodes up to each cut."""
        best: Floats = self._layers[-1]
        return best

    def _extend(self, layer: int, members: int, part: int) -> None:
        before = self._layers[max(0, layer - 1), members ^ part]
        reached = np.minimum(before[:, None], self.rates[part])
        starts = reached.argmax(axis=0)
        values = reached[starts, np.arange(len(starts))]
        better = values > self._layers[layer, members]
        self._layers[layer, members][better] = values[better]
        self._last[layer, members][better] = np.stack([np.full(len(starts), part), starts], axis=1)[better]

    def trace(self, members: int) -> Chain:
        """Return the chain itself; nodes that add nothing to a stage are left out."""
        steps: list[Step] = []
        end, layer = self.costs.end, len(self._layers) - 1
        while end:
            part, start = (int(value) for value in self._last[layer, members, end])
            useful = tuple(node for node in _nodes(part) if self.costs.rates[node, start, end] > 0)
            steps.append(Step(start, end, useful))
            members, end, layer = members ^ part, start, max(0, layer - 1)
        return tuple(reversed(steps))


def find_fastest(costs: Costs) -> Layout:
    """Return the layout with most frames a second; none where no node set can run the model."""
    chains = _Chains(costs)
    whole = chains.best[:, costs.end]
    best, chosen = whole.copy(), list(range(len(whole)))
    for members in range(1, len(whole)):
        for part in _parts(members):
            value = whole[part] + best[members ^ part]
            if value > best[members]:
                best[members], chosen[members] = value, part
    layout: list[Chain] = []
    members = len(whole) - 1
    while members and best[members] > 0:
        part = chosen[members]
        if whole[part] > 0:
            layout.append(chains.trace(part))
        members ^= part
    return join_replicas(tuple(layout))


def find_fastest_chain(costs: Costs, stages: int | None = None) -> Layout:
    """Return the one chain, of so many stages where given, with most frames a second; none where there is none."""
    chains = _Chains(costs, stages)
    members = int(chains.best[:, costs.end].argmax())
    return (chains.trace(members),) if chains.best[members, costs.end] > 0 else ()


def find_least(costs: Costs, stage_costs: Floats, combine: np.ufunc, stages: int | None = None) -> Layout:
    """Return the chain of single nodes whose stages combine (``np.add``, ``np.maximum``) to the least; maybe none.

    ``G(S, k) = min over n in S, i of combine(G(S - n, i), cost(n, i, k))``. With ``stages``, only chains of so many:
    single nodes have a stage each, so these are the sets of so many nodes.
    """
    sets, cuts = 1 << costs.nodes, costs.end + 1
    best: Floats = np.full((sets, cuts), np.inf)
    best[0, 0] = 0
    last = np.zeros((sets, cuts, 2), np.int64)
    for members in range(1, sets):
        for node in _nodes(members):
            reached = combine(best[members ^ 1 << node][:, None], stage_costs[node])
            starts = reached.argmin(axis=0)
            values = reached[starts, np.arange(cuts)]
            better = values < best[members]
            best[members][better] = values[better]
            last[members][better] = np.stack([np.full(cuts, node), starts], axis=1)[better]
    reaching = best[:, costs.end]
    if stages is not None:
        reaching = np.where([members.bit_count() == stages for members in range(sets)], reaching, np.inf)
    members, end = int(reaching.argmin()), costs.end
    if not np.isfinite(reaching[members]):
        return ()
    steps: list[Step] = []
    while end:
        node, start = (int(value) for value in last[members, end])
        steps.append(Step(start, end, (node,)))
        members, end = members ^ 1 << node, start
    return (tuple(reversed(steps)),)


def _parts(members: int) -> Iterator[int]:
    """All subsets of a set but the empty one."""
    part = members
    while part:
        yield part
        part = (part - 1) & members


def _nodes(members: int) -> Iterator[int]:
    while members:
        lowest = members & -members
        yield lowest.bit_length() - 1
        members ^= lowest
