"""Times a node's way to the server by messages to the node and back; the arithmetic is pure.

An empty message and its empty answer take four ways; a large message with an empty answer takes what the large one
needs beyond that. The controller's own way to the server is timed by flushes and taken off. Bursts stay below a second
on any link that is worth a plan, one at a time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from msgspec.structs import replace

from wire import subjects
from wire.bus import Link
from wire.errors import InternalError, error_from_json
from wire.headers import ERROR
from wire.profiles import MAX_PROBE_BYTES, PROBE_BYTES, PROBE_CPU, LinkProfile

EMPTY_PROBES = 20
LARGE_PROBES = 3
FIRST_BYTES = 16 << 10
ENOUGH_S = 0.03
"""A probe that takes so much longer than an empty one says enough; else a larger one is sent."""
WITHIN_S = 10.0
GLANCE_BYTES = 32 << 10
NOTICE = 2.5
"""A link that is so many times slower, or faster, at two glances in a row has changed; less is a frame in the way."""
NOTICE_S = 0.02
"""But only where that means so many seconds: a fast link's glance is mostly the scheduling of processes."""

_LEAST_S = 1e-6


async def measure_link(link: Link, node: str) -> LinkProfile:
    """Measure; takes some 70 messages.

    Raises:
        NoRespondersError: nobody answers probes there.
        BusError: the node did not answer in time, or the connection is down.
        InternalError: the answers are not those of an agent.

    """
    flushes = []
    for _ in range(EMPTY_PROBES):
        begun = time.perf_counter()
        await link.flush(within=WITHIN_S)
        flushes.append(time.perf_counter() - begun)
    empty = [await _probe(link, node, 0, 0) for _ in range(EMPTY_PROBES)]
    round_s = min(seconds for seconds, _ in empty)
    handling_s = find_handling([cpu for _, cpu in empty])
    receiving = await _measure_way(link, node, round_s, handling_s, receive=True)
    sending = await _measure_way(link, node, round_s, handling_s, receive=False)
    return LinkProfile(
        node=node,
        receive_bytes_s=receiving.bytes_s,
        send_bytes_s=sending.bytes_s,
        latency_s=find_latency(round_s, min(flushes), handling_s),
        handling_s=handling_s,
        receiving_s_byte=receiving.cpu_s_byte,
        sending_s_byte=sending.cpu_s_byte,
        measured_at=time.time(),
    )


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a link."""

    bytes_s: float
    cpu_s_byte: float  # of the node's processor


def find_latency(round_s: float, own_round_s: float, handling_s: float) -> float:
    """Return the seconds from server to node: half of the round trip less the controller's own, and the handling."""
    return max(0.0, (round_s - own_round_s - handling_s) / 2)


def find_handling(spent_us: Sequence[int]) -> float:
    """Return the seconds of processor time a message, from the node's total after each; the median of the steps."""
    steps = sorted(after - before for before, after in pairwise(spent_us))
    return max(0.0, steps[len(steps) // 2] / 1e6) if steps else 0.0


def find_rate(size: int, seconds: float, round_s: float) -> float:
    """Return bytes a second from what a message of ``size`` bytes took beyond an empty one."""
    return size / max(_LEAST_S, seconds - round_s)


def find_byte_cost(spent_us: int, messages: int, size: int, handling_s: float) -> float:
    """Return the node's processor seconds a byte, from what so many messages and an empty one cost together."""
    return max(0.0, spent_us / 1e6 - (messages + 1) * handling_s) / (messages * size)


async def _measure_way(link: Link, node: str, round_s: float, handling_s: float, *, receive: bool) -> Way:
    size, most = FIRST_BYTES, min(MAX_PROBE_BYTES, link.max_payload)
    while True:
        there, back = (size, 0) if receive else (0, size)
        await _probe(link, node, there, back)  # the first of a size costs more, and does not count
        _, before = await _probe(link, node, 0, 0)
        taken = [(await _probe(link, node, there, back))[0] for _ in range(LARGE_PROBES)]
        _, after = await _probe(link, node, 0, 0)
        if min(taken) - round_s >= ENOUGH_S or size >= most:
            cost = find_byte_cost(after - before, LARGE_PROBES, size, handling_s)
            return Way(find_rate(size, min(taken), round_s), cost)
        size = min(most, 4 * size)


async def _probe(link: Link, node: str, there: int, back: int) -> tuple[float, int]:
    """Send so many bytes and have so many come back; return seconds, and the agent's processor time so far."""
    begun = time.perf_counter()
    reply = await link.request(
        subjects.NODE_PROBE.build(node=node), bytes(there), headers={PROBE_BYTES: str(back)}, within=WITHIN_S
    )
    seconds = time.perf_counter() - begun
    headers = reply.headers or {}
    if ERROR in headers:
        raise error_from_json(reply.data) or InternalError(f"{node} refused a probe")
    spent = headers.get(PROBE_CPU, "")
    if len(reply.data) != back or not (spent.isascii() and spent.isdigit()):
        raise InternalError(f"{node} answered a probe with {len(reply.data)} bytes instead of {back}")
    return seconds, int(spent)


async def glance_at_link(link: Link, known: LinkProfile) -> float:
    """Return how many times longer some small messages take than the known profile says; costs 200 kB.

    Raises:
        BusError: the node did not answer in time, or the connection is down.
        InternalError: the answers are not those of an agent.

    """
    begun = time.perf_counter()
    await link.flush(within=WITHIN_S)
    own_round_s = time.perf_counter() - begun
    taken = [(await _probe(link, known.node, GLANCE_BYTES, GLANCE_BYTES))[0] for _ in range(LARGE_PROBES)]
    return compare_glance(known, own_round_s, min(taken))


def compare_glance(known: LinkProfile, own_round_s: float, seconds: float) -> float:
    """Return the time of a message there and back over what it should have taken."""
    way = GLANCE_BYTES / known.receive_bytes_s + GLANCE_BYTES / known.send_bytes_s
    return seconds / max(_LEAST_S, own_round_s + 2 * known.latency_s + known.handling_s + way)


def has_changed(known: LinkProfile, ratios: Sequence[float]) -> bool:
    """Tell whether the last two glances agree that a link is no more what it was."""
    if len(ratios) < 2:  # noqa: PLR2004 - two glances
        return False
    way = GLANCE_BYTES / known.receive_bytes_s + GLANCE_BYTES / known.send_bytes_s + 2 * known.latency_s
    slower = min(ratios[-2:])
    faster = max(ratios[-2:])
    return (slower > NOTICE and way * (slower - 1) > NOTICE_S) or (faster < 1 / NOTICE and way > NOTICE_S)


def slow_down(known: LinkProfile, ratio: float, now: float) -> LinkProfile:
    """Return the link as it is now by what two glances agree on; its next real measurement corrects it."""
    return replace(
        known,
        receive_bytes_s=known.receive_bytes_s / ratio,
        send_bytes_s=known.send_bytes_s / ratio,
        latency_s=known.latency_s * ratio,
        measured_at=now,
    )
