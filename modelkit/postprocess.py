"""From a model's output tensors to answers."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from modelkit.answers import Answers, Classification
from modelkit.detect import read_postprocessed, read_ssd
from modelkit.errors import InvalidTensorError
from modelkit.manifest import Manifest
from modelkit.preprocess import Placement, Quantization

Floats = npt.NDArray[np.float32]


def interpret(
    manifest: Manifest,
    outputs: Sequence[npt.NDArray[np.generic]],
    placement: Placement,
    *,
    quantization: Sequence[Quantization | None] | None = None,
    top_k: int = 5,
    threshold: float | None = None,
) -> Answers:
    """Turn the outputs of one run, in the model's order, into classifications or detections, best first.

    `quantization` has one entry an output and may be left out where all are real numbers. `threshold` is the least
    score to report; without it a classifier reports its `top_k` and a detector goes by its manifest.
    Raises InvalidTensorError for wrong shapes and for numbers that are not finite.
    """
    tensors = dequantise(outputs, quantization)
    if manifest.detect is None:
        return _classify(manifest, tensors, top_k=top_k, threshold=threshold or 0.0)
    spec = manifest.detect
    read = read_ssd if spec.output == "ssd" else read_postprocessed
    return read(
        tensors,
        spec,
        manifest.labels,
        placement,
        threshold=spec.score_threshold if threshold is None else threshold,
    )


def dequantise(
    outputs: Sequence[npt.NDArray[np.generic]], quantization: Sequence[Quantization | None] | None
) -> list[Floats]:
    """Real numbers, float32, from tensors as stored. Raises InvalidTensorError."""
    quantization = quantization or [None] * len(outputs)
    if len(quantization) != len(outputs):
        raise InvalidTensorError(
            f"{len(outputs)} outputs came with quantization for {len(quantization)}", remedy="check the backend"
        )
    tensors = []
    for index, (output, parameters) in enumerate(zip(outputs, quantization, strict=True)):
        if parameters is not None:
            step, zero = parameters
            with np.errstate(over="ignore", invalid="ignore"):  # caught as not finite below
                real = (output.astype(np.float32) - np.float32(zero)) * np.float32(step)
        elif output.dtype in (np.float32, np.float16):
            real = output.astype(np.float32, copy=False)
        else:
            raise InvalidTensorError(
                f"output {index} holds {output.dtype} without quantization",
                remedy="convert the model again, with quantization parameters at its outputs",
            )
        if not np.isfinite(real).all():
            raise InvalidTensorError(
                f"output {index} holds a number that is not finite",
                remedy="check the picture and the model's mean and scale; run the model's known answer",
            )
        tensors.append(real)
    return tensors


def _classify(manifest: Manifest, tensors: list[Floats], *, top_k: int, threshold: float) -> tuple[Classification, ...]:
    count = len(manifest.labels)
    if len(tensors) != 1 or tensors[0].size != count:
        raise InvalidTensorError(
            f"a classifier of {count} labels put out shapes {[tensor.shape for tensor in tensors]}",
            remedy="give the labels that the model was trained with, one a class",
        )
    scores = tensors[0].reshape(-1)
    if manifest.classify is not None and manifest.classify.activation == "softmax":
        with np.errstate(over="ignore"):  # a logit 1e38 below the best has a share of nothing
            powers = np.exp(scores - scores.max())
        scores = powers / powers.sum()
    best = np.argsort(-scores, kind="stable")[: max(0, top_k)]
    return tuple(
        Classification(manifest.labels[index], int(index), _share(scores[index]))
        for index in best
        if scores[index] >= threshold
    )


def _share(score: np.float32) -> float:
    """A score within 0..1, which rounding in an integer model can pass by a hair."""
    return min(1.0, max(0.0, float(score)))
