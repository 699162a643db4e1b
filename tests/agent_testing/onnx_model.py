"""The smallest ``.onnx`` that classifies: the mean of each colour. Written by hand, field numbers from onnx.proto3."""

from __future__ import annotations

from collections.abc import Iterable

_FLOAT = 1
_INTS = 7  # AttributeProto.AttributeType


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _value(name: str, shape: Iterable[int]) -> bytes:
    dimensions = b"".join(_part(1, _number(1, size)) for size in shape)
    return _part(1, name) + _part(2, _part(1, _number(1, _FLOAT) + _part(2, dimensions)))


def mean_of_colours() -> bytes:
    """Return a model from (1, 24, 32, 3) to (1, 3)."""
    axes = _part(1, "axes") + _number(8, 1) + _number(8, 2) + _number(20, _INTS)
    keep = _part(1, "keepdims") + _number(3, 0) + _number(20, 2)
    node = _part(1, "x") + _part(2, "y") + _part(4, "ReduceMean") + _part(5, axes) + _part(5, keep)
    graph = _part(1, node) + _part(2, "g") + _part(11, _value("x", (1, 24, 32, 3))) + _part(12, _value("y", (1, 3)))
    return _number(1, 8) + _part(7, graph) + _part(8, _number(2, 13))
