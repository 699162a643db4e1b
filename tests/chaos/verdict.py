"""What must hold of a run, and its figures. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.record import Ledger, Record
from wire.errors import ErrorCode
from wire.jobs import JobEnd
from wire.messages import Counts

EXPECTED = {ErrorCode.NO_CAPACITY.value, ErrorCode.DEADLINE_EXCEEDED.value, ErrorCode.INTERNAL.value}
"""What a request may end in while parts of the cluster are away; never a fault of its picture."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant."""

    claim: str
    held: bool
    detail: str


def judge(record: Record) -> tuple[Finding, ...]:
    """Hold a run against everything that must be true of any run."""
    return tuple(check(record) for check in CHECKS)


def _jobs_lost(record: Record) -> Finding:
    missing = record.submitted.keys() - set(record.stored)
    return Finding(
        "every job that was taken has an outcome",
        not missing and record.queued == 0,
        f"{len(record.submitted)} taken, {len(missing)} without outcome, {record.queued} left in the queue",
    )


def _jobs_doubled(record: Record) -> Finding:
    doubled = [job for job, times in Counter(record.stored).items() if times > 1]
    seen = Counter(each.outcome.job for each in record.ended)
    contradicted = [job for job, times in seen.items() if times > 1]
    return Finding(
        "no job has two outcomes",
        not doubled and not contradicted,
        f"{len(record.stored)} outcomes stored, {len(doubled)} doubled; {len(contradicted)} seen twice",
    )


def _changes_lost(record: Record) -> Finding:
    """One that was not acknowledged may have been made too, also later than the one after it."""
    known = {number for _, number in record.changes}
    last = max(known, default=0)
    in_force = record.kept == last or (record.kept is not None and record.kept in {*range(1, record.tried + 1)} - known)
    return Finding(
        "every change that was acknowledged is in force and on the record",
        bool(known) and in_force and record.noted >= len(record.changes),
        f"{len(record.changes)} acknowledged, {record.noted} on the record; the last {last}, {record.kept} in force",
    )


def _jobs_failed(record: Record) -> Finding:
    failed = [each for each in record.ended if each.outcome.end is not JobEnd.DONE]
    codes = Counter(each.outcome.error.code.value if each.outcome.error else "" for each in failed)
    return Finding("no job failed", not failed, f"{len(record.ended)} ended, {dict(codes) or 'none failed'}")


def _live_doubled(record: Record) -> Finding:
    seen = Counter((each.frame, each.camera, each.model) for each in record.live)
    doubled = sum(times > 1 for times in seen.values())
    return Finding("no frame has two results", doubled == 0, f"{len(record.live)} results, {doubled} doubled")


def _ledger(record: Record) -> Finding:
    wrong = [each for each in record.ledgers if not adds_up(each.counts)]
    return Finding(
        "each controller's ledger adds up whenever it is told",
        bool(record.ledgers) and not wrong,
        f"{len(record.ledgers)} times looked at, {len(wrong)} times wrong",
    )


def _ledger_backwards(record: Record) -> Finding:
    wrong = [(one, two) for one, two in _successive(record.ledgers) if two.counts.offered < one.counts.offered]
    return Finding("no ledger forgets while its controller lives", not wrong, f"{len(wrong)} times")


def _ledger_open(record: Record) -> Finding:
    left = sum(each.counts.open for each in record.last)
    return Finding("in the end no frame is open", bool(record.last) and left == 0, f"{left} open")


def _requests(record: Record) -> Finding:
    codes = Counter(each.code for each in record.requests if each.code)
    unexpected = {code: times for code, times in codes.items() if code not in EXPECTED}
    return Finding(
        "every request was answered, well or with an error that says to try again",
        bool(record.requests) and not unexpected,
        f"{len(record.requests)} asked, failed: {dict(codes) or 'none'}",
    )


def _recovery(record: Record) -> Finding:
    well = record.recovered_s is not None
    return Finding(
        "everything is well again after the last fault", well, f"after {record.recovered_s:.1f} s" if well else "never"
    )


CHECKS: tuple[Callable[[Record], Finding], ...] = (
    _jobs_lost,
    _jobs_doubled,
    _jobs_failed,
    _changes_lost,
    _live_doubled,
    _ledger,
    _ledger_backwards,
    _ledger_open,
    _requests,
    _recovery,
)


def adds_up(counts: Counts) -> bool:
    """Tell whether all that was offered has ended or is open."""
    ends = counts.inferred + counts.gated + sum(counts.dropped.values()) + sum(counts.failed.values())
    return counts.offered == ends + counts.open


def figures(record: Record) -> dict[str, str]:
    """Return what was measured, for people."""
    good = sorted(each.ended - each.sent for each in record.requests if not each.code)
    inferred = [each for each in record.live if not each.code]
    seen_s = min(record.seconds, record.length or record.seconds)  # less than planned, where the run goes on
    gaps = {camera: _longest_gap([e.at for e in inferred if e.camera == camera], seen_s) for camera in record.cameras}
    redelivered = sum(each.outcome.deliveries > 1 for each in record.ended)
    return {
        "faults": str(len(record.faults)),
        "requests answered": f"{len(good)} of {len(record.requests)}",
        "request p50, worst": f"{good[len(good) // 2]:.2f} s, {good[-1]:.2f} s" if good else "none",
        "live frames inferred": f"{len(inferred)}, {len(record.live) - len(inferred)} failed",
        "longest time without a live result": ", ".join(f"{camera} {gap:.1f} s" for camera, gap in gaps.items()),
        "jobs done": f"{len(record.ended)}, {redelivered} of them handed out more than once",
    }


def _successive(ledgers: Iterable[Ledger]) -> Iterable[tuple[Ledger, Ledger]]:
    by_session: dict[tuple[str, str], list[Ledger]] = {}
    for each in sorted(ledgers, key=lambda ledger: ledger.told):
        by_session.setdefault((each.controller, each.session), []).append(each)
    for told in by_session.values():
        yield from pairwise(told)


def _longest_gap(times: list[float], seconds: float) -> float:
    marks = [0.0, *sorted(at for at in times if at <= seconds), seconds]
    return max(later - earlier for earlier, later in pairwise(marks))
