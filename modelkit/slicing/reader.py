"""Bytes to tables (the FlatBuffers binary format, little-endian).

The bytes come from outside and every offset in them may lie. Each access is checked, and all that is read may come to
no more than a small multiple of the file, so that time and memory stay in proportion to it whatever it says.
"""

import struct

from modelkit.errors import ModelRejectedError
from modelkit.slicing.schema import LAYOUTS, UNIONS
from modelkit.slicing.table import Table, Value

_SIZES = {"b": 1, "h": 2, "i": 4, "q": 8}
_ELEMENTS = {"B": 1, "D": 1, "S": 1, "H": 2, "I": 4, "Q": 8}
_SHARING = 4  # times that a byte of the file may be referred to, on average
_SPARE = 4096  # bytes; so that sharing also goes in a tiny file
_HEADER = 8  # the root's offset and the identifier


class MalformedError(ModelRejectedError):
    """The bytes are not what the format says."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the .tflite file is malformed: {problem}", remedy="give a .tflite file as the converter wrote it"
        )


def read_table(data: bytes, layout: str, identifier: bytes) -> Table:
    """The root table of a file, which is read as a whole; vectors are views into `data`. Raises MalformedError."""
    if data[4:_HEADER] != identifier:
        raise MalformedError(f"its {len(data)} bytes do not carry the identifier {identifier.decode()}")
    reader = _Reader(data)
    return reader.table(reader.follow(0), layout)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._budget = _SHARING * len(data) + _SPARE

    def table(self, at: int, name: str) -> Table:
        vtable = at - self._number(at, "i")
        slots, inline = self._number(vtable, "H"), self._number(vtable + 2, "H")
        layout = LAYOUTS[name]
        self._spend(slots + inline, at)
        fields: dict[str, Value] = {}
        kind_before = 0
        for number in range((slots - 4) // 2):
            offset = self._number(vtable + 4 + 2 * number, "H")
            if not offset:
                kind_before = 0
                continue
            if number >= len(layout):
                raise MalformedError(f"a {name} has a field {number}, which this version does not know")
            if offset + 1 > inline:
                raise MalformedError(f"field {number} of a {name} lies outside of it")
            field = layout[number]
            value = self._value(at + offset, field.kind, kind_before)
            kind_before = value if isinstance(value, int) else 0
            fields[field.name] = value
        return Table(name, fields)

    def follow(self, at: int) -> int:
        """The position that the unsigned offset at `at` points to."""
        return at + self._number(at, "I")

    def _value(self, at: int, kind: str, member: int) -> Value:
        if kind in _SIZES:
            return self._number(at, kind)
        start = self.follow(at)
        if kind in _ELEMENTS:
            return self._vector(start, _ELEMENTS[kind])
        if kind.startswith("["):
            offsets = struct.unpack(f"<{self._number(start, 'I')}I", self._vector(start, 4))
            places = range(start + 4, start + 4 + 4 * len(offsets), 4)
            return tuple(self.table(place + offset, kind[1:-1]) for place, offset in zip(places, offsets, strict=True))
        if kind.startswith("|"):
            return self.table(start, _find_member(kind[1:-1], member))
        return self.table(start, kind)

    def _vector(self, start: int, size: int) -> memoryview:
        length = self._number(start, "I") * size
        if start + 4 + length > len(self._data):
            raise MalformedError(f"a vector at byte {start} claims {length} bytes of {len(self._data)}")
        self._spend(4 + length, start)
        return self._data[start + 4 : start + 4 + length]

    def _number(self, at: int, kind: str) -> int:
        form = _FORMS[kind]
        if not 0 <= at <= len(self._data) - form.size:
            raise MalformedError(f"an offset points to byte {at} of {len(self._data)}")
        value: int = form.unpack_from(self._data, at)[0]
        return value

    def _spend(self, size: int, at: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise MalformedError(f"what it refers to, up to byte {at}, comes to more than {_SHARING} times its size")


_FORMS = {kind: struct.Struct(f"<{kind}") for kind in "bhiqHI"}


def _find_member(union: str, number: int) -> str:
    members = UNIONS[union]
    if not 1 <= number <= len(members):
        raise MalformedError(f"{union} of kind {number} are not known; known are 1 to {len(members)}")
    return members[number - 1]
