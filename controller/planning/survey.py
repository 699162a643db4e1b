"""From what nodes reported and what was measured to the planner's problem. Pure; times in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.planning.problem import Node, Pin, Problem, Workload, differences
from controller.planning.workload import fit_memory
from wire.messages import Heartbeat
from wire.precision import Precision
from wire.profiles import LinkProfile, Profile

AGENT_BYTES = 64 << 20
"""What an agent takes without any model."""
USABLE = 0.8
"""Share of a node's free memory that a plan may count on: loading takes more for a moment than serving."""

_UNMEASURED_BYTES_S = 10e6  # a poor 100 Mbit/s: what is not known is not counted on
_UNMEASURED_LATENCY_S = 0.001


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one node."""

    heartbeat: Heartbeat
    variant: str  # in which it would run the model
    profile: Profile | None  # None: it was not measured yet, or could not be
    link: LinkProfile | None
    scale: float = 1.0  # how much longer frames take now than the profile says
    others_bytes: int = 0  # that models other than this one take there


@dataclass(frozen=True, slots=True)
class Survey:
    """A problem, and what stands behind its numbers."""

    problem: Problem
    assumed: tuple[str, ...]  # what was not measured, in words
    left_out: tuple[str, ...]  # nodes that the plan cannot use, and why


def find_room(beat: Heartbeat, others_bytes: int = 0) -> int:
    """Return the bytes that a model may take on a node, what it takes there now included."""
    offered = beat.memory_available_bytes + beat.rss_bytes
    if beat.memory_limit_bytes:
        offered = min(offered, beat.memory_limit_bytes)
    return max(0, int((offered - AGENT_BYTES) * USABLE) - others_bytes)


def choose_cut_variant(facts: Sequence[Facts], cuttable: Sequence[str]) -> str | None:
    """Return the variant to cut: the one that most nodes would run; stages of one pipeline must be of one file."""
    counts = {variant: sum(each.variant == variant for each in facts) for variant in cuttable}
    best = max(cuttable, key=lambda variant: counts[variant], default=None)
    return best if best is not None and counts[best] else None


def survey(
    workload: Workload,
    cut_variant: str | None,
    facts: Sequence[Facts],
    *,
    max_payload: int,
    pins: tuple[Pin, ...] = (),
    stages: int | None = None,
    wire: Precision = Precision.EXACT,
) -> Survey:
    """Make the planner's problem of a workload, which is that of ``cut_variant``, and of the nodes' facts.

    A node that was not measured is taken to be as the slowest one that was; without any, it is left out. A node that
    runs another variant runs the whole model or nothing: mixed pipelines would give other bits.
    """
    profiles = [each.profile for each in facts if each.profile]
    work = fit_memory(workload, [each.memory_bytes for each in profiles if each.variant == cut_variant])
    inner = work.cuts[1:-1]
    shapes = [profile for profile in profiles if profile.variant == cut_variant and profile.at == inner]
    slowest = max(shapes, key=lambda profile: profile.seconds[-1], default=None)
    nodes, assumed, left_out = [], [], []
    for each in facts:
        name, profile = each.heartbeat.node, each.profile
        if profile is None and each.variant == cut_variant and slowest is not None:
            assumed.append(f"{name} was not measured: it is taken to be as slow as {slowest.node}")
            profile = slowest
        if profile is None:
            left_out.append(f"{name} was not measured")
            continue
        if each.link is None:
            assumed.append(f"the link of {name} was not measured: 80 Mbit/s and 1 ms are assumed")
        nodes.append(_make_node(each, profile, work, whole_only=profile not in shapes))
    problem = Problem(workload=work, nodes=tuple(nodes), max_payload=max_payload, pins=pins, stages=stages, wire=wire)
    return Survey(problem, tuple(assumed), tuple(left_out))


def _make_node(facts: Facts, profile: Profile, work: Workload, *, whole_only: bool) -> Node:
    beat, link = facts.heartbeat, facts.link
    if whole_only:  # what it takes is known for the whole alone: all of it stands in the first segment
        seconds = (profile.seconds[-1], *(0.0 for _ in work.cuts[2:]))
    else:
        seconds = differences((0.0, *profile.seconds))
    slower = profile.slowdown * facts.scale
    return Node(
        name=beat.node,
        memory_bytes=find_room(beat, facts.others_bytes),
        seconds=tuple(each * facts.scale for each in seconds),
        receive_bytes_s=link.receive_bytes_s if link else _UNMEASURED_BYTES_S,
        send_bytes_s=link.send_bytes_s if link else _UNMEASURED_BYTES_S,
        latency_s=link.latency_s if link else _UNMEASURED_LATENCY_S,
        frame_s=profile.frame_s * facts.scale,
        result_s=profile.result_s * facts.scale,
        stage_s=profile.passing_s * facts.scale + (link.handling_s * slower if link else 0.0),
        hop_s=link.handling_s * slower if link else 0.0,  # about as much again
        receive_cpu_s=link.receiving_s_byte * slower if link else 0.0,
        send_cpu_s=link.sending_s_byte * slower if link else 0.0,
        overlaps=profile.declared or beat.cpus >= profile.slowdown * (profile.threads + 1),
        whole_only=whole_only,
    )
