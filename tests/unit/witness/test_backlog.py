"""What waits for its place on the record: each refusal once, floods as counts, never more than there is room for."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wire.audit import Deed, Outcome
from wire.refusals.report import MOST, check_report
from wire.refusals.throttle import EVERY_S
from witness.backlog import FLOOD, ROOM, Backlog

RUN = "0123456789abcdef"


def refuse(who: str, action: str = "access.publish") -> Deed:
    return Deed(who=who, action=action, target="x", outcome=Outcome.REFUSED, detail="from 10.0.0.7:1")


def take_all(backlog: Backlog) -> list[tuple[int, Deed]]:
    taken = []
    while report := backlog.next():
        taken += [(told.number, told.deed) for told in check_report(report).told]
        backlog.drop(report)
    return taken


def test_what_is_noted_stays_until_it_was_taken_under_the_same_number() -> None:
    backlog = Backlog(RUN)
    backlog.note(refuse("ann"), 0.0)
    first = backlog.next()
    backlog.note(refuse("bob"), 0.0)
    again = backlog.next()

    assert first is not None
    assert again is not None
    assert again.told[0] == first.told[0]
    backlog.drop(first)
    assert [deed.who for _, deed in take_all(backlog)] == ["bob"]
    assert backlog.next() is None


def test_a_report_holds_no_more_than_a_controller_writes_at_a_time() -> None:
    backlog = Backlog(RUN)
    for number in range(MOST + 1):
        backlog.note(refuse(str(number)), 0.0)

    report = backlog.next()

    assert report is not None
    assert len(report.told) == MOST


def test_a_flood_of_the_same_is_one_and_then_its_count_of_which_every_one_is_in_the_counts() -> None:
    backlog = Backlog(RUN)
    for _ in range(1000):
        backlog.note(refuse("eve"), 0.0)
    report = backlog.next()
    assert report is not None
    assert (len(report.told), report.counts) == (1, {"access.publish": 1000})
    backlog.drop(report)
    backlog.collect(EVERY_S)
    again = backlog.next()
    assert again is not None
    assert (again.told[0].deed.detail, again.counts) == ("999 more in 300 s; the last: from 10.0.0.7:1", {})


def test_what_there_is_no_room_for_is_counted_and_told_as_soon_as_there_is() -> None:
    backlog = Backlog(RUN)
    now = 0.0
    for number in range(2 * ROOM):  # nobody takes anything for hours
        backlog.note(refuse(str(number)), now)
        now += EVERY_S + 1
        backlog.collect(now)

    taken = take_all(backlog)

    assert len(taken) == ROOM + 1
    assert taken[-1][1].action == FLOOD
    assert taken[-1][1].detail.startswith(f"{ROOM} more were not kept")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 200), st.booleans()), max_size=80))
def test_every_refusal_is_told_or_counted_once_and_every_number_is_used_once(
    steps: list[tuple[str, float, bool]],
) -> None:
    backlog, now = Backlog(RUN), 0.0
    numbers: list[int] = []
    counted: Counter[str] = Counter()
    told = 0

    def take() -> None:
        nonlocal told
        while report := backlog.next():
            numbers.extend(each.number for each in report.told)
            counted.update(report.counts)
            told += sum(
                int(each.deed.detail.split()[0]) if " more in " in each.deed.detail else 1 for each in report.told
            )
            backlog.drop(report)

    for who, pause, takes in steps:
        now += pause
        backlog.note(refuse(who), now)
        backlog.collect(now)
        if takes:
            take()
    backlog.collect(now + EVERY_S + 1)
    take()
    backlog.collect(now + 2 * EVERY_S + 2)
    take()
    assert told == len(steps)
    assert numbers == list(range(1, len(numbers) + 1))
    assert sum(counted.values()) <= len(steps)
