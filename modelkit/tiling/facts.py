"""What a rule must know about the model: shapes, options and small constants, each looked up and checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from modelkit.slicing.graph import Operator
from modelkit.slicing.model import ABSENT, Model
from modelkit.slicing.table import Table
from modelkit.tiling.errors import TilingRefusedError

_RANK = 4
_NUMBERS = {"int32": "i", "int64": "q"}


@dataclass(frozen=True)
class Facts:
    """A model, asked about one operator."""

    model: Model
    operator: Operator

    def options(self) -> Table:
        """The operator's options; where it has none, a table of defaults."""
        step = self.model.subgraph.tables("operators")[self.operator.place]
        options = step.fields.get("builtin_options")
        return options if isinstance(options, Table) else Table("", {})

    def tensor(self, position: int) -> int:
        """The tensor that is the operator's input at `position`; ABSENT where there is none."""
        return self.operator.inputs[position] if position < len(self.operator.inputs) else ABSENT

    def flows(self, position: int) -> bool:
        """Whether an input depends on the picture."""
        return self.tensor(position) in self.model.graph.births

    def shape(self, position: int) -> tuple[int, ...]:
        """The shape of an input; refused where it is not given."""
        tensor = self.tensor(position)
        if tensor == ABSENT:
            raise self.refusal(f"has no input {position}")
        return self.model.graph.tensors[tensor].shape

    def dtype(self, position: int) -> str:
        """The type of an input."""
        return self.model.graph.tensors[self.tensor(position)].dtype

    def picture_shape(self, position: int) -> tuple[int, ...]:
        """The shape of an input that has rows; refused where it has none."""
        return self._check_rows(self.tensor(position), self.shape(position))

    def output_shape(self) -> tuple[int, ...]:
        """The shape of what the operator computes; refused where it has no rows."""
        if not self.operator.outputs:
            raise self.refusal("computes nothing")
        shapes = {
            self._check_rows(tensor, self.model.graph.tensors[tensor].shape)[:3] for tensor in self.operator.outputs
        }
        if len(shapes) > 1:
            raise self.refusal("computes tensors of different sizes")
        return self.model.graph.tensors[self.operator.outputs[0]].shape

    def numbers(self, position: int) -> tuple[int, ...]:
        """The value of a constant input; refused where it is computed or is no whole number."""
        shape = self.shape(position)
        tensor = self.model.graph.tensors[self.tensor(position)]
        table = self.model.subgraph.tables("tensors")[tensor.index]
        data = self.model.root.tables("buffers")[table.number("buffer")].data("data")
        kind = _NUMBERS.get(tensor.dtype, "")
        if not tensor.stored or not kind or len(data) != tensor.elements * struct.calcsize(f"<{kind}"):
            raise self.refusal(f"takes its input {position} of shape {list(shape)} from outside the file")
        return struct.unpack(f"<{tensor.elements}{kind}", data)

    def refusal(self, reason: str) -> TilingRefusedError:
        """The error that says so of this operator."""
        at = self.model.graph.operators.index(self.operator)
        return TilingRefusedError(
            f"the picture cannot be divided through operator {at} ({self.operator.kind}): it {reason}",
            remedy=f"divide the operators before it: cut at {at} or before" if at else "run this model whole",
        )

    def _check_rows(self, tensor: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != _RANK or 0 in shape:
            named = self.model.graph.tensors[tensor]
            raise self.refusal(f"handles {named} of shape {list(shape)}, which has no rows and columns")
        return shape
