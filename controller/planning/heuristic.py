"""A good layout of a cluster too large for the exact search, and bounds on what any layout could reach.

Replicas of the whole model where it fits; for the other nodes, chains whose stages are filled by balancing. The bounds
hold for every layout, so the distance to the optimum is never more than what is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt

from controller.planning.costs import Costs, Floats
from controller.planning.layout import Chain, Layout, Step, rate_chain, rate_layout
from controller.planning.regroup import regroup

_MEMORY_LEVELS = 4  # how many sizes of nodes are tried
_MORE_STAGES = 2  # beyond the fewest that fit
_BORROWED = (0, 1, 2, 4, 8, 16, 32)  # nodes that could run the whole model and help a chain instead
_REGROUPED = 64  # nodes up to which regrouping pays
_MOVES = 200
_RECUTS = 6
_CHAINS = 4  # chains beside the replicas
_LABELS = 16  # partial chains kept at each cut
_TRIED = 3  # nodes, the best ones still free, that a partial chain is continued with
_GUESSES = 8  # nodes whose times serve as weights for the bound
_NO_TIME = 1e-15

Partition = tuple[int, ...]  # cuts, the first and last included
_Label = tuple[float, Chain]  # what the stages of a partial chain combine to


def find_fast(costs: Costs) -> Layout:
    """Return a layout with many frames a second; none where none was found."""
    wholes = [node for node in range(costs.nodes) if costs.rates[node, 0, -1] > 0]
    wholes.sort(key=lambda node: float(costs.rates[node, 0, -1]))
    others = [node for node in range(costs.nodes) if costs.rates[node, 0, -1] == 0]
    partitions = list(_list_partitions(costs))
    counts = [count for count in _BORROWED if count <= len(wholes)] if others else [0]
    layouts = [_combine(costs, wholes[count:], [*others, *wholes[:count]], partitions) for count in counts]
    layouts.append(_combine(costs, [], list(range(costs.nodes)), partitions))
    best = max(layouts, key=lambda layout: rate_layout(costs, layout))
    if others and costs.nodes <= _REGROUPED:  # in larger clusters balancing alone comes close to the bound
        best = max((regroup(costs, start) for start in (best, ())), key=lambda layout: rate_layout(costs, layout))
    return best


def find_fast_chain(costs: Costs, stages: int | None = None) -> Layout:
    """Return the best single chain found, of so many stages where given; none where there is none."""
    nodes = list(range(costs.nodes))
    return _take_best(costs, nodes, list(_list_partitions(costs, stages)))


def bound_rate(costs: Costs) -> float:
    """Return a throughput that no layout exceeds.

    At X frames a second, for any weights y of the segments that sum to 1, X = sum over s of y_s X, and a node that
    spends all its time on segment s adds y_s / t_s to it: so X <= sum over nodes of the greatest y_s / t_s.
    """
    seconds = np.array([np.diagonal(each, 1) for each in costs.seconds])
    rates = 1 / np.maximum(seconds, _NO_TIME)
    uncut = ~np.isfinite(seconds).any(axis=1)  # a node that runs nothing but the whole adds its frames to every segment
    rates[uncut] = costs.rates[uncut, 0, -1][:, None]
    bounds = [float(each.sum()) for each in rates.T]
    for guess in (_mean(seconds), *seconds[np.isfinite(seconds).all(axis=1)][:_GUESSES]):
        weights = np.nan_to_num(guess)
        if weights.sum() > 0:
            shares = np.where(uncut[:, None], 1.0, weights / weights.sum())
            bounds.append(float((rates * shares).max(axis=1).sum()))
    return min(bounds)


def find_quick(costs: Costs, stage_costs: Floats, combine: np.ufunc, stages: int | None = None) -> Layout:
    """Return a chain of distinct single nodes whose stages combine to little: a beam over the best few at each cut.

    With ``stages``, layer ``j`` holds the chains of ``j`` stages; else one layer holds those of any number.
    """
    labels: list[list[list[_Label]]] = [[[] for _ in range(costs.end + 1)] for _ in range((stages or 0) + 1)]
    labels[0][0] = [(0.0, ())]
    nearest = np.argsort(stage_costs, axis=0, kind="stable")[: costs.end + _TRIED]
    for layer in range(1, len(labels)) if stages else (0,):
        for end in range(1, costs.end + 1):
            found: dict[frozenset[int], _Label] = {}
            for start in range(end):
                if np.isfinite(stage_costs[nearest[0, start, end], start, end]):
                    ranked = nearest[:, start, end].tolist()
                    for value, chain in labels[max(0, layer - 1)][start]:
                        used = {step.nodes[0] for step in chain}
                        for node in islice((each for each in ranked if each not in used), _TRIED):
                            total = float(combine(value, stage_costs[node, start, end]))
                            key = frozenset((*used, node))
                            if np.isfinite(total) and (key not in found or total < found[key][0]):
                                found[key] = (total, (*chain, Step(start, end, (node,))))
            labels[layer][end] = sorted(found.values(), key=lambda label: label[0])[:_LABELS]
    best = labels[-1][-1]
    return (best[0][1],) if best else ()


def bound_chain(costs: Costs, stage_costs: Floats, combine: np.ufunc) -> float:
    """Return what no chain falls below: the best one if a node could serve several of its stages."""
    least = stage_costs.min(axis=0)
    reached = np.full(costs.end + 1, np.inf)
    reached[0] = 0
    for end in range(1, costs.end + 1):
        reached[end] = combine(reached[:end], least[:end, end]).min()
    return float(reached[-1])


def thin_cuts(costs: Costs, crossing: Sequence[int], most: int) -> list[int]:
    """Return at most ``most`` cuts, ends included: in each of as many runs of cuts the one that least crosses."""
    inner = [cut for cut in range(1, costs.end) if (costs.rates[:, :, cut] > 0).any()]
    runs = np.array_split(np.array(inner, int), min(len(inner), most - 2)) if inner else []
    return [0, *(min((int(cut) for cut in run), key=lambda cut: crossing[cut]) for run in runs), costs.end]


def _combine(costs: Costs, replicas: list[int], rest: list[int], partitions: list[Partition]) -> Layout:
    """Replicas, then chains on the rest as long as one more adds anything."""
    layout: list[Chain] = [(Step(0, costs.end, tuple(sorted(replicas))),)] if replicas else []
    for _ in range(_CHAINS):
        found = _take_best(costs, rest, partitions)
        if not found:
            break
        layout += found
        used = {node for chain in found for step in chain for node in step.nodes}
        rest = [node for node in rest if node not in used]
    return tuple(layout)


def _take_best(costs: Costs, nodes: list[int], partitions: list[Partition]) -> Layout:
    chains = [chain for partition in partitions if (chain := _balance(costs, nodes, partition))]
    if not chains:
        return ()
    best = max(chains, key=lambda chain: rate_chain(costs, chain))
    for _ in range(_RECUTS):
        cut = _recut(costs, best)
        filled = _balance(costs, nodes, (0, *(step.end for step in cut)))
        better = max(cut, filled or cut, key=lambda chain: rate_chain(costs, chain))
        if rate_chain(costs, better) <= rate_chain(costs, best) * (1 + 1e-9):
            break
        best = better
    return (best,)


def _recut(costs: Costs, chain: Chain) -> Chain:
    """Keep who works with whom, and in which order, and move the cuts to where the slowest stage is fastest."""
    reached = np.zeros(costs.end + 1)
    reached[0] = np.inf
    origins: list[npt.NDArray[np.int64]] = []
    for step in chain:
        slowest = np.minimum(reached[:, None], costs.rates[list(step.nodes)].sum(axis=0))
        origins.append(slowest.argmax(axis=0))
        reached = slowest.max(axis=0)
    steps: list[Step] = []
    end = costs.end
    for step, origin in zip(reversed(chain), reversed(origins), strict=True):
        start = int(origin[end])
        steps.append(Step(start, end, tuple(node for node in step.nodes if costs.rates[node, start, end] > 0)))
        end = start
    return tuple(reversed(steps))


def _balance(costs: Costs, nodes: list[int], partition: Partition) -> Chain:
    """Give each node to the stage that has least; then move nodes to the slowest stage as long as it gains."""
    bounds = list(pairwise(partition))
    rates = np.array([[costs.rates[node, start, end] for start, end in bounds] for node in nodes])
    rates = rates.reshape(len(nodes), len(bounds))
    stages = np.full(len(nodes), -1)
    sums = np.zeros(len(bounds))
    choices = (rates > 0).sum(axis=1)
    for place in sorted(range(len(nodes)), key=lambda place: (choices[place], -rates[place].max())):
        if choices[place]:
            stages[place] = int(np.where(rates[place] > 0, sums, np.inf).argmin())
            sums[stages[place]] += rates[place, stages[place]]
    _shift(rates, stages, sums)
    if not sums.min() > 0:
        return ()
    return tuple(
        Step(start, end, tuple(nodes[place] for place in np.flatnonzero(stages == stage)))
        for stage, (start, end) in enumerate(bounds)
    )


def _shift(rates: Floats, stages: npt.NDArray[np.int64], sums: Floats) -> None:
    for _ in range(_MOVES):
        slowest = int(sums.argmin())
        movable = np.flatnonzero((stages >= 0) & (stages != slowest) & (rates[:, slowest] > 0))
        if not len(movable):
            return
        givers = stages[movable]
        left = sums[givers] - rates[movable, givers]
        gained = np.minimum(left, sums[slowest] + rates[movable, slowest])
        best = int(gained.argmax())
        if gained[best] <= sums[slowest]:
            return
        place = movable[best]
        sums[stages[place]] -= rates[place, stages[place]]
        sums[slowest] += rates[place, slowest]
        stages[place] = slowest


def _list_partitions(costs: Costs, stages: int | None = None) -> Iterator[Partition]:
    """Yield ways to cut the model: for several sizes of nodes, the fewest stages that fit and a few more."""
    with np.errstate(divide="ignore"):
        seconds = _mean(np.where(costs.rates > 0, 1 / costs.rates, np.nan))
    fitting = np.sort(costs.memory[np.isfinite(seconds) & (costs.memory > 0)])
    sizes = [np.inf]
    for node in np.argsort(np.isfinite(costs.peaks).sum(axis=(1, 2)))[:: max(1, costs.nodes // _MEMORY_LEVELS)]:
        held = costs.peaks[node][np.isfinite(costs.peaks[node])]
        sizes += [float(held.max())] if len(held) else []
    sizes += [float(fitting[0])] if len(fitting) else []
    seen: set[Partition] = set()
    for size in dict.fromkeys(sizes):
        for partition in _cut_evenly(np.where(costs.memory <= size, seconds, np.inf), costs.nodes, stages):
            if partition not in seen:
                seen.add(partition)
                yield partition


def _cut_evenly(seconds: Floats, most: int, stages: int | None = None) -> Iterator[Partition]:
    """For the fewest stages that fit and a few more, or for ``stages``, yield the cuts with the least slowest stage."""
    end = len(seconds) - 1
    seconds = np.where(np.isfinite(seconds), seconds, np.inf)
    reached = np.full(end + 1, np.inf)
    reached[0] = 0
    origins: list[npt.NDArray[np.int64]] = []
    found = 0
    for count in range(1, min(stages or most, most, end) + 1):
        slowest = np.maximum(reached[:, None], seconds)
        origins.append(slowest.argmin(axis=0))
        reached = slowest.min(axis=0)
        if np.isfinite(reached[end]) and count == (stages or count):
            cuts = [end]
            for origin in reversed(origins):
                cuts.append(int(origin[cuts[-1]]))
            yield tuple(reversed(cuts))
            found += 1
            if found > _MORE_STAGES:
                return


def _mean(values: Floats) -> Floats:
    """The mean over nodes of those that can; not a number where none can."""
    counts = np.isfinite(values).sum(axis=0)
    sums = np.where(np.isfinite(values), values, 0).sum(axis=0)
    mean: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return mean
