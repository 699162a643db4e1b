"""The best layouts of tiny clusters, found by trying everything; written from the definitions alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, permutations, product

from controller.planning import Node, Problem, Stage

Range = tuple[int, int]


def compute_seconds(problem: Problem, node: Node, start: int, end: int) -> float:
    """Infinite where the node may not or cannot."""
    work = problem.workload
    for pin in problem.pins:
        if work.cuts[start] < pin.end and work.cuts[end] > pin.start and node.name not in pin.nodes:
            return math.inf
    if sum(work.weight_bytes[start:end]) + max(work.arena_bytes[start:end]) > node.memory_bytes:
        return math.inf
    if max(work.crossing_bytes[start], work.crossing_bytes[end]) > problem.max_payload:
        return math.inf
    if node.whole_only and (start, end) != (0, len(work.cuts) - 1):
        return math.inf
    return sum(node.seconds[start:end])


def beside(problem: Problem, node: Node, start: int, end: int) -> float:
    """What the node does for the frame besides running operators."""
    first, last = start == 0, end == len(problem.workload.cuts) - 1
    crossing = problem.workload.crossing_bytes
    messages = crossing[start] * node.receive_cpu_s + crossing[end] * node.send_cpu_s
    messages += node.hop_s * (not (first and last))
    return node.stage_s + messages + node.frame_s * first + node.result_s * last


def rate(problem: Problem, node: Node, start: int, end: int) -> float:
    seconds = compute_seconds(problem, node, start, end)
    received = problem.workload.crossing_bytes[start] / node.receive_bytes_s
    sent = problem.workload.crossing_bytes[end] / node.send_bytes_s
    extra = beside(problem, node, start, end)
    own = max(seconds, extra) if node.overlaps else seconds + extra
    two_in_flight = delay(problem, node, start, end) / 2
    return 0.0 if seconds == math.inf else 1 / max(own, received, sent, two_in_flight, 1e-9)


def delay(problem: Problem, node: Node, start: int, end: int) -> float:
    received = problem.workload.crossing_bytes[start] / node.receive_bytes_s
    sent = problem.workload.crossing_bytes[end] / node.send_bytes_s
    own = compute_seconds(problem, node, start, end) + beside(problem, node, start, end)
    return own + received + sent + 2 * node.latency_s


def most_frames(problem: Problem) -> float:
    """Each node in any range of any pipeline, or in none."""
    segments = len(problem.workload.cuts) - 1
    ranges = [(start, end) for start in range(segments) for end in range(start + 1, segments + 1)]
    roles = [None, *product(range(len(problem.nodes)), ranges)]
    best = 0.0
    for assignment in product(roles, repeat=len(problem.nodes)):
        sums: dict[int, dict[Range, float]] = {}
        for node, role in zip(problem.nodes, assignment, strict=True):
            if role is not None:
                stages = sums.setdefault(role[0], {})
                stages[role[1]] = stages.get(role[1], 0.0) + rate(problem, node, *role[1])
        if problem.stages is not None and (len(sums) > 1 or any(len(each) != problem.stages for each in sums.values())):
            continue  # a given number of stages is that of one pipeline
        if all(tiles(sorted(stages), segments) for stages in sums.values()):
            best = max(best, sum(min(stages.values()) for stages in sums.values()))
    return best


def tiles(ranges: Sequence[Range], segments: int) -> bool:
    return ranges[0][0] == 0 and ranges[-1][1] == segments and all(one[1] == two[0] for one, two in pairwise(ranges))


def has_allowed_stages(problem: Problem, stages: int) -> bool:
    return problem.stages is None or stages == problem.stages


def chains(problem: Problem) -> Iterator[list[tuple[Node, int, int]]]:
    """Every pipeline of single nodes."""
    segments = len(problem.workload.cuts) - 1
    for choice in product((False, True), repeat=segments - 1):
        bounds = [0, *(cut for cut, cutting in enumerate(choice, start=1) if cutting), segments]
        if not has_allowed_stages(problem, len(bounds) - 1):
            continue
        for nodes in permutations(problem.nodes, len(bounds) - 1):
            yield [(node, start, end) for node, (start, end) in zip(nodes, pairwise(bounds), strict=True)]


def least_seconds(problem: Problem) -> float:
    return min((sum(delay(problem, *step) for step in chain) for chain in chains(problem)), default=math.inf)


def least_bytes(problem: Problem) -> float:
    work = problem.workload
    best = math.inf
    for chain in chains(problem):
        if all(compute_seconds(problem, *step) < math.inf for step in chain):
            best = min(best, max(sum(work.weight_bytes[a:b]) + max(work.arena_bytes[a:b]) for _, a, b in chain))
    return best


def broken_rules(problem: Problem, pipelines: Sequence[Sequence[Stage]]) -> list[str]:
    """What a plan does that it must not."""
    cuts = problem.workload.cuts
    nodes = {node.name: node for node in problem.nodes}
    broken = []
    used = [name for pipeline in pipelines for stage in pipeline for name in stage.nodes]
    if len(set(used)) < len(used):
        broken.append("a node has two stages")
    for pipeline in pipelines:
        if not has_allowed_stages(problem, len(pipeline)):
            broken.append(f"{len(pipeline)} stages")
        if not tiles([(cuts.index(stage.start), cuts.index(stage.end)) for stage in pipeline], len(cuts) - 1):
            broken.append("the stages are not the model")
        for stage in pipeline:
            start, end = cuts.index(stage.start), cuts.index(stage.end)
            broken += ["a stage has no node"] if not stage.nodes else []
            for name in stage.nodes:
                if compute_seconds(problem, nodes[name], start, end) == math.inf:
                    broken.append(f"{name} may not run {stage}")
    return broken
