"""What must hold, and what was measured of it: read from the records, so that nothing is copied by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One bound beside what was measured. ``at_most``: the figure must not be above, else not below."""

    what: str
    measured: float
    bound: float
    unit: str = ""
    at_most: bool = True
    at_rest: bool = True  # else the machine was busy with other things, and the figure says little

    @property
    def word(self) -> str:
        """What came of it."""
        return ("holds" if self.holds else "missed") if self.at_rest else "machine not at rest"

    @property
    def holds(self) -> bool:
        """Whether it does; never where the figure is not a number."""
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound


Records = Mapping[str, Any]
"""The summaries by benchmark, as :func:`benchmarks.harness.record.write_record` wrote them."""

_OURS = "bramble"


def judge(records: Records) -> list[Verdict]:
    """Hold what was measured against what must hold; what was not measured is not judged."""
    return [
        *_judge_frame_path({row["contender"]: row for row in records.get("frame_path", ())}),
        *_judge_unequal(records.get("unequal_nodes", ())),
        *_judge_scaling(records.get("scaling", ())),
    ]


def _judge_frame_path(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Verdict]:
    ours = rows.get(_OURS)
    if ours is None:
        return
    timed = partial(Verdict, at_rest=ours["at_rest"])
    yield timed(what="added at one in flight", measured=ours["one_added_ms"], bound=1.0, unit="ms")
    if quick := [rows[name]["one_added_ms"] for name in ("grpc-aio", "mosec") if name in rows]:
        ratio = ours["one_added_ms"] / min(quick)
        yield timed(what="the same over the better of gRPC aio and mosec", measured=ratio, bound=0.75, unit="x")
    yield timed(what="messaging CPU a frame", measured=ours["messaging_ms"], bound=0.9, unit="ms")
    for name, bound in (("grpc-aio", 0.65), ("mosec", 0.4), ("ray-serve", 0.07)):
        if name in rows:
            ratio = ours["messaging_ms"] / rows[name]["messaging_ms"]
            yield Verdict(what=f"messaging CPU over {name}'s", measured=ratio, bound=bound, unit="x")
    if variants := {name: row["messaging_ms"] for name, row in rows.items() if name.startswith("grpc-")}:
        best = min(variants, key=variants.__getitem__)
        ratio = ours["messaging_ms"] / variants[best]
        yield Verdict(what=f"messaging CPU over the best gRPC's ({best})", measured=ratio, bound=0.8, unit="x")
    if "bramble-tls" in rows and "grpc-aio" in rows:
        ratio = rows["bramble-tls"]["messaging_ms"] / rows["grpc-aio"]["messaging_ms"]
        yield Verdict(what="messaging CPU with TLS over plain gRPC aio's", measured=ratio, bound=1.0, unit="x")
    yield timed(what="saturation, of two bare loops", measured=ours["saturation"], bound=0.92, at_most=False)
    if "grpc-aio" in rows:
        other = rows["grpc-aio"]["saturation"]
        yield timed(what="saturation, beside gRPC aio's", measured=ours["saturation"], bound=other, at_most=False)
    yield timed(what="p99 over p50 at one in flight", measured=ours["one_p99_over_p50"], bound=1.5, unit="x")
    if ours.get("half_p50_ms"):
        ratio = ours["half_p99_ms"] / ours["half_p50_ms"]
        yield timed(what="p99 over p50 at half load", measured=ratio, bound=2.5, unit="x")
    if ours.get("kill_failed") is not None:
        yield Verdict(what="kill -9 with 8 in flight: failed", measured=ours["kill_failed"], bound=0)
        yield timed(what="kill -9: the worst frame", measured=ours["kill_worst_ms"], bound=300.0, unit="ms")
        back = ours["kill_back_s"]
        yield timed(what="kill -9: a second worker is back", measured=_number(back), bound=1.0, unit="s")


def _judge_unequal(rows: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    bounds = {0.28: 280.0, 0.57: 330.0, 0.79: 600.0}
    for row in rows:
        if row["policy"] == _OURS:
            what = f"unequal nodes at {row['load']:.0%}: p99"
            yield Verdict(what=what, measured=row["p99_ms"], bound=bounds[row["load"]], unit="ms")
            yield Verdict(what=f"unequal nodes at {row['load']:.0%}: failed", measured=row["failed"], bound=0)


def _judge_scaling(rows: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    for row in rows:
        if row["bound"] is not None:
            what = f"{row['layout']}, of what is possible"
            yield Verdict(what=what, measured=row["share"], bound=row["bound"], at_most=False)


def _number(value: float | None) -> float:
    """Return a figure that JSON may have lost: infinity is written as null."""
    return float("inf") if value is None else value
