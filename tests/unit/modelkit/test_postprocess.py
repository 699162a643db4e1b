from __future__ import annotations

import warnings

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelkit.answers import Classification, Detection
from modelkit.errors import InvalidTensorError, ModelRejectedError
from modelkit.known_answer import check_known_answer
from modelkit.manifest import (
    AnchorSpec,
    ClassifySpec,
    DetectSpec,
    ExpectedBox,
    ExpectedClass,
    InputSpec,
    KnownAnswer,
    Manifest,
)
from modelkit.postprocess import interpret
from modelkit.preprocess import WHOLE, Placement

INPUT = InputSpec(width=8, height=8)
ANCHORS = AnchorSpec(grids=(2, 1), min_scale=0.5, max_scale=0.5, aspect_ratios=(1.0,), interpolated_ratio=0)
RAW = DetectSpec(output="ssd", anchors=ANCHORS, activation="none", score_threshold=0.3)
POSTPROCESSED = DetectSpec(output="postprocessed", score_threshold=0.3)
KNOWN = KnownAnswer(file="a.jpg", sha256="0" * 64, bytes=1, top=ExpectedClass(label="cat", score=0.7, tolerance=0.1))


def classifier(**more: object) -> Manifest:
    return Manifest(
        name="m",
        version="1",
        task="classify",
        description="",
        licence="",
        origin="",
        labels=("cat", "dog", "cup"),
        input=INPUT,
        **more,  # type: ignore[arg-type]
    )


def detector(detect: DetectSpec, labels: tuple[str, ...] = ("none", "cat", "dog")) -> Manifest:
    return msgspec.structs.replace(classifier(), task="detect", labels=labels, detect=detect)


def raw_outputs(scores: list[tuple[int, int, float]]) -> list[np.ndarray]:
    """Boxes exactly on their anchors; (anchor, class, score) set, all else 0."""
    table = np.zeros((1, 5, 3), np.float32)
    for anchor, label, score in scores:
        table[0, anchor, label] = score
    return [np.zeros((1, 5, 4), np.float32), table]


def test_a_classifier_reports_its_best_classes_in_order() -> None:
    answers = interpret(classifier(), [np.float32([[0.2, 0.7, 0.1]])], WHOLE, top_k=2)
    assert [(answer.label, answer.index) for answer in answers] == [("dog", 1), ("cat", 0)]
    assert answers[0].score == pytest.approx(0.7)


def test_a_threshold_leaves_weak_classes_out() -> None:
    answers = interpret(classifier(), [np.float32([0.2, 0.7, 0.1])], WHOLE, threshold=0.15)
    assert [answer.label for answer in answers] == ["dog", "cat"]


def test_an_integer_output_is_read_through_its_quantization() -> None:
    (best, *_) = interpret(classifier(), [np.int8([[-128, 127, 0]])], WHOLE, quantization=[(1 / 256, -128)])
    assert Classification("dog", 1, 255 / 256) == best


def test_logits_become_shares_that_sum_to_one() -> None:
    manifest = classifier(classify=ClassifySpec(activation="softmax"))
    answers = interpret(manifest, [np.float32([1000, 999, -1e38])], WHOLE)
    assert sum(answer.score for answer in answers) == pytest.approx(1)
    assert answers[0].score == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("manifest", [classifier(), detector(RAW)])
def test_a_number_that_is_not_finite_is_refused(bad: float, manifest: Manifest) -> None:
    outputs = raw_outputs([(0, 1, bad)]) if manifest.detect else [np.float32([0, bad, 1])]
    with pytest.raises(InvalidTensorError, match="not finite"):
        interpret(manifest, outputs, WHOLE)


@pytest.mark.parametrize(
    "outputs", [[], [np.zeros(4, np.float32)], [np.zeros(3, np.float32)] * 2, [np.zeros(3, np.int8)]]
)
def test_outputs_of_another_shape_or_type_are_refused(outputs: list[np.ndarray]) -> None:
    with pytest.raises(InvalidTensorError):
        interpret(classifier(), outputs, WHOLE)


def test_raw_boxes_on_their_anchors_are_the_anchors() -> None:
    answers = interpret(detector(RAW), raw_outputs([(0, 1, 0.9), (4, 2, 0.5)]), WHOLE)
    assert (
        Detection("cat", 1, pytest.approx(0.9), (0.0, 0.0, 0.5, 0.5)),
        Detection("dog", 2, 0.5, (0.25, 0.25, 0.75, 0.75)),
    ) == answers


def test_raw_offsets_move_and_scale_the_anchor() -> None:
    outputs = raw_outputs([(4, 1, 0.9)])
    outputs[0][0, 4] = [10 * 0.2, 10 * -0.2, 5 * np.log(0.5), 0]  # y, x, h, w
    (answer,) = interpret(detector(RAW), outputs, WHOLE)
    assert isinstance(answer, Detection)
    assert np.allclose((0.15, 0.475, 0.65, 0.725), answer.box)


def test_raw_outputs_may_come_in_either_order() -> None:
    outputs = raw_outputs([(0, 1, 0.9)])
    assert interpret(detector(RAW), outputs, WHOLE) == interpret(detector(RAW), outputs[::-1], WHOLE)


def test_boxes_of_one_class_compete_and_boxes_of_two_do_not() -> None:
    outputs = raw_outputs([(0, 1, 0.9), (0, 2, 0.8), (4, 1, 0.7)])
    outputs[0][0, 4] = [-2.5 / 0.5, -2.5 / 0.5, 0, 0]  # onto anchor 0
    answers = interpret(detector(RAW), outputs, WHOLE)
    assert [answer.label for answer in answers] == ["cat", "dog"]


