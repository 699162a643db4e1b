"""Taking in a user's own .tflite: what can be known about it is read from the file, the rest is asked for."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, Unpack

import msgspec

from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError
from modelkit.library import Library
from modelkit.manifest import (
    MAX_SIDE,
    Artefact,
    ClassifySpec,
    DetectSpec,
    Manifest,
    Task,
    Variant,
)
from modelkit.tflite import TensorFacts, TfliteFacts, read_tflite

MAX_MODEL_BYTES = 512 << 20
MAX_LABELS = 100_000

_EDGETPU_OPERATOR = "edgetpu-custom-op"
_BACKGROUND = "background"
_BACKGROUND_NAMES = ("???", _BACKGROUND, "__background__")
_NUMBERED = re.compile(r"(\d{1,6})[:\s]\s*(\S.*)")
_BYTE_MIDDLE = {"uint8": 0, "int8": 128}  # added to a zero point to count from pixel value 0


class Options(TypedDict, total=False):
    """What a file cannot say; every entry has a default."""

    version: str
    description: str
    licence: str
    origin: str
    mean: Sequence[float]  # x = (pixel - mean) / scale; default: -1..1, or pixels as they are for integer inputs
    scale: Sequence[float]
    colour: Literal["rgb", "bgr"]
    resize: Literal["stretch", "letterbox", "crop"]
    activation: Literal["none", "softmax"]  # softmax where a classifier puts out logits
    detect: DetectSpec  # needed for a detector with raw SSD outputs


class _Task(NamedTuple):
    labels: tuple[str, ...]
    classify: ClassifySpec | None = None
    detect: DetectSpec | None = None


def adopt(
    library: Library, file: Path, *, name: str, task: Task, labels: Sequence[str], **options: Unpack[Options]
) -> Manifest:
    """Store a user's .tflite under `name`. Raises ModelRejectedError where it cannot serve, OSError for the file."""
    if (size := file.stat().st_size) > MAX_MODEL_BYTES:
        raise ModelRejectedError(
            f"{file} has {size} bytes, the limit is {MAX_MODEL_BYTES}", remedy="nodes are small: give a smaller model"
        )
    data = file.read_bytes()
    manifest = describe(data, name=name, task=task, labels=labels, **options)
    library.add_blob(data)
    library.save(manifest)
    return manifest


def describe(data: bytes, *, name: str, task: Task, labels: Sequence[str], **options: Unpack[Options]) -> Manifest:
    """The manifest of a .tflite for `task`. Raises ModelRejectedError where file, task and labels do not agree."""
    facts = read_tflite(data)
    source = _only_input(facts)
    read = _read_classifier if task == "classify" else _read_detector
    outputs = read(facts.outputs, tuple(labels), options)
    variant = _variant(facts, source)
    artefact = Artefact(variant=variant, file=f"{name}.tflite", sha256=sha256_bytes(data), bytes=len(data))
    fields = {
        "name": name,
        "version": options.get("version", "1"),
        "task": task,
        "description": options.get("description", ""),
        "licence": options.get("licence", "not stated"),
        "origin": options.get("origin", "added by hand"),
        "labels": outputs.labels,
        "input": _input_fields(source, options),
        "artefacts": [artefact],
        "classify": outputs.classify,
        "detect": outputs.detect,
    }
    try:
        return msgspec.convert(msgspec.to_builtins(fields), Manifest)
    except msgspec.ValidationError as error:
        raise ModelRejectedError(f"{name} cannot be described: {error}", remedy="correct the value named") from error


def parse_labels(text: str) -> tuple[str, ...]:
    """Read a file of labels: one a line, or "index name" on every line, gaps filled. Raises ModelRejectedError."""
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    numbered = [_NUMBERED.fullmatch(line) for line in lines if line]
    if numbered and all(numbered):
        by_index = {int(match[1]): match[2] for match in numbered if match}
        labels = tuple(by_index.get(index, f"class {index}") for index in range(max(by_index) + 1))
    else:
        labels = tuple(line or f"class {index}" for index, line in enumerate(lines))
    if not 1 <= len(labels) <= MAX_LABELS:
        raise ModelRejectedError(
            f"the file of labels holds {len(labels)}, expected 1 to {MAX_LABELS}", remedy="write one label a line"
        )
    return labels


