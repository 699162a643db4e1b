"""A FlatBuffers table as a frozen value: what the reader yields, the slicer changes and the writer takes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

Value: TypeAlias = "int | memoryview | Table | tuple[Table, ...]"

_NOTHING = memoryview(b"")
_V = TypeVar("_V", int, memoryview, "tuple[Table, ...]")


@dataclass(frozen=True, slots=True)
class Table:
    """The fields that a table has, by name; the others have their default, which is zero or empty."""

    layout: str
    fields: Mapping[str, Value]

    def number(self, name: str, default: int = 0) -> int:
        """A number."""
        return self._value(name, int, default)

    def data(self, name: str) -> memoryview:
        """A vector of numbers as its bytes."""
        return self._value(name, memoryview, _NOTHING)

    def numbers(self, name: str) -> tuple[int, ...]:
        """A vector of 32-bit integers."""
        data = self.data(name)
        return struct.unpack(f"<{len(data) // 4}i", data)

    def text(self, name: str) -> str:
        """A string; bytes that are not UTF-8 are replaced."""
        return bytes(self.data(name)).decode("utf-8", "replace")

    def tables(self, name: str) -> tuple[Table, ...]:
        """A vector of tables."""
        return self._value(name, tuple, ())

    def changed(self, **fields: Value | None) -> Table:
        """The same table with other values; None takes a field away."""
        merged = {**self.fields, **fields}
        return Table(self.layout, {name: value for name, value in merged.items() if value is not None})

    def _value(self, name: str, kind: type[_V], default: _V) -> _V:
        value = self.fields.get(name, default)
        if not isinstance(value, kind):
            raise TypeError(f"{self.layout}.{name} is not of type {kind.__name__}")
        return value


def pack_numbers(numbers: Iterable[int]) -> memoryview:
    """A vector of 32-bit integers as a table holds it."""
    numbers = tuple(numbers)
    return memoryview(struct.pack(f"<{len(numbers)}i", *numbers))


def pack_text(text: str) -> memoryview:
    """A string as a table holds it."""
    return memoryview(text.encode())
