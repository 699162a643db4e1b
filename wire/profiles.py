"""How fast a node and its link are: what a controller asks, what a node measures, what the buckets keep."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from wire.ids import Digest, Token
from wire.messages import Count, Message, NotNegative, Positive

MAX_CUTS = 64
"""So many prefixes are timed, at most."""
MAX_PROBE_BYTES = 1 << 20
"""The largest payload of a probe, either way."""

PROBE_BYTES = "Bramble-Probe-Bytes"
"""Header of a probe: how many bytes the node is to answer with."""
PROBE_CPU = "Bramble-Probe-Cpu-Us"
"""Header of its answer: the agent's processor time so far, in microseconds."""


class ProfileRequest(Message, frozen=True, omit_defaults=True):
    """What ``node.<node>.command.profile`` carries: time one artefact, and its prefixes."""

    model: Token
    variant: str
    digest: Digest  # of the whole artefact; the node's manifest must offer it
    at: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(max_length=MAX_CUTS)] = ()  # cuts, rising
    within_s: Annotated[float, Meta(ge=1, le=600)] = 60.0  # the node gives up after so long


class Profile(Message, frozen=True, omit_defaults=True):
    """How long one artefact takes on one node. All times are seconds of the clock on the wall, for one frame."""

    node: Token
    model: Token
    variant: str
    digest: Digest
    runtime: str  # name and version: other software, other times
    threads: Annotated[int, Meta(ge=1)]
    at: tuple[int, ...]  # cuts that were timed
    seconds: tuple[NotNegative, ...]  # of the operators before each of them, and of the whole model last
    measured_at: float
    frame_s: NotNegative = 0.0  # to decode and preprocess the known picture
    result_s: NotNegative = 0.0  # to make an answer of the outputs
    passing_s: NotNegative = 0.0  # to bring a frame through the agent's threads, with nothing done to it
    load_s: NotNegative = 0.0  # to load the whole model
    memory_bytes: Count = 0  # resident memory that the whole model took, loaded and run once
    slowdown: Positive = 1.0  # the times over what they would be with the processor for itself
    declared: bool = False  # by a node that only simulates


class LinkProfile(Message, frozen=True, omit_defaults=True):
    """A node's way to the NATS server, as the controller saw it; its own way there is taken off the latency."""

    node: Token
    receive_bytes_s: Positive
    send_bytes_s: Positive
    latency_s: NotNegative  # one way, of an empty message
    handling_s: NotNegative  # the agent's processor time to take in and answer an empty message
    receiving_s_byte: NotNegative  # and for each byte taken in
    sending_s_byte: NotNegative  # and for each byte sent
    measured_at: float
