"""A part of a picture as a model of its own: the front's operators on smaller tensors, with crops and explicit padding.

The model's tables are changed, then put together by the slicer's own `assemble`, so that parts and shards are alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from modelkit.slicing.assembly import assemble
from modelkit.slicing.graph import Operator
from modelkit.slicing.model import Model
from modelkit.slicing.schema import ELEMENTS, IDENTIFIER, OPERATORS, UNIONS
from modelkit.slicing.shard import collect_operators
from modelkit.slicing.table import Table, Value, pack_numbers, pack_text
from modelkit.slicing.writer import write_table
from modelkit.tiling.layout import Layout
from modelkit.tiling.region import NO_PADS, Region, whole_region
from modelkit.tiling.rules import Want
from modelkit.tiling.rules.windowed import LEAST

_VERSIONS = {"PAD": 2, "PADV2": 2, "SLICE": 2}  # the first ones that take int8
_OPTIONS = {"PAD": "PadOptions", "PADV2": "PadV2Options", "SLICE": "SliceOptions"}
_INT32 = next(number for number, (name, _) in enumerate(ELEMENTS) if name == "int32")
_MOST_DEPRECATED = 127  # in the field of one byte that codes were in before


def write_part(model: Model, at: int, layout: Layout) -> bytes:
    """Write the .tflite of one part: what it reads of the model's inputs, what it hands on at the cut."""
    return _Writer(model, layout).write(at)


