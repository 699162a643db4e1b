"""Small picture networks of any operators, float32 or int8, put together with LiteRT's own schema classes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.tflite_writer import pack_model

SCALE, ZERO = 0.05, -3
_WEIGHT_SCALE = 0.01
_OPTIONS = {"PadV2": "PadV2", "Relu": None, "Logistic": None, "Tanh": None, "Prelu": None}


class Builder:
    """One subgraph in the making. Every method adds an operator and returns the index of what it computes."""

    def __init__(self, shape: Sequence[int], *, int8: bool) -> None:
        self.int8 = int8
        self.subgraph = schema.SubGraphT()
        self.subgraph.tensors, self.subgraph.operators = [], []
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.operatorCodes, self.model.subgraphs = [], [self.subgraph]
        self.model.buffers = [schema.BufferT()]
        self.source = self.tensor(shape)
        self.subgraph.inputs = [self.source]

    def finish(self, *outputs: int) -> bytes:
        self.subgraph.outputs = list(outputs)
        return pack_model(self.model)

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(side) for side in self.subgraph.tensors[tensor].shape)

    def tensor(self, shape: Sequence[int], scale: float = SCALE, zero: int = ZERO) -> int:
        """A tensor that is computed."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"t{len(self.subgraph.tensors)}", list(shape), 0
        tensor.type = schema.TensorType.INT8 if self.int8 else schema.TensorType.FLOAT32
        if self.int8:
            tensor.quantization = _quantise([scale], [zero])
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def constant(self, values: np.ndarray, quantization: Any = None) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"c{len(self.subgraph.tensors)}", list(values.shape)
        tensor.type = {"float32": 0, "int32": 2, "int8": 9}[values.dtype.name]
        tensor.buffer, tensor.quantization = len(self.model.buffers) - 1, quantization
        self.subgraph.tensors.append(tensor)
        return len(self.subgraph.tensors) - 1

    def values(self, shape: Sequence[int]) -> int:
        """A constant like an activation."""
        random = self._random(shape)
        if self.int8:
            return self.constant(random.integers(-127, 128, shape).astype(np.int8), _quantise([SCALE], [ZERO]))
        return self.constant(random.normal(0, 1, shape).astype(np.float32))

    def add_operator(self, kind: str, code: str, inputs: list[int], outputs: list[int], **options: object) -> None:
        """An operator with the options of that kind; names of options are the schema's."""
        number = getattr(schema.BuiltinOperator, code)
        codes = [entry.builtinCode for entry in self.model.operatorCodes]
        if number not in codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode, entry.deprecatedBuiltinCode = number, min(number, 127)
            entry.version = 3 if self.int8 and code in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} else 2
            self.model.operatorCodes.append(entry)
            codes.append(number)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = codes.index(number), inputs, outputs
        name = _OPTIONS.get(kind, kind)
        if name is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{name}Options")
            operator.builtinOptions = getattr(schema, f"{name}OptionsT")()
            for field, value in options.items():
                assert hasattr(operator.builtinOptions, field), field
                setattr(operator.builtinOptions, field, value)
        self.subgraph.operators.append(operator)

    def convolve(
        self, source: int, channels: int, size: tuple[int, int], stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1), *, same: bool = True, relu6: bool = False,
    ) -> int:  # fmt: skip
        shape = self.shape(source)
        kernel = (channels, *size, shape[3])
        return self._window("Conv2D", "CONV_2D", source, kernel, channels, (stride, dilation), same, relu6)

    def convolve_depthwise(
        self, source: int, multiplier: int, size: tuple[int, int], stride: int = 1,
        dilation: tuple[int, int] = (1, 1), *, same: bool = True, relu6: bool = False,
    ) -> int:  # fmt: skip
        channels = self.shape(source)[3] * multiplier
        return self._window(
            "DepthwiseConv2D", "DEPTHWISE_CONV_2D", source, (1, *size, channels), channels,
            ((stride, stride), dilation), same, relu6, depthMultiplier=multiplier,
        )  # fmt: skip

    def pool(self, source: int, code: str, size: tuple[int, int], stride: tuple[int, int], *, same: bool) -> int:
        batch, height, width, channels = self.shape(source)
        sides = [_count(*each, same) for each in ((height, size[0], stride[0]), (width, size[1], stride[1]))]
        output = self.tensor((batch, *sides, channels))
        self.add_operator(
            "Pool2D", code, [source], [output], padding=int(not same), strideH=stride[0], strideW=stride[1],
            filterHeight=size[0], filterWidth=size[1],
        )  # fmt: skip
        return output

    def pad(self, source: int, widths: Sequence[tuple[int, int]], *, value: bool = False) -> int:
        output = self.tensor([side + sum(each) for side, each in zip(self.shape(source), widths, strict=True)])
        inputs = [source, self.constant(np.array(widths, np.int32))]
        if value:
            inputs.append(self.values((1,)))
        self.add_operator("PadV2" if value else "Pad", "PADV2" if value else "PAD", inputs, [output])
        return output

    def pointwise(self, kind: str, code: str, *sources: int) -> int:
        quantization = (1 / 256, -128) if code == "LOGISTIC" else (SCALE, ZERO)
        output = self.tensor(max((self.shape(source) for source in sources), key=lambda each: each[-3:]), *quantization)
        self.add_operator(kind, code, list(sources), [output])
        return output

    def concatenate(self, sources: Sequence[int], axis: int = 3) -> int:
        shape = list(self.shape(sources[0]))
        shape[axis] = sum(self.shape(source)[axis] for source in sources)
        output = self.tensor(shape)
        self.add_operator("Concatenation", "CONCATENATION", list(sources), [output], axis=axis)
        return output

    def resize(self, source: int, code: str, factors: tuple[int, int], *, half: bool, corners: bool = False) -> int:
        batch, height, width, channels = self.shape(source)
        sides = (height * factors[0], width * factors[1])
        output = self.tensor((batch, *sides, channels))
        kind = {"RESIZE_BILINEAR": "ResizeBilinear", "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor"}[code]
        inputs = [source, self.constant(np.array(sides, np.int32))]
        self.add_operator(kind, code, inputs, [output], halfPixelCenters=half, alignCorners=corners)
        return output

    def _window(  # noqa: PLR0917 - private
        self, kind: str, code: str, source: int, kernel: Sequence[int], channels: int,
        steps: tuple[tuple[int, int], tuple[int, int]], same: bool, relu6: bool, **options: object,  # noqa: FBT001 - private
    ) -> int:  # fmt: skip
        batch, height, width, _ = self.shape(source)
        (stride, dilation), size = steps, kernel[1:3]
        sides = [
            _count(length, (size[axis] - 1) * dilation[axis] + 1, stride[axis], same)
            for axis, length in enumerate((height, width))
        ]
        output = self.tensor((batch, *sides, channels))
        self.add_operator(
            kind, code, [source, *self._weights(kernel, channels, 0 if kind == "Conv2D" else 3)], [output],
            padding=int(not same), strideH=stride[0], strideW=stride[1], dilationHFactor=dilation[0],
            dilationWFactor=dilation[1], fusedActivationFunction=3 if relu6 else 0, **options,
        )  # fmt: skip
        return output

    def _weights(self, kernel: Sequence[int], channels: int, axis: int) -> list[int]:
        random = self._random(kernel)
        if not self.int8:
            bias = random.normal(0, 0.5, channels).astype(np.float32)
            return [self.constant(random.normal(0, 0.3, kernel).astype(np.float32)), self.constant(bias)]
        weights = random.integers(-127, 128, kernel).astype(np.int8)
        scales = random.uniform(0.5, 1.5, channels) * _WEIGHT_SCALE
        biases = random.integers(-500, 500, channels).astype(np.int32)
        return [
            self.constant(weights, _quantise(scales, [0] * channels, axis)),
            self.constant(biases, _quantise(scales * SCALE, [0] * channels)),
        ]

    def _random(self, shape: Sequence[int]) -> np.random.Generator:
        return np.random.default_rng([len(self.subgraph.tensors), zlib.crc32(repr(tuple(shape)).encode())])


def _quantise(scales: Sequence[float] | np.ndarray, zeros: Sequence[int], axis: int = 0) -> Any:
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.array(scales, np.float32), np.array(zeros, np.int64)
    quantization.quantizedDimension = axis
    return quantization


def _count(length: int, reach: int, stride: int, same: bool) -> int:  # noqa: FBT001 - private
    return -(-length // stride) if same else (length - reach) // stride + 1
