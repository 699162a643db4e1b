"""MobileNetV2 (Sandler et al. 2018, table 2) as a .tflite, from the weights that torchvision published."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.checkpoint import Array
from models.tflite_writer import Graph

Floats = npt.NDArray[np.float32]

# Expansion, output channels, repeats, stride of the first: the paper's table 2.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_STEM_CHANNELS = 32
_EPSILON = 1e-5  # of batch normalisation, torchvision's


class _Block(NamedTuple):
    expands: bool
    stride: int
    adds: bool  # the block's input to its output


def write_network(weights: Mapping[str, Array]) -> bytes:
    """The float32 model: (1, 224, 224, 3) in, 1000 shares out. Raises KeyError for a missing weight."""
    graph = Graph("mobilenet_v2", "MobileNetV2 1.0 224, ImageNet")
    tensor = graph.input("picture", (1, 224, 224, 3))
    tensor = _convolve(graph, tensor, weights, "stem", ("features.0.0", "features.0.1"), stride=2)
    for number, block in enumerate(_blocks(), start=1):
        tensor = _add_block(graph, tensor, weights, number, block)
    tensor = _convolve(graph, tensor, weights, "head", ("features.18.0", "features.18.1"))
    tensor = graph.average(tensor, "pool")
    classifier = (_floats(weights[f"classifier.1.{part}"]) for part in ("weight", "bias"))
    tensor = graph.connect(tensor, "logits", *classifier)
    return graph.finish(graph.softmax(tensor, "shares"))


def _blocks() -> Iterator[_Block]:
    channels = _STEM_CHANNELS
    for expansion, out, repeats, first_stride in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            yield _Block(expands=expansion > 1, stride=stride, adds=stride == 1 and channels == out)
            channels = out


def _add_block(graph: Graph, source: int, weights: Mapping[str, Array], number: int, block: _Block) -> int:
    """An inverted residual: expand, convolve each channel, project, add."""
    prefix, name = f"features.{number}.conv", f"block{number}"
    tensor, step = source, 0
    if block.expands:
        tensor = _convolve(graph, tensor, weights, f"{name}/expand", (f"{prefix}.0.0", f"{prefix}.0.1"))
        step = 1
    depthwise = (f"{prefix}.{step}.0", f"{prefix}.{step}.1")
    tensor = _convolve(graph, tensor, weights, f"{name}/depthwise", depthwise, stride=block.stride, depthwise=True)
    project = (f"{prefix}.{step + 1}", f"{prefix}.{step + 2}")
    tensor = _convolve(graph, tensor, weights, f"{name}/project", project, relu6=False)
    return graph.add(source, tensor, f"{name}/add") if block.adds else tensor


def _convolve(
    graph: Graph,
    source: int,
    weights: Mapping[str, Array],
    name: str,
    layers: tuple[str, str],
    *,
    stride: int = 1,
    depthwise: bool = False,
    relu6: bool = True,
) -> int:
    kernel, bias = _fold(weights, *layers)
    if stride > 1:
        # PyTorch pads both sides by one; TFLite's SAME would pad the far side only, a shift by half a pixel.
        source = graph.pad(source, f"{name}/pad", 1)
    if depthwise:
        kernel = np.ascontiguousarray(kernel.transpose(1, 2, 3, 0))
        return graph.convolve_depthwise(source, name, kernel, bias, stride=stride, relu6=relu6)
    kernel = np.ascontiguousarray(kernel.transpose(0, 2, 3, 1))
    return graph.convolve(source, name, kernel, bias, stride=stride, relu6=relu6)


def _fold(weights: Mapping[str, Array], convolution: str, norm: str) -> tuple[Floats, Floats]:
    """A convolution and the batch normalisation after it as one kernel (out, in, height, width) and bias."""
    kernel = weights[f"{convolution}.weight"].astype(np.float64)
    gamma, beta, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = gamma / np.sqrt(variance + _EPSILON)
    return _floats(kernel * factor[:, None, None, None]), _floats(beta - mean * factor)


def _floats(values: npt.NDArray[np.generic]) -> Floats:
    return values.astype(np.float32)