def _only_input(facts: TfliteFacts) -> TensorFacts:
    wanted = "one input of shape (1, height, width, 1 or 3)"
    if len(facts.inputs) == 1:
        shape = facts.inputs[0].shape
        pictures = len(shape) == 4 and shape[0] == 1 and shape[3] in (1, 3)  # noqa: PLR2004 - said in words above
        if pictures and min(shape) > 0 and max(shape) <= MAX_SIDE:
            return facts.inputs[0]
    raise ModelRejectedError(
        f"the model takes {[tensor.shape for tensor in facts.inputs]}, expected {wanted}",
        remedy="convert the model with a fixed input size, channels last",
    )


def _variant(facts: TfliteFacts, source: TensorFacts) -> Variant:
    if _EDGETPU_OPERATOR in facts.custom_operators:
        return "edgetpu"
    if source.dtype in _BYTE_MIDDLE:
        return "cpu-int8"
    if source.dtype == "float32":
        return "cpu-f32"
    raise ModelRejectedError(
        f"the model takes {source.dtype}", remedy="convert the model to take float32, int8 or uint8"
    )


def _input_fields(source: TensorFacts, options: Options) -> dict[str, object]:
    _, height, width, channels = source.shape
    mean, scale = 127.5, 127.5
    if source.dtype in _BYTE_MIDDLE:
        if source.quantization is None:
            raise ModelRejectedError(
                f"the model takes {source.dtype} without quantization parameters", remedy="convert the model again"
            )
        # Pixels go in as they are: what nearly every integer model of a known origin wants.
        step, zero = source.quantization
        mean, scale = float(zero + _BYTE_MIDDLE[source.dtype]), 1 / step
    return {
        "width": width,
        "height": height,
        "channels": channels,
        "colour": "gray" if channels == 1 else options.get("colour", "rgb"),
        "mean": list(options.get("mean", [mean] * channels)),
        "scale": list(options.get("scale", [scale] * channels)),
        "resize": options.get("resize", "stretch"),
    }


def _read_classifier(outputs: tuple[TensorFacts, ...], labels: tuple[str, ...], options: Options) -> _Task:
    spec = ClassifySpec(activation=options.get("activation", "none"))
    count = outputs[0].size if len(outputs) == 1 else 0
    if count == len(labels):
        return _Task(labels, classify=spec)
    if count == len(labels) + 1:
        return _Task((_BACKGROUND, *labels), classify=spec)
    if count == len(labels) - 1 and labels[0] in _BACKGROUND_NAMES:
        return _Task(labels[1:], classify=spec)
    raise ModelRejectedError(
        f"the model puts out {[tensor.shape for tensor in outputs]}, which does not go with {len(labels)} labels",
        remedy="a classifier has one output with a number a label; give the labels it was trained with",
    )


def _read_detector(outputs: tuple[TensorFacts, ...], labels: tuple[str, ...], options: Options) -> _Task:
    offset = int(bool(labels) and labels[0] in _BACKGROUND_NAMES)
    detect = options.get("detect") or DetectSpec(output="postprocessed", class_offset=offset)
    if detect.anchors is not None:
        wanted = sorted((detect.anchors.count * 4, detect.anchors.count * len(labels)))
        if sorted(tensor.size for tensor in outputs) != wanted:
            raise ModelRejectedError(
                f"the model puts out {[tensor.shape for tensor in outputs]}, which does not go with "
                f"{detect.anchors.count} anchors and {len(labels)} labels",
                remedy="give the anchors and labels that the model was trained with (background counts as a label)",
            )
    elif len(outputs) != 4:  # noqa: PLR2004 - boxes, classes, scores, count
        raise ModelRejectedError(
            f"the model has {len(outputs)} outputs; TFLite_Detection_PostProcess has 4",
            remedy="export the model with its postprocessing, or describe its anchors in a [detect] table",
        )
    return _Task(labels, detect=detect)
