"""What a cluster stands on beside its nodes: its servers, what they store, and who has their refusals on the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from wire.findings import Finding, broken, warning, well
from wire.ids import Token
from wire.messages import Count, Message, NotNegative

SILENT_S = 10.0
"""A witness that says nothing for so long is missed: longer than systemd takes to start it anew."""
RECORD_WARN, RECORD_BROKEN = 0.8, 0.98
BEHIND_WARN = 1000
"""Writes that a server has yet to catch up with; fewer are those of this moment."""

_LOG_REMEDY = "is the server's log where --server-log says, and may the program read it (group bramble-log)?"


class WitnessBeat(Message, frozen=True, omit_defaults=True):
    """A witness's sign of life."""

    witness: Token
    at: float  # Unix seconds
    version: str
    reads: bool = True  # it can read its server's log
    lost: Count = 0  # refusals that there was no room for, and that are not told of yet


class WitnessStatus(Message, frozen=True, omit_defaults=True):
    """A witness as the controller sees it."""

    witness: Token
    age_s: NotNegative  # of its last sign of life; before the first, since the controller began
    expected: bool = True  # the controller was told of it; others are shown while they speak
    beat: WitnessBeat | None = None  # None: nothing was ever heard


class ServerStatus(Message, frozen=True, omit_defaults=True):
    """One of the servers that keep the cluster's state together, as their leader sees it."""

    server: str
    state: Literal["current", "behind", "offline"]
    silent_s: NotNegative = 0.0  # since the leader heard of it
    behind: Count = 0  # writes


class Foundations(Message, frozen=True, omit_defaults=True):
    """All of it."""

    servers: tuple[ServerStatus, ...] = ()  # empty: one server, alone
    problem: str = ""  # why what is stored cannot be had or added to
    record_bytes: Count = 0
    record_limit_bytes: Count = 0  # 0: not known yet
    witnesses: tuple[WitnessStatus, ...] = ()


def judge_foundations(found: Foundations) -> Iterator[Finding]:
    """Judge all of it."""
    yield from _judge_store(found)
    up = sum(server.state != "offline" for server in found.servers)
    for server in found.servers:
        yield from _judge_server(server, up, len(found.servers))
    for witness in found.witnesses:
        yield from _judge_witness(witness)


def judge_reading(about: str, log: str) -> Finding:
    """Say that a controller cannot read its server's log."""
    text = f"the log of its server cannot be read: {log}; what that refuses is not on the record"
    return warning(about, "log", text, _LOG_REMEDY)


def _judge_store(found: Foundations) -> Iterator[Finding]:
    if found.problem:
        remedy = "frames go on, changes and jobs do not: are most of the servers up, and is there room on their disks?"
        yield broken("servers", "store", f"what is stored cannot be had: {found.problem}", remedy)
    elif found.record_limit_bytes:
        share = found.record_bytes / found.record_limit_bytes
        text = f"the record takes {found.record_bytes >> 20} of {found.record_limit_bytes >> 20} MiB"
        remedy = "when it is full, changes are on no record: give it room, `bramble-controller --record-disk BYTES`"
        if share >= RECORD_BROKEN:
            yield broken("record", "record", text, remedy)
        elif share >= RECORD_WARN:
            yield warning("record", "record", text, remedy)
        else:
            yield well("record", "record", text)


def _judge_server(server: ServerStatus, up: int, count: int) -> Iterator[Finding]:
    about = f"server {server.server}"
    if server.state == "offline":
        text = f"has been away for {server.silent_s:.0f} s" if server.silent_s else "is away"
        yield broken(
            about, "server", f"{text}; {up} of {count} are up, {count // 2 + 1} are needed",
            "`systemctl status bramble-nats` on its host; is its disk full?",
        )  # fmt: skip
    elif server.state == "behind" and server.behind >= BEHIND_WARN:
        text = f"is {server.behind} writes behind the others"
        yield warning(about, "server", text, "it catches up by itself, or its disk or network is too slow")
    else:
        yield well(about, "server", f"one of {count}, up to date")


def _judge_witness(witness: WitnessStatus) -> Iterator[Finding]:
    about, beat = f"witness {witness.witness}", witness.beat
    if witness.age_s > SILENT_S:
        ever = "says nothing" if beat is None else "has said nothing"
        text = f"{ever} for {witness.age_s:.0f} s: what its server refuses is not on the record"
        yield warning(about, "witness", text, "`systemctl status bramble-witness` on its host, and bramble-nats there")
    elif beat is None:
        return
    elif not beat.reads:
        text = "cannot read its server's log: what that refuses is not on the record"
        yield warning(about, "log", text, _LOG_REMEDY)
    elif beat.lost:
        text = f"had no room for {beat.lost} refusals while nobody put them on the record"
        yield warning(about, "witness", text, "its server's log has them all: is somebody trying keys?")
    else:
        yield well(about, "witness", "watches its server")
