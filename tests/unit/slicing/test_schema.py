"""The layout that the slicer knows is LiteRT's own, field by field."""

from __future__ import annotations

import inspect
import re

import pytest
from ai_edge_litert import schema_py_generated as schema

from modelkit.slicing.schema import ELEMENTS, LAYOUTS, OPERATORS, UNIONS

SOURCE = inspect.getsource(schema)
SIZES = {"Int8": 1, "Uint8": 1, "Bool": 1, "Int32": 4, "Uint32": 4, "Float32": 4, "Int64": 8, "Uint64": 8}
KINDS = {"b": 1, "h": 2, "i": 4, "q": 8, "B": 1, "D": 1, "H": 2, "I": 4, "Q": 8}
NAMES = {"Quantization": "QuantizationParameters", "Sparsity": "SparsityParameters"}


def members(enumeration: type) -> list[str]:
    numbered = {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
    return [numbered[number] for number in range(len(numbered))]


def theirs(table: str) -> dict[int, int | str]:
    """For each field its bytes, `vector` with the bytes of an element, or `offset`."""
    fields: dict[int, int | str] = {}
    added = rf"def {table}Add(\w+)\(builder, \w+\):\s+builder\.Prepend(\w+)Slot\((\d+),"
    for name, kind, number in re.findall(added, SOURCE):
        vector = re.search(rf"def {table}Start{name}Vector\(builder, numElems\)[^\n]*\s+return \S+\((\d), ", SOURCE)
        fields[int(number)] = SIZES.get(kind) or (f"vector {vector[1]}" if vector else "offset")
    return fields


def ours(table: str) -> dict[int, int | str]:
    fields: dict[int, int | str] = {}
    for number, (_, kind) in enumerate(LAYOUTS[table]):
        if kind.startswith("["):
            fields[number] = "vector 4"
        elif kind.isupper() and kind != "S":
            fields[number] = f"vector {KINDS[kind]}"
        else:
            fields[number] = KINDS.get(kind, "offset")
    return fields


@pytest.mark.parametrize("table", LAYOUTS)
def test_a_table_is_laid_out_as_litert_has_it(table: str) -> None:
    name = NAMES.get(table, table)
    assert re.search(rf"def {name}Start\(", SOURCE), f"LiteRT has no table {name}"
    mine, known = ours(table), theirs(name)
    deprecated = set(mine) - set(known)  # those that old files may have and no code writes any more
    assert deprecated == {"SignatureDef": {3}, "ResizeBilinearOptions": {0, 1}}.get(table, set())
    assert {number: kind for number, kind in mine.items() if number not in deprecated} == known


def test_unions_operators_and_elements_have_the_numbers_of_litert() -> None:
    assert members(schema.BuiltinOptions)[1:] == list(UNIONS["Options"])
    assert members(schema.BuiltinOptions2)[1:] == list(UNIONS["Options2"])
    assert members(schema.QuantizationDetails)[1:] == list(UNIONS["Details"])
    assert members(schema.SparseIndexVector)[1:] == list(UNIONS["Indices"])
    assert members(schema.BuiltinOperator) == list(OPERATORS)
    assert [name.lower() for name in members(schema.TensorType)] == [name for name, _ in ELEMENTS]
