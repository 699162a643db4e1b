"""Writing a .tflite: a small graph builder over LiteRT's own schema classes.

Layers are float32, NHWC, with a batch of one. Each method adds one operator and returns the index of its output.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

Floats = npt.NDArray[np.float32]

_SCHEMA_VERSION = 3
_FILE_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # what the schema asks of buffers, and kernels profit from
_TYPES = {np.dtype(np.float32): schema.TensorType.FLOAT32, np.dtype(np.int32): schema.TensorType.INT32}
_RELU6 = schema.ActivationFunctionType.RELU6
_LINEAR = schema.ActivationFunctionType.NONE


class _Kind(NamedTuple):
    """An operator and the kind of options that go with it."""

    operator: int
    options: int


_ADD = _Kind(schema.BuiltinOperator.ADD, schema.BuiltinOptions.AddOptions)
_CONNECT = _Kind(schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOptions.FullyConnectedOptions)
_CONVOLVE = _Kind(schema.BuiltinOperator.CONV_2D, schema.BuiltinOptions.Conv2DOptions)
_CONVOLVE_DEPTHWISE = _Kind(schema.BuiltinOperator.DEPTHWISE_CONV_2D, schema.BuiltinOptions.DepthwiseConv2DOptions)
_MEAN = _Kind(schema.BuiltinOperator.MEAN, schema.BuiltinOptions.ReducerOptions)
_PAD = _Kind(schema.BuiltinOperator.PAD, schema.BuiltinOptions.PadOptions)
_SOFTMAX = _Kind(schema.BuiltinOperator.SOFTMAX, schema.BuiltinOptions.SoftmaxOptions)


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc] # the schema's classes are untyped
    """The generated code packs vectors of bytes without the alignment that the schema demands."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - the generated code calls it so
        vector = None
        if self.data is not None:
            content = np.ascontiguousarray(self.data).tobytes()
            builder.StartVector(1, len(content), _ALIGNMENT)
            start = builder.Head() - len(content)
            builder.head = start
            builder.Bytes[start : start + len(content)] = content
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        packed: int = schema.BufferEnd(builder)
        return packed


def pack_model(model: Any) -> bytes:
    """Serialise a `schema.ModelT`, every buffer inside the flatbuffer and aligned."""
    buffers = []
    for buffer in model.buffers:
        aligned = _AlignedBuffer()
        aligned.data = buffer.data
        buffers.append(aligned)
    model.buffers = buffers
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return bytes(builder.Output())