class _Writer:
    """Tables in the making; indices go on where the model's end."""

    def __init__(self, model: Model, layout: Layout) -> None:
        self._model = model
        self._layout = layout
        self._tensors = [self._resize(index, table) for index, table in enumerate(model.subgraph.tables("tensors"))]
        self._buffers = list(model.root.tables("buffers"))
        self._codes = list(model.root.tables("operator_codes"))
        self._operators: list[Table] = []
        self._made: dict[tuple[object, ...], int] = {}  # crops, paddings and constants that exist already

    def write(self, at: int) -> bytes:
        graph, layout = self._model.graph, self._layout
        tables = self._model.subgraph.tables("operators")
        flowing = {graph.operators[place].place for place in range(at)}
        needed = collect_operators(graph, [graph.operators[place] for place in layout.steps])
        places = {graph.operators[place].place: place for place in layout.steps}
        for operator in needed:
            table = tables[operator.place]
            if operator.place in flowing:
                table = self._divide(places[operator.place], operator, table)
            self._operators.append(table)
        inputs = [tensor for tensor in graph.inputs if tensor in layout.regions]
        outputs = [self._crop(tensor, region) for tensor, region in layout.pieces.items()]
        return write_table(self._assemble(inputs, outputs), IDENTIFIER)

    def _assemble(self, inputs: list[int], outputs: list[int]) -> Table:
        root = self._model.root
        subgraph, *others = root.tables("subgraphs")
        changed = subgraph.changed(tensors=tuple(self._tensors), operators=tuple(self._operators))
        whole = root.changed(
            subgraphs=(changed, *others), buffers=tuple(self._buffers), operator_codes=tuple(self._codes)
        )
        chosen = [Operator(place, "", custom=False, inputs=(), outputs=()) for place in range(len(self._operators))]
        return assemble(Model(whole, self._model.graph), chosen, inputs, outputs)

    def _resize(self, index: int, table: Table) -> Table:
        region = self._layout.regions.get(index)
        return table if region is None else _reshape(table, region.shape(table.numbers("shape")))

    def _divide(self, place: int, operator: Operator, table: Table) -> Table:
        """The operator on its regions, after the crops and paddings that they need."""
        step = self._layout.steps[place]
        inputs = [
            tensor if want is None else self._prepare(tensor, want)
            for tensor, want in zip(operator.inputs, step.wants, strict=True)
        ]
        for position, values in step.constants.items():
            shape = self._model.graph.tensors[operator.inputs[position]].shape
            inputs[position] = self._constant(_INT32, shape, bytes(pack_numbers(values)))
        fields: dict[str, Value] = {"inputs": pack_numbers(inputs)}
        options = table.fields.get("builtin_options")
        if step.options and isinstance(options, Table):
            fields["builtin_options"] = options.changed(**step.options)
        return table.changed(**fields)

    def _prepare(self, tensor: int, want: Want) -> int:
        cropped = self._crop(tensor, want.region)
        return cropped if want.pads == NO_PADS else self._pad(cropped, want)

    def _crop(self, tensor: int, region: Region) -> int:
        """The region of a tensor, by a SLICE where the tensor has more."""
        shape = self._model.graph.tensors[tensor].shape
        present = self._layout.regions.get(tensor) or whole_region(shape)
        if region == present:
            return tensor
        key = ("SLICE", tensor, region)
        if key not in self._made:
            size, inside = region.shape(shape), region.relative_to(present)
            begin = (0, inside.rows.start, inside.columns.start, *(0 for _ in shape[3:]))
            limits = [self._constant(_INT32, (len(shape),), bytes(pack_numbers(each))) for each in (begin, size)]
            self._made[key] = self._add("SLICE", [tensor, *limits], size)
        return self._made[key]

    def _pad(self, tensor: int, want: Want) -> int:
        key = ("PAD", tensor, want.pads, want.lowest)
        if key not in self._made:
            shape = self._tensors[tensor].numbers("shape")
            widths = ((0, 0), *want.pads, *((0, 0) for _ in shape[3:]))
            inputs = [tensor, self._constant(_INT32, (len(shape), 2), bytes(pack_numbers(chain(*widths))))]
            padded = tuple(side + sum(pair) for side, pair in zip(shape, widths, strict=True))
            if want.lowest:
                inputs.append(self._least(tensor))
            self._made[key] = self._add("PADV2" if want.lowest else "PAD", inputs, padded)
        return self._made[key]

    def _least(self, tensor: int) -> int:
        """The least value that the tensor can hold, quantised as it is."""
        table = self._tensors[tensor]
        kind = table.number("type")
        return self._constant(kind, (1,), LEAST[ELEMENTS[kind][0]], table.fields.get("quantization"))

    def _add(self, kind: str, inputs: list[int], shape: Iterable[int]) -> int:
        """A new operator on the picture; its output is like its first input but for the shape."""
        like = self._tensors[inputs[0]]
        name = f"{like.text('name')}/{kind.lower()}_{len(self._tensors)}"
        self._tensors.append(_reshape(like, shape).changed(name=pack_text(name), buffer=None))
        output = len(self._tensors) - 1
        options = _OPTIONS[kind]
        self._operators.append(
            Table("Operator", {
                "opcode_index": self._code(kind),
                "inputs": pack_numbers(inputs),
                "outputs": pack_numbers([output]),
                "builtin_options_type": UNIONS["Options"].index(options) + 1,
                "builtin_options": Table(options, {}),
            })
        )  # fmt: skip
        return output

    def _constant(self, kind: int, shape: Iterable[int], data: bytes, quantization: Value | None = None) -> int:
        shape = tuple(shape)
        key = ("constant", kind, shape, data, id(quantization))
        if key not in self._made:
            self._buffers.append(Table("Buffer", {"data": memoryview(data)}))
            fields: Mapping[str, Value] = {
                "shape": pack_numbers(shape), "type": kind, "buffer": len(self._buffers) - 1,
                "name": pack_text(f"constant_{len(self._tensors)}"),
            }  # fmt: skip
            self._tensors.append(Table("Tensor", fields).changed(quantization=quantization))
            self._made[key] = len(self._tensors) - 1
        return self._made[key]

    def _code(self, kind: str) -> int:
        key = ("code", kind)
        if key not in self._made:
            number = OPERATORS.index(kind)
            self._codes.append(
                Table("OperatorCode", {
                    "builtin_code": number,
                    "deprecated_builtin_code": min(number, _MOST_DEPRECATED),
                    "version": _VERSIONS[kind],
                })
            )  # fmt: skip
            self._made[key] = len(self._codes) - 1
        return self._made[key]


def _reshape(table: Table, shape: Iterable[int]) -> Table:
    return table.changed(shape=pack_numbers(shape), shape_signature=None)
