"""A .tflite as tables and as a graph."""

from __future__ import annotations

import math
from typing import NamedTuple

from modelkit.errors import ModelRejectedError
from modelkit.slicing.graph import Graph, Operator, Tensor
from modelkit.slicing.operators import CALLING, DRAWING, REMEMBERING
from modelkit.slicing.reader import MalformedError, read_table
from modelkit.slicing.schema import ELEMENTS, IDENTIFIER, OPERATORS
from modelkit.slicing.table import Table

ABSENT = -1  # stands for an optional input that is not given

_MAX_RANK = 8
_CUSTOM = OPERATORS.index("CUSTOM")
_INSIDE = (0, 1)  # offsets that say that a buffer is inside the flatbuffer
_SHARING = 4  # times that all data behind the flatbuffer may add up to the file


class Model(NamedTuple):
    """What was read: the tables to cut from, and what they mean."""

    root: Table  # all of its data inside
    graph: Graph

    @property
    def subgraph(self) -> Table:
        """The one that runs."""
        return self.root.tables("subgraphs")[0]


def read_model(data: bytes) -> Model:
    """Read a .tflite. Raises ModelRejectedError where it is malformed or cannot be cut, with the operator named."""
    root = read_table(data, "Model", IDENTIFIER)
    if not root.tables("subgraphs"):
        raise MalformedError("it has no subgraph")
    root = _Outside(data).bring_inside(root)
    return Model(root, _read_graph(root))


def read_graph(data: bytes) -> Graph:
    """What a .tflite computes, as a graph that can be cut. Raises ModelRejectedError."""
    return read_model(data).graph