def test_background_is_never_reported() -> None:
    assert not interpret(detector(RAW), raw_outputs([(0, 0, 0.99)]), WHOLE)


def test_boxes_come_back_in_the_picture_s_own_shares() -> None:
    letterboxed = Placement(0.0, -0.5, 1.0, 2.0)
    (answer,) = interpret(detector(RAW), raw_outputs([(4, 1, 0.9)]), letterboxed)
    assert isinstance(answer, Detection)
    assert answer.box == (0.25, 0.0, 0.75, 1.0)


def test_a_box_that_lies_in_the_bars_alone_is_no_detection() -> None:
    outputs = raw_outputs([(0, 1, 0.9)])
    outputs[0][0, 0] = [-5.0 / 0.5, 0, 5 * np.log(0.2), 0]
    assert not interpret(detector(RAW), outputs, Placement(0.0, -0.5, 1.0, 2.0))


def postprocessed(count: int = 2) -> list[np.ndarray]:
    boxes = np.float32([[[0, 0.1, 0.5, 0.6], [0.2, 0.2, 0.9, 0.9], [0, 0, 0, 0]]])
    return [boxes, np.float32([[1, 2, 0]]), np.float32([[0.9, 0.5, 0.0]]), np.float32([count])]


def test_postprocessed_boxes_turn_from_y_first_to_x_first() -> None:
    answers = interpret(detector(POSTPROCESSED), postprocessed(), WHOLE)
    assert [answer.label for answer in answers] == ["cat", "dog"]
    assert isinstance(answers[0], Detection)
    assert np.allclose((0.1, 0, 0.6, 0.5), answers[0].box)


def test_only_as_many_as_counted_are_read() -> None:
    assert len(interpret(detector(POSTPROCESSED), postprocessed(1), WHOLE, threshold=0)) == 1


def test_tensorflow_2_s_order_of_outputs_is_recognised() -> None:
    boxes, classes, scores, count = postprocessed()
    manifest = detector(POSTPROCESSED)
    assert interpret(manifest, [boxes, classes, scores, count], WHOLE) == interpret(
        manifest, [scores, boxes, count, classes], WHOLE
    )


def test_a_class_offset_skips_the_background_label() -> None:
    detect = msgspec.structs.replace(POSTPROCESSED, class_offset=1)
    labels = ("none", "one", "cat", "dog")
    assert [a.label for a in interpret(detector(detect, labels), postprocessed(), WHOLE)] == ["cat", "dog"]


def test_a_class_without_a_label_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match="there are 2 labels"):
        interpret(detector(POSTPROCESSED, ("none", "cat")), postprocessed(), WHOLE)


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    arrays.arrays(np.float32, (1, 5, 4), elements=floats),
    arrays.arrays(np.float32, (1, 5, 3), elements=floats),
    st.sampled_from(["none", "sigmoid"]),
    st.floats(0, 1),
)
def test_any_finite_raw_output_gives_boxes_inside_the_picture(
    boxes: np.ndarray, scores: np.ndarray, activation: str, threshold: float
) -> None:
    manifest = detector(msgspec.structs.replace(RAW, activation=activation))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = interpret(manifest, [boxes, scores], WHOLE, threshold=threshold)
    for answer in answers:
        assert isinstance(answer, Detection)
        x0, y0, x1, y1 = answer.box
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
        assert threshold - 1e-6 <= answer.score <= 1


@given(
    arrays.arrays(np.float32, (1, 3, 4), elements=floats),
    arrays.arrays(np.float32, (1, 3), elements=floats),
    arrays.arrays(np.float32, (1, 3), elements=floats),
    arrays.arrays(np.float32, (1,), elements=floats),
)
def test_any_finite_postprocessed_output_gives_boxes_or_a_typed_error(
    boxes: np.ndarray, classes: np.ndarray, scores: np.ndarray, count: np.ndarray
) -> None:
    try:
        answers = interpret(detector(POSTPROCESSED), [boxes, classes, scores, count], WHOLE)
    except InvalidTensorError:
        return
    assert all(answer.label in ("none", "cat", "dog") for answer in answers)


def test_the_known_answer_passes_within_its_tolerance() -> None:
    check_known_answer(classifier(known_answer=KNOWN), (Classification("cat", 0, 0.65),))


@pytest.mark.parametrize("answers", [(), (Classification("dog", 1, 0.7),), (Classification("cat", 0, 0.5),)])
def test_another_answer_is_refused_with_both_said(answers: tuple[Classification, ...]) -> None:
    with pytest.raises(ModelRejectedError, match=r"expected cat 0\.700") as caught:
        check_known_answer(classifier(known_answer=KNOWN), answers)
    assert answers == () or answers[0].label in str(caught.value)


def test_a_known_box_must_be_among_those_found() -> None:
    expected = ExpectedBox(label="cat", score=0.8, tolerance=0.1, box=(0.1, 0.1, 0.5, 0.5), min_iou=0.8)
    known = KnownAnswer(file="a.jpg", sha256="0" * 64, bytes=1, boxes=(expected,))
    manifest = msgspec.structs.replace(detector(RAW), known_answer=known)
    near = Detection("cat", 1, 0.75, (0.1, 0.12, 0.5, 0.5))
    check_known_answer(manifest, (Detection("dog", 2, 0.9, (0, 0, 1, 1)), near))
    for wrong in (
        msgspec.structs.replace(near, label="dog"),
        msgspec.structs.replace(near, score=0.6),
        msgspec.structs.replace(near, box=(0.3, 0.3, 0.7, 0.7)),
    ):
        with pytest.raises(ModelRejectedError, match=wrong.label):
            check_known_answer(manifest, (wrong,))
