"""Small models with one trait each, put together with LiteRT's own schema classes and writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.tflite_writer import Graph, pack_model

SIDE, CHANNELS = 8, 4
OPERATORS = 9


def build_plain() -> bytes:
    """Nine operators; `again` skips from operator 1 to 5, and the input is read by operators 0 and 1."""
    random = np.random.default_rng(3)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.5, shape).astype(np.float32)

    graph = Graph("tiny", "a model for tests")
    source = graph.input("picture", (1, SIDE, SIDE, CHANNELS))
    first = graph.convolve(source, "first", weights(CHANNELS, 1, 1, CHANNELS), weights(CHANNELS), stride=1, relu6=True)
    again = graph.add(first, source, "again")
    wide = graph.convolve(again, "wide", weights(8, 1, 1, CHANNELS), weights(8), stride=1, relu6=True)
    deep = graph.convolve_depthwise(wide, "deep", weights(1, 3, 3, 8), weights(8), stride=1, relu6=True)
    thin = graph.convolve(deep, "thin", weights(CHANNELS, 1, 1, 8), weights(CHANNELS), stride=1, relu6=False)
    joined = graph.add(thin, again, "joined")
    mean = graph.average(joined, "mean")
    return graph.finish(graph.softmax(graph.connect(mean, "logits", weights(5, CHANNELS), weights(5)), "scores"))


def change(data: bytes, *changes: Callable[[Any], None]) -> bytes:
    """The model after its object tree was changed."""
    model = schema.ModelT.InitFromPackedBuf(data)
    for each in changes:
        each(model)
    return pack_model(model)


def find(model: Any, name: str) -> int:
    """The index of a tensor."""
    names = (tensor.name for tensor in model.subgraphs[0].tensors)  # as text where they were just added
    return [each if isinstance(each, str) else each.decode() for each in names].index(name)


def rename_operators(code: int, place: int) -> Callable[[Any], None]:
    """Make operator `place`, alone, one of another kind."""

    def apply(model: Any) -> None:
        entry = schema.OperatorCodeT()
        entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), 1
        model.operatorCodes.append(entry)
        model.subgraphs[0].operators[place].opcodeIndex = len(model.operatorCodes) - 1

    return apply


def put_out(*names: str) -> Callable[[Any], None]:
    """Give the model these outputs."""

    def apply(model: Any) -> None:
        model.subgraphs[0].outputs = [find(model, name) for name in names]

    return apply


def halve(*names: str) -> Callable[[Any], None]:
    """Store weights as float16, with a DEQUANTIZE for each in front of all other operators."""

    def apply(model: Any) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
        code.version = 1
        model.operatorCodes.append(code)
        subgraph = model.subgraphs[0]
        for name in names:
            full = find(model, name)
            half = schema.TensorT()
            half.name, half.shape = f"{name}/half", subgraph.tensors[full].shape
            half.type, half.buffer = schema.TensorType.FLOAT16, subgraph.tensors[full].buffer
            buffer = model.buffers[half.buffer]
            stored = np.frombuffer(bytes(buffer.data), np.float32).astype(np.float16)
            buffer.data = np.frombuffer(stored.tobytes(), np.uint8)
            subgraph.tensors[full].buffer = 0
            subgraph.tensors.append(half)
            step = schema.OperatorT()
            step.opcodeIndex = len(model.operatorCodes) - 1
            step.inputs, step.outputs = [len(subgraph.tensors) - 1], [full]
            step.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
            step.builtinOptions = schema.DequantizeOptionsT()
            subgraph.operators.insert(0, step)

    return apply


def sign(model: Any) -> None:
    """Name the ends of the model."""
    subgraph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs = [_map("image", subgraph.inputs[0])]
    signature.outputs = [_map(f"answer_{index}", tensor) for index, tensor in enumerate(subgraph.outputs)]
    model.signatureDefs = [signature]


def note(*names: str) -> Callable[[Any], None]:
    """Add entries of metadata."""

    def apply(model: Any) -> None:
        model.metadata = []
        for name in names:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(name.encode(), np.uint8)
            model.buffers.append(buffer)
            entry = schema.MetadataT()
            entry.name, entry.buffer = name, len(model.buffers) - 1
            model.metadata.append(entry)

    return apply


def move_buffers_behind(data: bytes) -> bytes:
    """The same model with every weight behind the flatbuffer, as newer converters put large ones."""
    model = schema.ModelT.InitFromPackedBuf(data)
    contents = [bytes(buffer.data) if buffer.data is not None else b"" for buffer in model.buffers]
    for buffer, content in zip(model.buffers, contents, strict=True):
        buffer.data = None
        if content:  # a number of its own width keeps its place whatever it is
            buffer.offset, buffer.size = 2, len(content)
    at = len(pack_as_it_is(model)) + -len(pack_as_it_is(model)) % 16
    tail = bytearray()
    for buffer, content in zip(model.buffers, contents, strict=True):
        if content:
            buffer.offset = at + len(tail)
            tail += content + bytes(-len(content) % 16)
    return pack_as_it_is(model).ljust(at, b"\0") + bytes(tail)


def pack_as_it_is(model: Any) -> bytes:
    """The file of an object tree, with whatever it says about data behind the flatbuffer."""
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _map(name: str, tensor: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry
