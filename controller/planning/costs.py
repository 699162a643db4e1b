"""What every range of segments would cost on every node, as arrays over (node, first cut, last cut)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from controller.planning.problem import IN_FLIGHT, Node, NoPlanError, Problem

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_LEAST_SECONDS = 1e-9  # a range that takes no time still has a rate


@dataclass(frozen=True, slots=True)
class Costs:
    """Node ``n`` on the segments between cuts ``a`` and ``b`` (indices, not operators)."""

    seconds: Floats  # of computing alone, infinite where the node cannot run or hold the range
    rates: Floats  # frames a second; 0 where the node may not or cannot
    delays: Floats  # seconds that a frame spends in receiving, computing and sending; infinite likewise
    memory: Floats  # (a, b): bytes, on whichever node
    peaks: Floats  # the same with infinity where the node may not or cannot

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return int(self.rates.shape[0])

    @property
    def end(self) -> int:
        """The index of the last cut."""
        return int(self.rates.shape[1]) - 1

    def without_wholes(self) -> Costs:
        """The same with no node allowed to run the whole model."""
        rates, delays, peaks = self.rates.copy(), self.delays.copy(), self.peaks.copy()
        rates[:, 0, -1], delays[:, 0, -1], peaks[:, 0, -1] = 0, np.inf, np.inf
        return Costs(self.seconds, rates, delays, self.memory, peaks)

    def on_nodes(self, nodes: list[int]) -> Costs:
        """The same for some of the nodes, which are then numbered in that order."""
        return Costs(self.seconds[nodes], self.rates[nodes], self.delays[nodes], self.memory, self.peaks[nodes])

    def at_cuts(self, kept: list[int]) -> Costs:
        """The same with only some of the cuts."""
        chosen = np.ix_(range(self.nodes), kept, kept)
        memory = self.memory[np.ix_(kept, kept)]
        return Costs(self.seconds[chosen], self.rates[chosen], self.delays[chosen], memory, self.peaks[chosen])


def compute_costs(problem: Problem) -> Costs:
    """Return all costs. Raises NoPlanError where the frame or the result exceeds ``max_payload``."""
    work, nodes = problem.workload, problem.nodes
    ends = (work.crossing_bytes[0], work.crossing_bytes[-1])
    if max(ends) > problem.max_payload:
        raise NoPlanError(
            f"a frame of {ends[0]} bytes and a result of {ends[1]} do not fit into {problem.max_payload} bytes",
            remedy="raise max_payload, or send smaller pictures",
        )
    cuts = len(work.cuts)
    seconds = np.array([node.seconds for node in nodes], np.float64).reshape(len(nodes), cuts - 1)
    for pin in problem.pins:
        touched = (np.array(work.cuts[:-1]) < pin.end) & (np.array(work.cuts[1:]) > pin.start)
        outside = np.array([node.name not in pin.nodes for node in nodes], bool)
        seconds[np.ix_(outside, touched)] = np.inf
    able = np.isfinite(seconds)
    taken = _sum_ranges(np.where(able, seconds, 0.0))
    memory = _sum_ranges(np.array([work.weight_bytes], np.float64))[0] + _peak_ranges(work.arena_bytes)
    free = np.array([node.memory_bytes for node in nodes], np.float64)
    crossing = np.array(work.crossing_bytes, np.float64)
    possible = (_sum_ranges((~able).astype(np.float64)) == 0) & (memory[None] <= free[:, None, None])
    possible &= np.triu(np.ones((cuts, cuts), bool), 1)
    passable = crossing <= problem.max_payload
    whole_only = np.array([node.whole_only for node in nodes], bool)
    possible[whole_only, 1:] = False
    possible[whole_only, :, :-1] = False
    allowed = possible & passable[:, None] & passable[None, :]
    receive = crossing[None, :] / np.array([node.receive_bytes_s for node in nodes])[:, None]
    send = crossing[None, :] / np.array([node.send_bytes_s for node in nodes])[:, None]
    both_ways = 2 * np.array([node.latency_s for node in nodes])[:, None, None]
    beside = _find_beside(nodes, crossing)
    overlaps = np.array([node.overlaps for node in nodes], bool)[:, None, None]
    delays = taken + beside + receive[:, :, None] + send[:, None, :] + both_ways
    own = np.where(overlaps, np.maximum(taken, beside), taken + beside)
    slowest = np.maximum(np.maximum(own, receive[:, :, None]), send[:, None, :])
    slowest = np.maximum(slowest, delays / IN_FLIGHT)
    return Costs(
        seconds=np.where(possible, taken, np.inf),
        rates=np.where(allowed, 1 / np.maximum(slowest, _LEAST_SECONDS), 0.0),
        delays=np.where(allowed, delays, np.inf),
        memory=memory,
        peaks=np.where(allowed, memory[None], np.inf),
    )


def _find_beside(nodes: Sequence[Node], crossing: Floats) -> Floats:
    """What each stage takes besides its operators: messages; decoding if it is the first, answering if the last."""
    beside = np.zeros((len(nodes), len(crossing), len(crossing)))
    for number, node in enumerate(nodes):
        beside[number] += node.stage_s + crossing[:, None] * node.receive_cpu_s + crossing[None, :] * node.send_cpu_s
        beside[number, 0, :] += node.frame_s
        beside[number, :, -1] += node.result_s
        beside[number] += node.hop_s
        beside[number, 0, -1] -= node.hop_s
    return beside


def _sum_ranges(values: Floats) -> Floats:
    """For each row the sum of ``[a, b)``."""
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    ranges: Floats = sums[:, None, :] - sums[:, :, None]
    return ranges


def _peak_ranges(values: tuple[int, ...]) -> Floats:
    """The greatest of ``[a, b)``."""
    peaks = np.zeros((len(values) + 1, len(values) + 1))
    for start in range(len(values)):
        peaks[start, start + 1 :] = np.maximum.accumulate(values[start:])
    return peaks