class _Outside:
    """Data behind the flatbuffer, where newer converters put large weights and large options of custom operators."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._budget = _SHARING * len(data)

    def bring_inside(self, root: Table) -> Table:
        """The same model with all data in its tables."""
        subgraph, *others = root.tables("subgraphs")
        operators = tuple(self._bring_options(operator) for operator in subgraph.tables("operators"))
        buffers = tuple(self._bring_buffer(buffer) for buffer in root.tables("buffers"))
        return root.changed(subgraphs=(subgraph.changed(operators=operators), *others), buffers=buffers)

    def _bring_buffer(self, buffer: Table) -> Table:
        offset, size = buffer.number("offset"), buffer.number("size")
        data = buffer.data("data") if offset in _INSIDE else self._take(offset, size)
        return Table(buffer.layout, {"data": data} if data else {})

    def _bring_options(self, operator: Table) -> Table:
        offset, size = operator.number("large_custom_options_offset"), operator.number("large_custom_options_size")
        if offset in _INSIDE:
            return operator
        inside = operator.changed(large_custom_options_offset=None, large_custom_options_size=None)
        return inside.changed(custom_options=self._take(offset, size))

    def _take(self, offset: int, size: int) -> memoryview:
        self._budget -= size
        if offset < 0 or size < 0 or offset + size > len(self._data) or self._budget < 0:
            raise MalformedError(f"it names {size} bytes from byte {offset} on, and has {len(self._data)}")
        return self._data[offset : offset + size]


def _read_graph(root: Table) -> Graph:
    subgraph = root.tables("subgraphs")[0]
    buffers = tuple(len(buffer.data("data")) for buffer in root.tables("buffers"))
    tensors = tuple(_read_tensor(index, table, buffers) for index, table in enumerate(subgraph.tables("tensors")))
    codes = tuple(_read_code(table) for table in root.tables("operator_codes"))
    inputs, outputs = (_read_ends(subgraph.numbers(name), tensors, name) for name in ("inputs", "outputs"))
    constant = {tensor.index for tensor in tensors if tensor.stored}
    if len(set(inputs)) < len(inputs) or constant & set(inputs):
        raise MalformedError(f"its inputs are tensors {inputs}, of which one is named twice or has a value in the file")
    flowing = set(inputs)
    states = {tensor.index for tensor in tensors if tensor.variable} - flowing
    operators: list[Operator] = []
    folded: list[Operator] = []
    for place, table in enumerate(subgraph.tables("operators")):
        operator = _read_operator(place, table, codes, tensors)
        given = {tensor for tensor in operator.inputs if tensor != ABSENT}
        _refuse_uncuttable(operator, missing=given - flowing - constant - states)
        if len(set(operator.outputs) - flowing - constant - states) < len(operator.outputs):
            raise MalformedError(f"{operator} computes tensors {operator.outputs}, of which one has a value already")
        fold = bool(given) and given <= constant and not operator.custom and operator.kind not in DRAWING
        (folded if fold else operators).append(operator)
        (constant if fold else flowing).update(operator.outputs)
    if unknown := set(outputs) - flowing - constant:
        raise MalformedError(f"its output, tensor {min(unknown)}, is computed by no operator")
    return Graph(tensors, tuple(operators), tuple(folded), inputs, outputs)


def _read_tensor(index: int, table: Table, buffers: tuple[int, ...]) -> Tensor:
    shape, kind, buffer = table.numbers("shape"), table.number("type"), table.number("buffer")
    if len(shape) > _MAX_RANK or any(side < 0 for side in shape):
        raise MalformedError(f"tensor {index} has {len(shape)} sides, the first ones {shape[:_MAX_RANK]}")
    if not 0 <= kind < len(ELEMENTS):
        raise MalformedError(f"tensor {index} is of type {kind}; known are 0 to {len(ELEMENTS) - 1}")
    if not 0 <= buffer < max(len(buffers), 1):
        raise MalformedError(f"tensor {index} is in buffer {buffer} of {len(buffers)}")
    if table.number("external_buffer"):
        raise ModelRejectedError(
            f"the value of tensor {index} is in another file", remedy="convert the model with its weights inside"
        )
    dtype, bits = ELEMENTS[kind]
    return Tensor(
        index=index,
        name=table.text("name"),
        shape=shape,
        dtype=dtype,
        bytes=-(-math.prod(shape) * bits // 8) if bits else None,
        stored=bool(buffers and buffers[buffer]) or 0 in shape,
        variable=bool(table.number("is_variable")),
    )


def _read_code(table: Table) -> tuple[str, bool]:
    """The name of a kind of operator, and whether it is a custom one."""
    code = max(table.number("builtin_code"), table.number("deprecated_builtin_code"))
    if code == _CUSTOM:
        return table.text("custom_code"), True
    if not 0 <= code < len(OPERATORS):
        raise MalformedError(f"it has operators of code {code}; known are 0 to {len(OPERATORS) - 1}")
    return OPERATORS[code], False


def _read_operator(
    place: int, table: Table, codes: tuple[tuple[str, bool], ...], tensors: tuple[Tensor, ...]
) -> Operator:
    code = table.number("opcode_index")
    if not 0 <= code < len(codes):
        raise MalformedError(f"operator {place} is of kind {code} of {len(codes)}")
    kind, custom = codes[code]
    operator = Operator(place, kind, custom, table.numbers("inputs"), table.numbers("outputs"))
    named = {*operator.inputs, *table.numbers("intermediates")} - {ABSENT} | {*operator.outputs}
    if any(not 0 <= tensor < len(tensors) for tensor in named):
        raise MalformedError(f"{operator} names tensors {min(named)} to {max(named)} of {len(tensors)}")
    return operator


def _read_ends(indices: tuple[int, ...], tensors: tuple[Tensor, ...], name: str) -> tuple[int, ...]:
    for index in indices:
        if not 0 <= index < len(tensors):
            raise MalformedError(f"its {name} name tensor {index} of {len(tensors)}")
    return indices


def _refuse_uncuttable(operator: Operator, missing: set[int]) -> None:
    if operator.kind in CALLING and not operator.custom:
        reason, remedy = "runs other parts of the model", "convert the model without control flow"
    elif operator.kind in REMEMBERING and not operator.custom:
        reason, remedy = "keeps state that no tensor shows", "convert the model with its variables frozen"
    elif missing:
        raise MalformedError(f"{operator} reads tensor {min(missing)}, which nothing before it has computed")
    else:
        return
    raise ModelRejectedError(f"the model cannot be cut: {operator} {reason}", remedy=remedy)
