"""Tensors as bytes: one header for all of them, then the raw little-endian data of each, in order.

Layout (all integers little-endian)::

    magic "BRT1" | u16 count | per tensor: u8 type, u8 rank, u64 bytes, u32 x rank dimensions | data | data | ...

Types are numbered as in the TFLite schema (``TensorType``), so that any tensor LiteRT has can cross. Types that numpy
lacks (int4, bfloat16, strings) travel as the bytes they are.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from wire.errors import InvalidTensorError

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"BRT1"
MAX_TENSORS = 1024
MAX_RANK = 32
MAX_BYTES = 1 << 40

_PREFIX = struct.Struct("<4sH")
_ENTRY = struct.Struct("<BBQ")


class TensorType(IntEnum):
    """The element types of TFLite's schema, by its numbers."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18


_BITS: dict[TensorType, int] = {
    TensorType.FLOAT32: 32,
    TensorType.FLOAT16: 16,
    TensorType.INT32: 32,
    TensorType.UINT8: 8,
    TensorType.INT64: 64,
    TensorType.BOOL: 8,
    TensorType.INT16: 16,
    TensorType.COMPLEX64: 64,
    TensorType.INT8: 8,
    TensorType.FLOAT64: 64,
    TensorType.COMPLEX128: 128,
    TensorType.UINT64: 64,
    TensorType.UINT32: 32,
    TensorType.UINT16: 16,
    TensorType.INT4: 4,
    TensorType.BFLOAT16: 16,
}

_NUMPY: dict[TensorType, str] = {
    TensorType.FLOAT32: "<f4",
    TensorType.FLOAT16: "<f2",
    TensorType.INT32: "<i4",
    TensorType.UINT8: "u1",
    TensorType.INT64: "<i8",
    TensorType.BOOL: "?",
    TensorType.INT16: "<i2",
    TensorType.COMPLEX64: "<c8",
    TensorType.INT8: "i1",
    TensorType.FLOAT64: "<f8",
    TensorType.COMPLEX128: "<c16",
    TensorType.UINT64: "<u8",
    TensorType.UINT32: "<u4",
    TensorType.UINT16: "<u2",
}
_TYPE_OF = {code.lstrip("<").replace("?", "b1"): kind for kind, code in _NUMPY.items()}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A type, a shape (any rank) and its bytes in row-major order."""

    type: TensorType
    shape: tuple[int, ...]
    data: bytes | memoryview

    def __post_init__(self) -> None:
        bits = _BITS.get(self.type)
        size = memoryview(self.data).nbytes
        if bits is not None and size != (math.prod(self.shape) * bits + 7) // 8:
            raise InvalidTensorError(f"a {self.type.name} tensor of shape {self.shape} cannot have {size} bytes")


def encode_tensors(tensors: Sequence[Tensor]) -> bytes:
    """Return the tensors as one payload.

    Raises:
        InvalidTensorError: too many tensors, or a rank or dimension beyond the format.

    """
    if len(tensors) > MAX_TENSORS:
        raise InvalidTensorError(f"{len(tensors)} tensors are more than {MAX_TENSORS}")
    head = [_PREFIX.pack(MAGIC, len(tensors))]
    for tensor in tensors:
        rank = len(tensor.shape)
        if rank > MAX_RANK or not all(0 <= size < 1 << 32 for size in tensor.shape):
            raise InvalidTensorError(f"a shape of {tensor.shape} cannot be sent")
        head.append(_ENTRY.pack(tensor.type, rank, memoryview(tensor.data).nbytes))
        head.append(struct.pack(f"<{rank}I", *tensor.shape))
    return b"".join([*head, *(tensor.data for tensor in tensors)])


def decode_tensors(payload: bytes | memoryview) -> tuple[Tensor, ...]:
    """Read tensors out of a payload; their data are views into it, not copies.

    Raises:
        InvalidTensorError: the payload is anything but whole tensors; sizes are checked before they are used.

    """
    view = memoryview(payload)
    try:
        magic, count = _PREFIX.unpack_from(view)
        if magic != MAGIC or count > MAX_TENSORS:
            raise InvalidTensorError(f"not a tensor payload: it begins with {bytes(view[:6])!r}")
        heads, offset = _decode_heads(view, count)
    except struct.error as error:
        raise InvalidTensorError(f"a tensor payload of {view.nbytes} bytes ends inside its header") from error
    tensors = []
    for kind, shape, size in heads:
        tensors.append(Tensor(kind, shape, view[offset : offset + size]))
        offset += size
    return tuple(tensors)


def _decode_heads(view: memoryview, count: int) -> tuple[list[tuple[TensorType, tuple[int, ...], int]], int]:
    heads, offset, total = [], _PREFIX.size, 0
    for _ in range(count):
        code, rank, size = _ENTRY.unpack_from(view, offset)
        offset += _ENTRY.size
        if rank > MAX_RANK or code not in TensorType._value2member_map_:
            raise InvalidTensorError(f"a tensor of type {code} and rank {rank} is not known")
        shape = struct.unpack_from(f"<{rank}I", view, offset)
        offset += 4 * rank
        total += size
        heads.append((TensorType(code), shape, size))
    if offset + total != view.nbytes:
        raise InvalidTensorError(f"the tensors need {offset + total} bytes, the payload has {view.nbytes}")
    return heads, offset


def from_array(array: np.ndarray) -> Tensor:
    """Wrap an array of any shape; contiguous little-endian ones are not copied.

    Raises:
        InvalidTensorError: LiteRT has no such element type.

    """
    import numpy as np  # noqa: PLC0415 - agents that only simulate never load numpy

    kind = _TYPE_OF.get(array.dtype.newbyteorder("<").str.lstrip("<|"))
    if kind is None:
        raise InvalidTensorError(f"tensors of {array.dtype} cannot be sent")
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)
    data = little.reshape(-1).view(np.uint8).data if little.size else b""
    return Tensor(kind, tuple(array.shape), data)


def to_array(tensor: Tensor) -> np.ndarray:
    """Return a read-only array over the tensor's bytes, without a copy.

    Raises:
        InvalidTensorError: numpy has no such element type.

    """
    import numpy as np  # noqa: PLC0415 - agents that only simulate never load numpy

    code = _NUMPY.get(tensor.type)
    if code is None:
        raise InvalidTensorError(f"{tensor.type.name} tensors have no array form")
    array: np.ndarray = np.frombuffer(tensor.data, dtype=code).reshape(tensor.shape)
    array.flags.writeable = False
    return array
