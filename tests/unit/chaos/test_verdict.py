"""The judge must find what is wrong: a verdict that cannot fail is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.record import Ended, Ledger, Live, Record, Request
from tests.chaos.report import to_html, to_markdown
from tests.chaos.schedule import Fault, Kind
from tests.chaos.verdict import figures, judge
from wire.errors import ErrorBody, ErrorCode
from wire.jobs import JobEnd, JobOutcome
from wire.messages import Counts

GOOD = Counts(offered=5, inferred=3, gated=1, failed={"no_capacity": 1})


def outcome(job: str, end: JobEnd = JobEnd.DONE, code: ErrorCode | None = None) -> JobOutcome:
    error = ErrorBody(code=code, message="") if code else None
    return JobOutcome(job=job, batch="b", model="m", end=end, at=0.0, error=error)


def make_record() -> Record:
    return Record(
        seed=1,
        seconds=10.0,
        cameras=("door",),
        faults=[Fault(3.0, Kind.FREEZE_AGENT, ("node-1",), 2.0), Fault(4.0, Kind.KILL_BROKER, ("nats-server",))],
        requests=[Request(1.0, 1.1), Request(2.0, 5.0, "deadline_exceeded")],
        live=[Live(1.0, "door", "m", "f1"), Live(2.0, "door", "m", "f2", "no_capacity")],
        submitted={"a": 0.5, "b": 1.5},
        ended=[Ended(1.0, outcome("a")), Ended(2.0, outcome("b"))],
        stored=["a", "b"],
        ledgers=[Ledger(1.0, "c", "s", replace_counts(2)), Ledger(2.0, "c", "s", GOOD)],
        last=[Ledger(9.0, "c", "s", GOOD)],
        recovered_s=0.5,
        length=11.0,
        changes=[(2.0, 1), (4.0, 3)],
        kept=3,
        noted=2,
        tried=4,
    )


def replace_counts(offered: int, **counts: int) -> Counts:
    return Counts(offered=offered, inferred=offered - sum(counts.values()), **counts)


def broken(record: Record) -> list[str]:
    return [finding.claim for finding in judge(record) if not finding.held]


def test_a_run_in_which_all_went_well_is_found_so() -> None:
    assert broken(make_record()) == []


def lose(record: Record) -> None:
    record.stored.remove("a")


def leave(record: Record) -> None:
    record.queued = 1


def double(record: Record) -> None:
    record.stored.append("a")


def contradict(record: Record) -> None:
    record.ended.append(Ended(3.0, outcome("a", JobEnd.CANCELLED)))


def fail(record: Record) -> None:
    record.ended[0] = Ended(1.0, outcome("a", JobEnd.FAILED, ErrorCode.INTERNAL))


def repeat(record: Record) -> None:
    record.live.append(replace(record.live[0], at=4.0))


def unbalance(record: Record) -> None:
    record.ledgers.append(Ledger(3.0, "c", "s", Counts(offered=7, inferred=6)))


def forget(record: Record) -> None:
    record.ledgers.append(Ledger(3.0, "c", "s", replace_counts(4)))


def stay_open(record: Record) -> None:
    record.last = [Ledger(9.0, "c", "s", replace_counts(5, open=1))]


def blame(record: Record) -> None:
    record.requests.append(Request(3.0, 3.1, "bad_image"))


def never_recover(record: Record) -> None:
    record.recovered_s = None


def revert(record: Record) -> None:
    record.kept = 7


def revert_long_ago(record: Record) -> None:
    record.kept = 1  # which was acknowledged, and followed by another that was


def keep_quiet(record: Record) -> None:
    record.noted = 1


@pytest.mark.parametrize(
    ("harm", "claim"),
    [
        (revert, "every change that was acknowledged is in force and on the record"),
        (revert_long_ago, "every change that was acknowledged is in force and on the record"),
        (keep_quiet, "every change that was acknowledged is in force and on the record"),
        (lose, "every job that was taken has an outcome"),
        (leave, "every job that was taken has an outcome"),
        (double, "no job has two outcomes"),
        (contradict, "no job has two outcomes"),
        (fail, "no job failed"),
        (repeat, "no frame has two results"),
        (unbalance, "each controller's ledger adds up whenever it is told"),
        (forget, "no ledger forgets while its controller lives"),
        (stay_open, "in the end no frame is open"),
        (blame, "every request was answered, well or with an error that says to try again"),
        (never_recover, "everything is well again after the last fault"),
    ],
)
def test_what_is_wrong_is_found(harm: Callable[[Record], None], claim: str) -> None:
    record = make_record()
    harm(record)
    assert claim in broken(record)
    assert claim in to_markdown(record, judge(record))


def test_a_run_in_which_nothing_was_seen_has_not_gone_well() -> None:
    assert len(broken(Record(seed=1, seconds=10.0, cameras=("door",)))) >= 3


def test_the_page_shows_every_fault_and_lane_and_needs_nothing_beside_itself() -> None:
    page = to_html(make_record(), judge(make_record()))
    assert "freeze agent node-1" in page
    assert "kill -9 broker" in page
    assert all(f">{lane}, up to" in page for lane in ("live", "requests", "jobs"))
    assert "http" not in page
    assert "All 10 invariants held." in page


def test_a_run_that_goes_on_is_told_of_as_far_as_it_has_come() -> None:
    record = make_record()
    record.seconds, record.length = 7200.0, 4.0
    assert figures(record)["longest time without a live result"] == "door 3.0 s"
    record.length = 7205.0
    assert figures(record)["longest time without a live result"] == "door 7199.0 s"