class Graph:
    """A model in the making: one subgraph with one input and one output."""

    def __init__(self, name: str, description: str) -> None:
        self._subgraph = schema.SubGraphT()
        self._subgraph.name = name
        self._subgraph.tensors, self._subgraph.operators = [], []
        self._model = schema.ModelT()
        self._model.version = _SCHEMA_VERSION
        self._model.description = description
        self._model.operatorCodes, self._model.subgraphs = [], [self._subgraph]
        self._model.buffers = [schema.BufferT()]  # buffer 0 is empty: activations
        self._codes: dict[int, int] = {}

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor."""
        return tuple(self._subgraph.tensors[tensor].shape)

    def input(self, name: str, shape: Sequence[int]) -> int:
        """Declare the model's input."""
        tensor = self._tensor(name, shape, np.dtype(np.float32), buffer=0)
        self._subgraph.inputs = [tensor]
        return tensor

    def pad(self, source: int, name: str, around: int) -> int:
        """Zeros on all four sides of the picture."""
        batch, height, width, channels = self.shape(source)
        widths = np.array([(0, 0), (around, around), (around, around), (0, 0)], np.int32)
        shape = (batch, height + 2 * around, width + 2 * around, channels)
        inputs = [source, self._constant(f"{name}/widths", widths)]
        return self._operator(_PAD, schema.PadOptionsT(), inputs, name, shape)

    def convolve(self, source: int, name: str, kernel: Floats, bias: Floats, *, stride: int, relu6: bool) -> int:
        """A convolution with a kernel of (out, height, width, in): same size at stride 1, no padding above."""
        options = _windowed(schema.Conv2DOptionsT(), stride, relu6=relu6)
        return self._convolution(_CONVOLVE, options, source, name, kernel=kernel, bias=bias)

    def convolve_depthwise(
        self, source: int, name: str, kernel: Floats, bias: Floats, *, stride: int, relu6: bool
    ) -> int:
        """A convolution of each channel by itself, with a kernel of (1, height, width, channels)."""
        options = _windowed(schema.DepthwiseConv2DOptionsT(), stride, relu6=relu6)
        options.depthMultiplier = 1
        return self._convolution(_CONVOLVE_DEPTHWISE, options, source, name, kernel=kernel, bias=bias)

    def add(self, left: int, right: int, name: str) -> int:
        """The sum of two tensors of one shape."""
        return self._operator(_ADD, schema.AddOptionsT(), [left, right], name, self.shape(left))

    def average(self, source: int, name: str) -> int:
        """The mean over the picture: (1, channels)."""
        axes = self._constant(f"{name}/axes", np.array([1, 2], np.int32))
        batch, _, _, channels = self.shape(source)
        return self._operator(_MEAN, schema.ReducerOptionsT(), [source, axes], name, (batch, channels))

    def connect(self, source: int, name: str, weights: Floats, bias: Floats) -> int:
        """A fully connected layer with weights of (out, in)."""
        inputs = [source, self._constant(f"{name}/weights", weights), self._constant(f"{name}/bias", bias)]
        shape = (self.shape(source)[0], len(weights))
        return self._operator(_CONNECT, schema.FullyConnectedOptionsT(), inputs, name, shape)

    def softmax(self, source: int, name: str) -> int:
        """Shares that sum to one."""
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        return self._operator(_SOFTMAX, options, [source], name, self.shape(source))

    def finish(self, output: int) -> bytes:
        """The file's bytes."""
        self._subgraph.outputs = [output]
        return pack_model(self._model)

    def _convolution(self, kind: _Kind, options: Any, source: int, name: str, *, kernel: Floats, bias: Floats) -> int:
        batch, height, width, _ = self.shape(source)
        if options.padding == schema.Padding.VALID:
            height = (height - kernel.shape[1]) // options.strideH + 1
            width = (width - kernel.shape[2]) // options.strideW + 1
        inputs = [source, self._constant(f"{name}/kernel", kernel), self._constant(f"{name}/bias", bias)]
        return self._operator(kind, options, inputs, name, (batch, height, width, len(bias)))

    def _operator(self, kind: _Kind, options: Any, inputs: list[int], name: str, shape: Sequence[int]) -> int:
        output = self._tensor(name, shape, np.dtype(np.float32), buffer=0)
        entry = schema.OperatorT()
        entry.opcodeIndex = self._code(kind.operator)
        entry.inputs, entry.outputs = inputs, [output]
        entry.builtinOptionsType, entry.builtinOptions = kind.options, options
        self._subgraph.operators.append(entry)
        return output

    def _code(self, operator: int) -> int:
        if operator not in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = operator
            code.version = 1
            self._codes[operator] = len(self._codes)
            self._model.operatorCodes.append(code)
        return self._codes[operator]

    def _constant(self, name: str, values: npt.NDArray[np.generic]) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return self._tensor(name, values.shape, values.dtype, buffer=len(self._model.buffers) - 1)

    def _tensor(self, name: str, shape: Sequence[int], dtype: np.dtype[Any], *, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), _TYPES[dtype], buffer
        self._subgraph.tensors.append(tensor)
        return len(self._subgraph.tensors) - 1


def _windowed(options: Any, stride: int, *, relu6: bool) -> Any:
    options.strideH = options.strideW = stride
    options.dilationHFactor = options.dilationWFactor = 1
    options.padding = schema.Padding.SAME if stride == 1 else schema.Padding.VALID
    options.fusedActivationFunction = _RELU6 if relu6 else _LINEAR
    return options
