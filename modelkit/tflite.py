"""What a .tflite says about its inputs and outputs, read without a runtime.

A small, bounds-checked reader of the few tables that are needed (schema.fbs of LiteRT, version 3, and the FlatBuffers
binary format). The file comes from outside: every offset in it may lie.
"""

import math
import struct
from typing import NamedTuple

from modelkit.errors import ModelRejectedError

_IDENTIFIER = b"TFL3"
_MAX_TENSORS = 64  # inputs or outputs
_MAX_RANK = 8
_MAX_TEXT = 1024  # bytes
_MAX_CODES = 1024
_TYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool", 7: "int16", 9: "int8",
    10: "float64",
}  # fmt: skip
_REMEDY = "give a .tflite file as the converter wrote it"

# Numbers of the fields in schema.fbs.
_MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS = 1, 2
_SUBGRAPH_TENSORS, _SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS = 0, 1, 2
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_QUANTIZATION = 0, 1, 3, 4
_QUANTIZATION_SCALE, _QUANTIZATION_ZERO = 2, 3
_CODE_CUSTOM = 1


class TensorFacts(NamedTuple):
    """An input or output of a model."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # numpy's name of it
    quantization: tuple[float, int] | None  # real = scale * (stored - zero point)

    @property
    def size(self) -> int:
        """Number of elements; 0 or 1 where the shape is only known at run time."""
        return math.prod(self.shape)


class TfliteFacts(NamedTuple):
    """The outside of a model."""

    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    custom_operators: tuple[str, ...]


class _Malformed(Exception):  # noqa: N818 - never leaves this module
    """An offset or a count that cannot be."""


def read_tflite(data: bytes) -> TfliteFacts:
    """Read the first subgraph's inputs and outputs. Raises ModelRejectedError for anything but a well-formed file."""
    if data[4:8] != _IDENTIFIER:
        raise ModelRejectedError(f"these {len(data)} bytes are not a .tflite file", remedy=_REMEDY)
    try:
        return _read_model(_Reader(data), len(data))
    except _Malformed as error:
        raise ModelRejectedError(f"the .tflite file is malformed: {error}", remedy=_REMEDY) from error


def _read_model(reader: "_Reader", size: int) -> TfliteFacts:
    model = reader.follow(0)
    graphs = reader.tables(model, _MODEL_SUBGRAPHS, limit=_MAX_CODES)
    if not graphs:
        raise _Malformed("it has no subgraph")
    tensors = reader.tables(graphs[0], _SUBGRAPH_TENSORS, limit=size)
    inputs, outputs = (
        tuple(_read_tensor(reader, tensors, index) for index in reader.numbers(graphs[0], field, "i", _MAX_TENSORS))
        for field in (_SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS)
    )
    codes = reader.tables(model, _MODEL_OPERATOR_CODES, limit=_MAX_CODES)
    custom = tuple(name for code in codes if (name := reader.text(code, _CODE_CUSTOM)))
    return TfliteFacts(inputs, outputs, custom)


def _read_tensor(reader: "_Reader", tensors: tuple[int, ...], index: float) -> TensorFacts:
    if not 0 <= index < len(tensors):
        raise _Malformed(f"tensor {index} of {len(tensors)} is named")
    table = tensors[int(index)]
    shape = tuple(int(side) for side in reader.numbers(table, _TENSOR_SHAPE, "i", _MAX_RANK))
    if any(side < 0 for side in shape):
        raise _Malformed(f"a tensor has shape {shape}")
    kind = reader.byte(table, _TENSOR_TYPE)
    name = reader.text(table, _TENSOR_NAME)
    return TensorFacts(name, shape, _TYPES.get(kind, f"type {kind}"), _read_quantization(reader, table))


def _read_quantization(reader: "_Reader", tensor: int) -> tuple[float, int] | None:
    """Only one scale for the whole tensor counts: inputs and outputs have no others."""
    slot = reader.field(tensor, _TENSOR_QUANTIZATION)
    if slot is None:
        return None
    table = reader.follow(slot)
    scales = reader.numbers(table, _QUANTIZATION_SCALE, "f", _MAX_CODES)
    zeros = reader.numbers(table, _QUANTIZATION_ZERO, "q", _MAX_CODES)
    if len(scales) != 1 or len(zeros) != 1:
        return None
    if not (math.isfinite(scales[0]) and scales[0] > 0 and -(2**31) <= zeros[0] < 2**31):
        raise _Malformed(f"a tensor has scale {scales[0]} and zero point {zeros[0]}")
    return float(scales[0]), int(zeros[0])


class _Reader:
    """FlatBuffers' tables, vectors and strings; every access is checked against the end of the file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def follow(self, at: int) -> int:
        """The position that the unsigned offset at `at` points to."""
        return at + int(self._unpack("I", at))

    def field(self, table: int, number: int) -> int | None:
        """The position of a table's field, None where it has its default."""
        vtable = table - int(self._unpack("i", table))
        slot = 4 + 2 * number
        if slot + 2 > self._unpack("H", vtable):
            return None
        offset = int(self._unpack("H", vtable + slot))
        return table + offset if offset else None

    def byte(self, table: int, number: int) -> int:
        """A field of one signed byte, 0 by default."""
        at = self.field(table, number)
        return 0 if at is None else int(self._unpack("b", at))

    def text(self, table: int, number: int) -> str:
        """A string, empty by default; bytes that are not UTF-8 are replaced."""
        at = self.field(table, number)
        if at is None:
            return ""
        start, length = self._vector(at, size=1, limit=_MAX_TEXT)
        return self._data[start : start + length].decode("utf-8", "replace")

    def numbers(self, table: int, number: int, kind: str, limit: int) -> tuple[float, ...]:
        """A vector of numbers of one struct format, empty by default."""
        at = self.field(table, number)
        if at is None:
            return ()
        start, length = self._vector(at, size=struct.calcsize(f"<{kind}"), limit=limit)
        return struct.unpack_from(f"<{length}{kind}", self._data, start)

    def tables(self, table: int, number: int, *, limit: int) -> tuple[int, ...]:
        """The positions of a vector's tables, empty by default."""
        at = self.field(table, number)
        if at is None:
            return ()
        start, length = self._vector(at, size=4, limit=limit)
        offsets = struct.unpack_from(f"<{length}I", self._data, start)
        return tuple(start + 4 * index + offset for index, offset in enumerate(offsets))

    def _vector(self, at: int, *, size: int, limit: int) -> tuple[int, int]:
        start = self.follow(at)
        length = int(self._unpack("I", start))
        if length > limit or start + 4 + length * size > len(self._data):
            raise _Malformed(f"a vector at byte {start} claims {length} elements")
        return start + 4, length

    def _unpack(self, kind: str, at: int) -> float:
        form = struct.Struct(f"<{kind}")
        if not 0 <= at <= len(self._data) - form.size:
            raise _Malformed(f"an offset points to byte {at} of {len(self._data)}")
        (value,) = form.unpack_from(self._data, at)
        return float(value) if kind == "f" else int(value)
