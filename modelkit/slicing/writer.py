"""Tables to bytes (the FlatBuffers binary format, little-endian): the same tables always give the same bytes.

Offsets point forward only, so the file grows from its end: what a table refers to is placed before the table itself.
"""

import struct

from modelkit.errors import ModelRejectedError
from modelkit.slicing.schema import LAYOUTS
from modelkit.slicing.table import Table

_SIZES = {"b": 1, "h": 2, "i": 4, "q": 8}  # of numbers in a table; whatever is not a number is an offset
_OFFSET = 4
_ALIGNMENTS = {"D": 16, "Q": 8}  # of a vector's elements; others need no more than its length does
_WIDTHS = {"H": 2, "I": 4, "Q": 8}  # of a vector's elements, where not 1
_FILE_ALIGNMENT = 16
_HEADER = struct.Struct("<I4s")  # the root's offset and the identifier
_MAX_BYTES = (1 << 31) - 1  # the offset of a table from its vtable is no wider


def write_table(table: Table, identifier: bytes) -> bytes:
    """The file with `table` as its root. Raises ModelRejectedError where it would exceed what offsets can span."""
    writer = _Writer()
    root = writer.table(table)
    writer.pad(_HEADER.size, _FILE_ALIGNMENT)
    writer.push(_HEADER.pack(writer.size + _HEADER.size - root, identifier))
    return writer.join()


class _Writer:
    """Chunks from the last to the first. A place is counted from the end of the file to the start of a thing."""

    def __init__(self) -> None:
        self.size = 0
        self._chunks: list[bytes | memoryview] = []
        self._vtables: dict[bytes, int] = {}

    def join(self) -> bytes:
        return b"".join(reversed(self._chunks))

    def push(self, chunk: bytes | memoryview) -> int:
        """Put a chunk in front of all others; its place."""
        self._chunks.append(chunk)
        self.size += len(chunk)
        if self.size > _MAX_BYTES:
            raise ModelRejectedError(
                f"the shard would exceed {_MAX_BYTES} bytes, the most that a .tflite can hold",
                remedy="cut the model into more stages",
            )
        return self.size

    def pad(self, length: int, alignment: int) -> None:
        """Fill up so that the next `length` bytes start at a multiple of `alignment`."""
        if gap := -(self.size + length) % alignment:
            self.push(bytes(gap))

    def table(self, table: Table) -> int:
        """Put what the table refers to, then the table, then its vtable unless there is an equal one."""
        kinds = {field.name: field.kind for field in LAYOUTS[table.layout] if field.name in table.fields}
        values = {
            name: value if isinstance(value := table.fields[name], int) else self._refer(value, kind)
            for name, kind in kinds.items()
        }
        # Widest first: no gaps between the fields.
        offsets, inline = {}, _OFFSET
        for name in sorted(kinds, key=lambda name: -_SIZES.get(kinds[name], _OFFSET)):
            size = _SIZES.get(kinds[name], _OFFSET)
            inline += -inline % size
            offsets[name] = inline
            inline += size
        self.pad(inline, max(_OFFSET, *(_SIZES.get(kind, 0) for kind in kinds.values()), 0))
        start = self.size + inline
        body = bytearray(inline)
        for name, offset in offsets.items():
            if kinds[name] in _SIZES:
                struct.pack_into(f"<{kinds[name]}", body, offset, values[name])
            else:
                struct.pack_into("<I", body, offset, start - offset - values[name])
        vtable = _pack_vtable(table.layout, offsets, inline)
        known = self._vtables.get(vtable)
        struct.pack_into("<i", body, 0, len(vtable) if known is None else known - start)
        self.push(bytes(body))
        if known is None:
            self._vtables[vtable] = self.push(vtable)
        return start

    def _refer(self, value: "memoryview | Table | tuple[Table, ...]", kind: str) -> int:
        if isinstance(value, Table):
            return self.table(value)
        if isinstance(value, tuple):
            return self._tables(value)
        terminator = b"\0" if kind == "S" else b""
        self.pad(len(value) + len(terminator), _ALIGNMENTS.get(kind, _OFFSET))
        self.push(terminator)
        self.push(value)
        return self.push(struct.pack("<I", len(value) // _WIDTHS.get(kind, 1)))

    def _tables(self, tables: tuple[Table, ...]) -> int:
        places = [self.table(each) for each in reversed(tables)][::-1]
        self.pad(_OFFSET * len(places), _OFFSET)
        start = self.size + _OFFSET * len(places)
        offsets = (start - _OFFSET * index - place for index, place in enumerate(places))
        self.push(struct.pack(f"<{len(places)}I", *offsets))
        return self.push(struct.pack("<I", len(places)))


def _pack_vtable(layout: str, offsets: dict[str, int], inline: int) -> bytes:
    slots = [offsets.get(field.name, 0) for field in LAYOUTS[layout]]
    while slots and not slots[-1]:
        slots.pop()
    return struct.pack(f"<{2 + len(slots)}H", 4 + 2 * len(slots), inline, *slots)
