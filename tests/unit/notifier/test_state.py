"""Troubles and sightings: each begins once and ends once, and what flaps is told once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.notice import Notice
from notifier.settings import Sighting
from notifier.state import MAX_SEEN, Seen, Sights, expire, fold_result, is_worth_telling, tell_change
from wire.findings import Finding, Severity
from wire.messages import Class, Detection, Result, Timings
from wire.troubles import Troubles, fold_findings

BLIND = Finding(about="camera door", check="pictures", severity=Severity.BROKEN, text="blind", remedy="look")
HOT = Finding(about="node pi", check="temperature", severity=Severity.WARNING, text="81 °C", remedy="a fan")
DRAINED = Finding(about="node pi", check="draining", severity=Severity.WARNING, text="drained", remedy="undrain")
PERSON = Sighting(labels=("person",), cameras=("door",), threshold=0.6, hold_s=30.0)


def play(steps: list[tuple[float, list[Finding]]], patience_s: float = 5.0) -> list[Notice]:
    troubles: Troubles = {}
    told: list[Notice] = []
    for now, findings in steps:
        worth = filter(is_worth_telling, findings)
        troubles, changes = fold_findings(troubles, worth, now, patience_s=patience_s)
        told += [tell_change(change, now) for change in changes]
    return told


def make_result(label: str = "person", score: float = 0.9, camera: str = "door") -> Result:
    detection = Detection(label=label, index=0, score=score, box=(0, 0, 1, 1))
    return Result(
        frame="f1", camera=camera, model="ssd", captured_at=0.0, timings=Timings(), detections=(detection,)
    )  # fmt: skip


def test_only_what_is_broken_and_some_warnings_are_worth_telling() -> None:
    assert [is_worth_telling(each) for each in (BLIND, HOT, DRAINED)] == [True, True, False]


def test_a_trouble_is_told_once_it_lasts_and_so_is_its_end() -> None:
    told = play([(0, [BLIND]), (4, [BLIND]), (5, [BLIND]), (20, [BLIND]), (21, []), (25, []), (26, []), (60, [])])

    assert [(each.state, each.at, each.text) for each in told] == [
        ("raised", 5, "camera door: blind"),
        ("cleared", 26, "camera door: over (it was: blind)"),
    ]
    assert told[0].remedy == "look"


def test_what_is_shorter_than_the_patience_is_not_told() -> None:
    assert play([(0, [BLIND]), (3, [BLIND]), (4, []), (6, [BLIND]), (10, [BLIND]), (10.5, [])]) == []


def test_a_trouble_that_comes_back_before_its_end_was_told_is_one_trouble() -> None:
    told = play([(0, [BLIND]), (5, [BLIND]), (6, []), (8, [BLIND]), (10, []), (14, [BLIND]), (40, [BLIND])])

    assert [each.state for each in told] == ["raised"]


def test_without_patience_everything_is_told_at_once() -> None:
    assert [each.state for each in play([(0, [HOT]), (1, []), (2, [HOT])], patience_s=0)] == [
        "raised", "cleared", "raised",
    ]  # fmt: skip


@given(
    st.lists(st.tuples(st.floats(0.1, 10), st.sets(st.sampled_from([BLIND, HOT, DRAINED]))), max_size=40),
    st.floats(0, 10),
)
def test_beginnings_and_ends_alternate_for_each_trouble(
    steps: list[tuple[float, set[Finding]]], patience: float
) -> None:
    now, timed = 0.0, []
    for step, findings in steps:
        now += step
        timed.append((now, list(findings)))

    told = play(timed, patience)

    for about in ("camera door", "node pi"):
        states = [each.state for each in told if each.about == about]
        assert states == ["raised", "cleared"] * (len(states) // 2) + ["raised"] * (len(states) % 2)


def test_a_sighting_begins_with_its_first_frame_and_ends_after_its_hold_time() -> None:
    sights: Sights = {}
    sights, first = fold_result(sights, make_result(), [PERSON], 0.0, at=100.0)
    sights, again = fold_result(sights, make_result(), [PERSON], 20.0, at=120.0)
    sights, early = expire(sights, 49.0, at=149.0)
    sights, late = expire(sights, 50.0, at=150.0)

    assert [(each.state, each.about, each.check, each.frame) for each in first] == [
        ("raised", "camera door", "person", "f1")
    ]
    assert (again, early) == ((), ())
    assert [(each.state, each.text) for each in late] == [("cleared", "camera door: no more person")]
    assert sights == {}


def test_what_no_rule_asks_for_is_not_told() -> None:
    for result in (make_result("dog"), make_result(score=0.59), make_result(camera="yard")):
        assert fold_result({}, result, [PERSON], 0.0, at=0.0) == ({}, ())


def test_a_class_is_a_sighting_too_and_a_rule_without_cameras_means_all() -> None:
    result = Result(
        frame="f", camera="yard", model="m", captured_at=0, timings=Timings(),
        classes=(Class(label="tabby", index=1, score=0.8),),
    )  # fmt: skip

    _, notices = fold_result({}, result, [Sighting(labels=("tabby",))], 0.0, at=0.0)

    assert [each.about for each in notices] == ["camera yard"]


def test_sights_are_bounded() -> None:
    full = {(f"c{number}", "person"): Seen(0.0, 30.0) for number in range(MAX_SEEN)}

    after, notices = fold_result(full, make_result(), [PERSON], 1.0, at=1.0)

    assert len(after) == MAX_SEEN
    assert notices == ()
