"""Whatever the bytes say: a shard or a typed error, within time and memory in proportion to the file."""

from __future__ import annotations

import struct
import time
import tracemalloc

import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkit.errors import ModelRejectedError
from modelkit.slicing import cuts, read_graph, split
from modelkit.slicing.reader import MalformedError, read_table
from modelkit.slicing.schema import IDENTIFIER, LAYOUTS, UNIONS
from modelkit.slicing.table import Table, Value
from modelkit.slicing.writer import write_table
from tests.slicing_testing.tiny_models import (
    build_plain,
    change,
    halve,
    move_buffers_behind,
    note,
    pack_as_it_is,
    put_out,
    sign,
)

RICH = move_buffers_behind(
    change(
        build_plain(),
        halve("wide/kernel", "logits/weights"),
        put_out("scores", "again", "deep/bias"),
        sign,
        note("min_runtime_version", "TFLITE_METADATA"),
    )
)
WORDS = range(0, len(RICH) - 3, 4)
MOST_SECONDS = 5.0  # for one file of a few kilobytes, on a busy machine


def cut_everywhere(data: bytes) -> bool:
    """Whether the slicer took it; anything but its own error is a failure."""
    try:
        graph = read_graph(data)
        cuts(graph)
        split(data, range(1, len(graph.operators)))
    except ModelRejectedError as error:
        if not error.remedy:
            raise
        return False
    return True


def test_two_thousand_files_with_one_lying_field_end_in_shards_or_a_typed_error() -> None:
    taken = tried = 0
    for at in WORDS:
        (value,) = struct.unpack_from("<I", RICH, at)
        for lie in (value ^ 1 << (at // 4) % 32, 0xFFFFFFFF if at % 8 else 0x7FFFFFF0, value + 4 & 0xFFFFFFFF):
            begun = time.monotonic()
            taken += cut_everywhere(RICH[:at] + struct.pack("<I", lie) + RICH[at + 4 :])
            assert time.monotonic() - begun < MOST_SECONDS, (at, lie)
            tried += 1
    assert tried > 2000
    assert 0 < taken < tried


def test_a_file_cut_short_anywhere_in_its_tables_is_refused() -> None:
    for length in range(0, len(RICH) // 2, 7):
        assert not cut_everywhere(RICH[:length])


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_noise_with_the_right_identifier_never_surprises(noise: bytes) -> None:
    cut_everywhere(noise[:4].ljust(4, b"\0") + IDENTIFIER + noise[4:])


@settings(max_examples=300)
@given(st.data())
def test_several_lies_at_once_never_surprise(data: st.DataObject) -> None:
    mutable = bytearray(RICH)
    places = st.tuples(st.sampled_from(WORDS), st.sampled_from([0, 1, 4, 8, 16, 255, 65535, 1 << 31, (1 << 32) - 1]))
    for at, value in data.draw(st.lists(places, min_size=1, max_size=6)):
        struct.pack_into("<I", mutable, at, value)
    cut_everywhere(bytes(mutable))


def test_a_file_that_refers_to_the_same_bytes_again_and_again_is_refused_early() -> None:
    """Ten thousand tensors, each with the same shape of 100,000 sides: 4 GB if they were believed."""
    many, sides = 10_000, 100_000
    tensor = struct.pack("<iI", 8, 4) + struct.pack("<I", sides) + bytes(4 * sides)
    vtable = struct.pack("<HHH2x", 6, 8, 4)
    subgraph_vtable, model_vtable = struct.pack("<HHH2x", 6, 8, 4), struct.pack("<HHHHH2x", 10, 8, 0, 0, 4)
    tensors = struct.pack("<I", many) + b"".join(
        struct.pack("<I", 4 * (many - index) + len(vtable)) for index in range(many)
    )
    subgraph = subgraph_vtable + struct.pack("<iI", 8, 4) + tensors
    subgraphs = struct.pack("<II", 1, 4 + len(subgraph_vtable))
    data = struct.pack("<I4s", 8 + len(model_vtable), IDENTIFIER) + model_vtable + struct.pack("<iI", 12, 4)
    data += subgraphs + subgraph + vtable + tensor
    tracemalloc.start()
    with pytest.raises(MalformedError, match="comes to more than 4 times its size"):
        read_table(data, "Model", IDENTIFIER)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(data)


def test_buffers_that_all_claim_the_whole_file_are_refused() -> None:
    model = schema.ModelT.InitFromPackedBuf(build_plain())
    for _ in range(100):
        buffer = schema.BufferT()
        buffer.offset, buffer.size = 8, 4000
        model.buffers.append(buffer)
    with pytest.raises(ModelRejectedError, match="it names 4000 bytes from byte 8 on"):
        read_graph(pack_as_it_is(model))


def test_a_field_that_this_version_does_not_know_is_refused_instead_of_lost() -> None:
    vtable = struct.pack("<HH11H", 26, 8, *[0] * 10, 4)
    data = struct.pack("<I4s", 8 + len(vtable), IDENTIFIER) + vtable + struct.pack("<iI", len(vtable), 1)
    with pytest.raises(MalformedError, match="a Model has a field 10"):
        read_table(data, "Model", IDENTIFIER)


def tables(name: str) -> st.SearchStrategy[Table]:
    fields = {}
    types = {}
    for before, field in zip((None, *LAYOUTS[name]), LAYOUTS[name], strict=False):
        if field.kind.startswith("|"):
            assert before is not None
            types[before.name] = field
        else:
            fields[field.name] = values(field.kind)
    unions = {number: union for number, union in types.items() if number in fields}
    for number in unions:
        fields.pop(number)
    return st.tuples(
        st.fixed_dictionaries({}, optional=fields),
        *(choices(number, union.name, union.kind[1:-1]) for number, union in unions.items()),
    ).map(lambda parts: Table(name, {key: value for part in parts for key, value in part.items()}))


def choices(number: str, name: str, union: str) -> st.SearchStrategy[dict[str, Value]]:
    def choose(member: int) -> st.SearchStrategy[dict[str, Value]]:
        return tables(UNIONS[union][member]).map(lambda table: {number: member + 1, name: table})

    return st.just({}) | st.integers(0, len(UNIONS[union]) - 1).flatmap(choose)


def values(kind: str) -> st.SearchStrategy[Value]:
    bits = {"b": 7, "h": 15, "i": 31, "q": 63}
    if kind in bits:
        return st.integers(-(1 << bits[kind]), (1 << bits[kind]) - 1)
    if kind.startswith("["):
        return st.lists(tables(kind[1:-1]), max_size=3).map(tuple)
    if kind in LAYOUTS:
        return tables(kind)
    size = {"H": 2, "I": 4, "Q": 8}.get(kind, 1)
    return (
        st.integers(0, 5).flatmap(lambda count: st.binary(min_size=count * size, max_size=count * size)).map(memoryview)
    )


@settings(max_examples=200)
@given(st.sampled_from(["Tensor", "Operator", "SubGraph", "SignatureDef", "Buffer", "OperatorCode"]).flatmap(tables))
def test_what_is_written_is_read_back(table: Table) -> None:
    data = write_table(table, IDENTIFIER)
    assert len(data) % 16 == 0
    assert read_table(data, table.layout, IDENTIFIER) == table
    assert write_table(table, IDENTIFIER) == data
