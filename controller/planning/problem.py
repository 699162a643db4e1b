"""What a plan is made from: a model's segments, nodes with measured profiles, and what must hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from wire.errors import BadRequestError, NoCapacityError
from wire.precision import Precision

MOST_STAGES = 16
"""Of a pipeline whose number of stages is given."""

IN_FLIGHT = 2
"""Frames that a node has at a time: one is computed while the next one travels."""


class NoPlanError(NoCapacityError):
    """No nodes can run the model under these constraints."""


class Objective(StrEnum):
    """What the best plan is best at."""

    THROUGHPUT = "throughput"  # most frames a second
    LATENCY = "latency"  # least seconds from a frame's leaving the controller to its result, nothing else in flight
    MEMORY = "memory"  # least bytes on the node that needs most


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A model between places where it may be cut: segment ``s`` is the operators ``[cuts[s], cuts[s + 1])``."""

    model: str
    cuts: tuple[int, ...]  # operators, from 0 to the number of operators
    crossing_bytes: tuple[int, ...]  # one a cut: the frame first, what crosses for one frame, the result last
    weight_bytes: tuple[int, ...]  # one a segment
    arena_bytes: tuple[int, ...]  # one a segment: what running it needs besides weights
    float_bytes: tuple[int, ...] = ()  # one a cut: how many of those that cross are float32; empty: none

    def __post_init__(self) -> None:
        """Hold the parts against each other."""
        rising = all(one < other for one, other in pairwise(self.cuts))
        _require(len(self.cuts) > 1 and self.cuts[0] == 0 and rising, f"cuts must rise from 0, not {self.cuts}")
        _require(len(self.crossing_bytes) == len(self.cuts), "crossing_bytes needs one number for each cut")
        segments = len(self.cuts) - 1
        _require(len(self.weight_bytes) == segments, f"weight_bytes needs {segments} numbers, one a segment")
        _require(len(self.arena_bytes) == segments, f"arena_bytes needs {segments} numbers, one a segment")
        _require(len(self.float_bytes) in (0, len(self.cuts)), "float_bytes needs one number for each cut, or none")
        numbers = (*self.crossing_bytes, *self.weight_bytes, *self.arena_bytes, *self.float_bytes)
        _require(min(numbers) >= 0, "bytes cannot be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node as it was measured. Its link is the one to the NATS server, through which all frames go."""

    name: str
    memory_bytes: int  # free for models
    seconds: tuple[float, ...]  # one a segment; infinite where it cannot run the segment's operators
    receive_bytes_s: float = 1e8
    send_bytes_s: float = 1e8
    latency_s: float = 0.0  # one way, of an empty message
    frame_s: float = 0.0  # a first stage also decodes and preprocesses
    result_s: float = 0.0  # a last one also makes the answer
    stage_s: float = 0.0  # every stage also takes in a message, hands it from thread to thread, and answers
    hop_s: float = 0.0  # a stage of a cut also hands on, and asks after what it handed on
    receive_cpu_s: float = 0.0  # and for each byte of it
    send_cpu_s: float = 0.0  # likewise
    overlaps: bool = False  # a second processor does all this beside the operators
    whole_only: bool = False  # its kind of file is not cut, or gives other bits than the others'

    def __post_init__(self) -> None:
        """Refuse what cannot have been measured."""
        _require(all(value >= 0 for value in self.seconds), f"{self.name}: seconds must not be negative or NaN")
        _require(min(self.receive_bytes_s, self.send_bytes_s) > 0, f"{self.name}: link rates must be above zero")
        finite = (
            *(self.latency_s, self.frame_s, self.result_s, self.stage_s, self.hop_s),
            *(self.receive_cpu_s, self.send_cpu_s),
        )
        _require(all(0 <= value < math.inf for value in finite), f"{self.name}: all but seconds must be finite times")

    def own_seconds(self, start: int, end: int) -> float:
        """Return the node's time for the segments ``[start, end)``: operators and what goes with them, no transfer."""
        first, last = start == 0, end == len(self.seconds)
        ends = self.frame_s * first + self.result_s * last
        return sum(self.seconds[start:end]) + ends + self.stage_s + self.hop_s * (not (first and last))


@dataclass(frozen=True, slots=True)
class Pin:
    """Operators ``[start, end)`` may run on these nodes only."""

    start: int
    end: int
    nodes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All that a plan depends on."""

    workload: Workload
    nodes: tuple[Node, ...]
    max_payload: int = 8_000_000  # bytes that a message between stages may have
    pins: tuple[Pin, ...] = ()
    stages: int | None = None  # exactly so many, where it is not the planner's choice
    wire: Precision = Precision.EXACT  # the coarsest in which activations may travel

    def __post_init__(self) -> None:
        """Hold the parts against each other."""
        segments = len(self.workload.cuts) - 1
        _require(self.stages is None or 1 <= self.stages <= MOST_STAGES, f"stages must be 1 to {MOST_STAGES}")
        _require(len({node.name for node in self.nodes}) == len(self.nodes), "two nodes have the same name")
        for node in self.nodes:
            _require(len(node.seconds) == segments, f"{node.name}: seconds needs {segments} numbers, one a segment")


def differences(prefix_seconds: Sequence[float]) -> tuple[float, ...]:
    """Return the time of each segment from those of all prefixes, which start with 0; noise makes none negative."""
    return tuple(max(0.0, after - before) for before, after in pairwise(prefix_seconds))


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - reads like an assertion at every call
    if not condition:
        raise BadRequestError(f"no plan can be made: {problem}", remedy="measure the model and the nodes again")
