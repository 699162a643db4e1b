from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wire.audit import Deed, Outcome
from wire.refusals.throttle import EVERY_S, MOST, Throttle


def refuse(who: str = "ann", target: str = "x") -> Deed:
    return Deed(who=who, action="access.publish", target=target, outcome=Outcome.REFUSED, detail="from here")


def test_the_first_refusal_is_written_at_once_and_its_like_are_counted() -> None:
    throttle = Throttle()
    assert throttle.take(refuse(), 0.0) == refuse()
    assert [throttle.take(refuse(), second) for second in (1.0, 2.0, 3.0)] == [None] * 3
    assert throttle.collect(EVERY_S - 1) == []
    (told,) = throttle.collect(EVERY_S)
    assert told.detail == "3 more in 300 s; the last: from here"


def test_another_user_or_subject_is_told_at_once() -> None:
    throttle = Throttle()
    throttle.take(refuse(), 0.0)
    assert throttle.take(refuse(who="bob"), 0.1)
    assert throttle.take(refuse(target="y"), 0.2)


def test_a_refusal_for_another_cause_is_told_at_once_and_one_that_only_differs_in_detail_is_counted() -> None:
    throttle = Throttle()

    def come(detail: str) -> Deed:
        return Deed(who="10.0.0.7", action="access.connect", outcome=Outcome.REFUSED, detail=detail)

    told = [
        throttle.take(come(detail), 0.0)
        for detail in (
            'authentication error - User "bob"', 'authentication error - User "eve"', "TLS handshake error: EOF",
            "TLS handshake error: remote error: tls: bad certificate", "TLS Handshake Failure",
        )
    ]  # fmt: skip
    assert [deed is not None for deed in told] == [True, False, True, False, True]


def test_late_answers_of_a_node_are_one_entry_for_each_inbox_and_the_rest_are_counted() -> None:
    throttle = Throttle()

    def answer(who: str, inbox: str) -> Deed:
        return Deed(who=who, action="access.answer", target=inbox, outcome=Outcome.REFUSED, detail="from 10.0.0.7:1")

    told = [throttle.take(answer("pi1", f"_INBOX_hub.x.{number}"), 0.0) for number in range(10 * MOST)]
    assert told == [answer("pi1", "_INBOX_hub.x.0"), *[None] * (10 * MOST - 1)]
    assert throttle.take(answer("pi2", "_INBOX_hub.x.0"), 0.0)
    assert throttle.take(answer("pi1", "_INBOX_ann.x.0"), 0.0)
    assert throttle.take(refuse(), 0.0) == refuse()
    assert [deed.detail.partition(" more")[0] for deed in throttle.collect(EVERY_S)] == [str(10 * MOST - 1)]


def test_what_has_ended_is_forgotten_and_told_again_when_it_comes_back() -> None:
    throttle = Throttle()
    throttle.take(refuse(), 0.0)
    assert throttle.collect(EVERY_S) == []
    assert throttle.take(refuse(), EVERY_S + 1) == refuse()


def test_a_flood_of_made_up_names_stays_bounded() -> None:
    throttle = Throttle()
    told = [throttle.take(refuse(who=str(number)), 0.0) for number in range(10 * MOST)]
    assert sum(deed is not None for deed in told) == MOST + 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_every_refusal_is_written_or_counted_exactly_once(steps: list[tuple[str, float]]) -> None:
    throttle = Throttle()
    now, written = 0.0, 0
    for who, pause in steps:
        now += pause
        written += throttle.take(refuse(who), now) is not None
        written += sum(int(deed.detail.split()[0]) for deed in throttle.collect(now))
    written += sum(int(deed.detail.split()[0]) for deed in throttle.collect(now + EVERY_S + 1))
    assert written == len(steps)
