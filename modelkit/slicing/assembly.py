"""The tables of a shard, put together from those of the model with everything renumbered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from modelkit.slicing.graph import Operator
from modelkit.slicing.model import ABSENT, Model
from modelkit.slicing.reader import MalformedError
from modelkit.slicing.table import Table, pack_numbers, pack_text

# What a converter notes that is as true of a part as of the whole. The rest, such as TFLITE_METADATA, describes the
# inputs and outputs of the whole model.
_METADATA = frozenset({"min_runtime_version", "reduced_precision_support", "CONVERSION_METADATA"})
_EMPTY = 0  # by convention the buffer of tensors without a stored value

_Numbers = Mapping[int, int]


def assemble(model: Model, operators: Sequence[Operator], inputs: Sequence[int], outputs: Sequence[int]) -> Table:
    """The model's `operators` with just the tensors, buffers and operator codes that they use, in the file's order."""
    root, subgraph = model.root, model.subgraph
    steps = [subgraph.tables("operators")[operator.place] for operator in operators]
    indices = sorted({*inputs, *outputs, *_list_tensors(steps)} - {ABSENT})
    tensors = [subgraph.tables("tensors")[index] for index in indices]
    metadata = [entry for entry in root.tables("metadata") if entry.text("name") in _METADATA]
    places = _number(indices)
    codes = _number(step.number("opcode_index") for step in steps)
    buffers = _choose_buffers(root.tables("buffers"), (*tensors, *metadata))
    part = subgraph.changed(
        tensors=tuple(_place_in_buffer(table, buffers) for table in tensors),
        operators=tuple(_renumber_operator(step, codes, places) for step in steps),
        inputs=pack_numbers(places[index] for index in inputs),
        outputs=pack_numbers(places[index] for index in outputs),
        debug_metadata_index=None,
    )
    return root.changed(
        operator_codes=tuple(root.tables("operator_codes")[code] for code in codes),
        subgraphs=(part,),
        buffers=tuple(root.tables("buffers")[index] for index in buffers),
        metadata=tuple(_place_in_buffer(entry, buffers) for entry in metadata) or None,
        metadata_buffer=None,
        signature_defs=tuple(_sign(root, places, inputs, outputs)) or None,
        external_buffers=None,
        external_buffer_groups=None,
    )


def _list_tensors(steps: Iterable[Table]) -> Iterator[int]:
    for step in steps:
        for name in ("inputs", "outputs", "intermediates"):
            yield from step.numbers(name)


def _number(used: Iterable[int]) -> dict[int, int]:
    """New numbers for what is used, in the same order."""
    return {old: new for new, old in enumerate(sorted(set(used)))}


def _choose_buffers(buffers: Sequence[Table], holders: Iterable[Table]) -> dict[int, int]:
    used = {holder.number("buffer") for holder in holders}
    if any(not 0 <= index < len(buffers) for index in used - {_EMPTY}):
        raise MalformedError(f"it names buffers {min(used)} to {max(used)} of {len(buffers)}")
    return _number({_EMPTY, *(index for index in used if buffers[index].fields)})


def _place_in_buffer(holder: Table, buffers: _Numbers) -> Table:
    return holder.changed(buffer=buffers.get(holder.number("buffer"), _EMPTY))


def _renumber_operator(step: Table, codes: _Numbers, places: _Numbers) -> Table:
    tensors = {name: step.numbers(name) for name in ("inputs", "outputs", "intermediates") if name in step.fields}
    renumbered = {
        name: pack_numbers(ABSENT if index == ABSENT else places[index] for index in indices)
        for name, indices in tensors.items()
    }
    return step.changed(opcode_index=codes[step.number("opcode_index")], debug_metadata_index=None, **renumbered)


def _sign(root: Table, places: _Numbers, inputs: Sequence[int], outputs: Sequence[int]) -> Iterator[Table]:
    """The model's signatures for the shard: its ends keep their names, other tensors are named by their index."""
    for signature in root.tables("signature_defs"):
        if signature.number("subgraph_index") == 0:
            ends = {"inputs": inputs, "outputs": outputs}
            maps = {name: _map_ends(signature.tables(name), indices, places) for name, indices in ends.items()}
            yield signature.changed(deprecated_tag=None, **maps)


def _map_ends(known: Sequence[Table], indices: Sequence[int], places: _Numbers) -> tuple[Table, ...]:
    names: dict[int, list[memoryview]] = {}
    for entry in known:
        names.setdefault(entry.number("tensor_index"), []).append(entry.data("name"))
    return tuple(
        Table("TensorMap", {"name": name, "tensor_index": places[index]})
        for index in dict.fromkeys(indices)
        for name in names.get(index, [pack_text(f"tensor_{index}")])
    )
