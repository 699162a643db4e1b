from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkit.adopt import adopt, describe, parse_labels
from modelkit.errors import ModelRejectedError
from modelkit.library import Library
from modelkit.manifest import AnchorSpec, DetectSpec
from modelkit.tflite import TensorFacts, read_tflite
from models.tflite_writer import Graph


def write_classifier(classes: int = 3, shape: tuple[int, ...] = (1, 8, 6, 3)) -> bytes:
    graph = Graph("tiny", "a classifier for tests")
    pooled = graph.average(graph.input("picture", shape), "pool")
    weights = np.zeros((classes, shape[-1]), np.float32)
    logits = graph.connect(pooled, "logits", weights, np.zeros(classes, np.float32))
    return graph.finish(graph.softmax(logits, "shares"))


TINY = write_classifier()


def test_inputs_and_outputs_are_read_with_shape_and_type() -> None:
    facts = read_tflite(TINY)
    assert (TensorFacts("picture", (1, 8, 6, 3), "float32", None),) == facts.inputs
    assert (TensorFacts("shares", (1, 3), "float32", None),) == facts.outputs
    assert facts.custom_operators == ()


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0\0\0\0TFL3", b"\xff" * 4 + b"TFL3" + b"\xff" * 40])
def test_what_is_no_tflite_is_refused(data: bytes) -> None:
    with pytest.raises(ModelRejectedError) as caught:
        read_tflite(data)
    assert caught.value.remedy


@given(st.floats(0, 0.999))
def test_a_truncated_tflite_is_read_or_refused(share: float) -> None:
    try:
        facts = read_tflite(TINY[: int(share * len(TINY))])
    except ModelRejectedError:
        return
    assert facts == read_tflite(TINY)


@given(st.data())
@settings(max_examples=500)
def test_changed_bytes_are_read_or_refused(draw: st.DataObject) -> None:
    changed = bytearray(TINY)
    for at in draw.draw(st.lists(st.integers(0, len(TINY) - 1), min_size=1, max_size=8)):
        changed[at] = draw.draw(st.sampled_from([0, 1, 4, 127, 128, 255]))
    try:
        facts = read_tflite(bytes(changed))
    except ModelRejectedError:
        return
    assert len(facts.inputs) <= 64
    assert all(len(tensor.name) <= 1024 for tensor in facts.inputs + facts.outputs)


@given(st.binary(max_size=400))
def test_random_bytes_after_the_identifier_are_read_or_refused(tail: bytes) -> None:
    try:
        facts = read_tflite(b"\x10\0\0\0TFL3" + tail)
    except ModelRejectedError:
        return
    assert all(tensor.size >= 0 for tensor in facts.inputs + facts.outputs)


def test_a_classifier_is_described_from_its_file() -> None:
    manifest = describe(TINY, name="tiny", task="classify", labels=["cat", "dog", "cup"])
    assert manifest.input.shape == (1, 8, 6, 3)
    assert (127.5,) * 3 == manifest.input.mean == manifest.input.scale
    assert manifest.variants == ("cpu-f32",)
    assert len(TINY) == manifest.artefacts[0].bytes


def test_options_say_what_the_file_cannot() -> None:
    manifest = describe(
        TINY, name="t", task="classify", labels="abc", mean=[0, 0, 0], scale=[255, 255, 255], resize="crop", version="7"
    )
    assert (
        manifest.input.mean,
        manifest.input.scale,
        manifest.input.resize,
        manifest.version,
    ) == ((0, 0, 0), (255, 255, 255), "crop", "7")


def test_a_background_class_is_added_or_dropped_to_fit_the_model() -> None:
    assert describe(TINY, name="t", task="classify", labels=["cat", "dog"]).labels == ("background", "cat", "dog")
    assert describe(TINY, name="t", task="classify", labels=["???", "a", "b", "c"]).labels == ("a", "b", "c")


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ModelRejectedError, match="5 labels"):
        describe(TINY, name="t", task="classify", labels="abcde")


def test_a_classifier_is_no_detector() -> None:
    with pytest.raises(ModelRejectedError, match="TFLite_Detection_PostProcess"):
        describe(TINY, name="t", task="detect", labels="abc")
    detect = DetectSpec(
        output="ssd", anchors=AnchorSpec(grids=(1,), min_scale=0.5, max_scale=0.5, aspect_ratios=(1.0,))
    )
    with pytest.raises(ModelRejectedError, match="2 anchors"):
        describe(TINY, name="t", task="detect", labels="abc", detect=detect)


def test_an_input_that_is_no_picture_is_refused() -> None:
    with pytest.raises(ModelRejectedError, match="expected one input of shape"):
        describe(write_classifier(shape=(1, 8, 8, 5)), name="t", task="classify", labels="abc")


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ModelRejectedError, match=r"\$\.name"):
        describe(TINY, name="a/b", task="classify", labels="abc")


def test_adopting_puts_file_and_manifest_into_the_library(tmp_path: Path) -> None:
    (tmp_path / "mine.tflite").write_bytes(TINY)
    library = Library(tmp_path / "library")
    manifest = adopt(library, tmp_path / "mine.tflite", name="mine", task="classify", labels="abc")
    assert manifest == library.manifest("mine")
    assert library.verify("mine") == []


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("cat\r\n\r\ndog\r\n\r\n", ("cat", "class 1", "dog")),
        ("0  person\n2  bicycle\n", ("person", "class 1", "bicycle")),
        ("0: person\n1: car", ("person", "car")),
        ("101 dalmatians\ncat", ("101 dalmatians", "cat")),
    ],
)
def test_labels_are_read_one_a_line_or_by_number(text: str, labels: tuple[str, ...]) -> None:
    assert labels == parse_labels(text)


@pytest.mark.parametrize("text", ["", "\n\n", "999999 far\n"])
def test_a_file_of_no_or_too_many_labels_is_refused(text: str) -> None:
    with pytest.raises(ModelRejectedError, match="file of labels"):
        parse_labels(text)
