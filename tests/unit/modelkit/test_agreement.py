from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelkit.agreement import compare_answers
from modelkit.answers import Answers, Classification, Detection

shares = st.floats(0, 1)
classes = st.lists(
    st.builds(Classification, st.sampled_from("ab"), st.integers(0, 5), shares), max_size=6, unique_by=lambda c: c.index
).map(tuple)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    x, y = draw(st.floats(0, 0.5)), draw(st.floats(0, 0.5))
    return x, y, x + draw(st.floats(0.1, 0.5)), y + draw(st.floats(0.1, 0.5))


detections = st.lists(st.builds(Detection, st.sampled_from("ab"), st.integers(0, 1), shares, boxes()), max_size=6).map(
    tuple
)


@given(classes | detections)
def test_an_answer_agrees_with_itself_entirely(answers: Answers) -> None:
    found = compare_answers(answers, answers)
    assert (found.same_first, found.matched) == (True, 1.0)
    assert found.score_change == 0.0
    assert found.least_overlap > 0.999


@given(classes, classes)
def test_what_is_told_of_any_two_answers_lies_in_its_range(one: Answers, other: Answers) -> None:
    found = compare_answers(one, other)
    assert 0 <= found.matched <= 1
    assert 0 <= found.score_change <= 1
    common = {each.index for each in one} & {each.index for each in other}
    assert found.matched == (len(common) / max(len(one), len(other)) if one or other else 1.0)


def test_a_score_that_moved_and_a_class_that_came_are_told() -> None:
    exact = (Classification("cat", 0, 0.9), Classification("dog", 1, 0.05))
    found = (Classification("cat", 0, 0.8), Classification("lynx", 2, 0.1))
    assert compare_answers(exact, found) == compare_answers(found, exact)
    agreement = compare_answers(exact, found)
    assert (agreement.same_first, agreement.matched) == (True, 0.5)
    assert round(agreement.score_change, 6) == 0.1


def test_a_box_elsewhere_is_another_thing_and_one_nearby_the_same() -> None:
    car = Detection("car", 0, 0.9, (0.1, 0.1, 0.5, 0.5))
    near = Detection("car", 0, 0.85, (0.1, 0.1, 0.5, 0.6))
    far = Detection("car", 0, 0.9, (0.6, 0.6, 0.9, 0.9))
    assert round(compare_answers((car,), (near,)).least_overlap, 2) == 0.8
    assert compare_answers((car,), (far,)).matched == 0
    assert compare_answers((car, far), (far, near)).matched == 1


def test_nothing_found_agrees_with_nothing_and_not_with_something() -> None:
    cat = (Classification("cat", 0, 0.9),)
    assert compare_answers((), ()).matched == 1
    assert not compare_answers(cat, ()).same_first
