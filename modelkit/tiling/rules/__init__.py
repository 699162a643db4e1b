"""How a part of an operator's output depends on its input, for each kind that can be divided exactly.

A rule is bound to one operator, which is where everything that cannot be divided is refused. Then, given the region of
the output that is needed, it tells the region of each input (its own rows and the *halo* that windows reach into), how
that is padded where the picture truly ends, and how the operator changes. What pads, and what the sizes are, follows
the kernels of LiteRT: SAME gives ceil(length / stride) and puts the smaller half of the padding first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelkit.slicing.graph import Operator
from modelkit.slicing.model import Model
from modelkit.tiling.facts import Facts
from modelkit.tiling.rules.padded import bind_padded
from modelkit.tiling.rules.pointwise import bind_concatenation, bind_pointwise, bind_softmax, bind_split
from modelkit.tiling.rules.scaled import bind_depth_to_space, bind_resize, bind_space_to_depth
from modelkit.tiling.rules.step import Rule, Step, Want
from modelkit.tiling.rules.windowed import CONVOLUTION, DEPTHWISE, POOL, bind_windowed

__all__ = ["Rule", "Step", "Want", "bind"]


def bind(model: Model, operator: Operator) -> Rule:
    """The rule of an operator. Raises TilingRefusedError, with the operator named, where it cannot be divided."""
    facts = Facts(model, operator)
    binder = None if operator.custom else _BINDERS.get(operator.kind)
    if binder is None:
        raise facts.refusal(_REASONS.get(operator.kind, "is not known to treat each row by itself"))
    if any(tensor >= 0 and model.graph.tensors[tensor].variable for tensor in operator.inputs):
        raise facts.refusal("keeps state")
    return binder(facts)


_ELEMENTWISE = (
    "ABS ADD CAST CEIL COS DEQUANTIZE DIV ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC MAXIMUM MINIMUM MUL "
    "NEG POW PRELU QUANTIZE RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE SQUARED_DIFFERENCE "
    "SUB TANH"
)

_BINDERS: Mapping[str, Callable[[Facts], Rule]] = {
    **dict.fromkeys(_ELEMENTWISE.split(), bind_pointwise),
    "CONCATENATION": bind_concatenation,
    "SPLIT": bind_split,
    "SOFTMAX": bind_softmax,
    "CONV_2D": lambda facts: bind_windowed(facts, CONVOLUTION, "zero"),
    "DEPTHWISE_CONV_2D": lambda facts: bind_windowed(facts, DEPTHWISE, "zero"),
    "MAX_POOL_2D": lambda facts: bind_windowed(facts, POOL, "lowest"),
    "AVERAGE_POOL_2D": lambda facts: bind_windowed(facts, POOL, "nothing"),
    "PAD": bind_padded,
    "PADV2": bind_padded,
    "RESIZE_BILINEAR": lambda facts: bind_resize(facts, halo=1),
    "RESIZE_NEAREST_NEIGHBOR": lambda facts: bind_resize(facts, halo=0),
    "DEPTH_TO_SPACE": bind_depth_to_space,
    "SPACE_TO_DEPTH": bind_space_to_depth,
}

_REASONS: Mapping[str, str] = {
    "FULLY_CONNECTED": "sees the whole picture at once",
    "MEAN": "takes the mean of the whole picture",
    "SUM": "adds up the whole picture",
    "RESHAPE": "mixes rows",
    "TRANSPOSE": "mixes rows",
    "SQUEEZE": "mixes rows",
    "ARG_MAX": "looks for one position in the whole picture",
    "MIRROR_PAD": "mirrors rows that another part has",
}
