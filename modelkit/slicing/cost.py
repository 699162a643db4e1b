"""What an operator costs, as far as the file tells: multiplications and weights.

Multiply-accumulates are counted for what does nearly all of them (convolutions, matrix products); they are a first
guess only, since a quarter of them can be a third of the time. A profile is measured.
"""

from __future__ import annotations

import math

from modelkit.slicing.graph import Graph, Operator, Tensor

_OPERANDS = 2


def count_macs(graph: Graph, operator: Operator) -> int:
    """Multiply-accumulates of one inference; 0 for kinds that have next to none."""
    operands = [graph.tensors[index] for index in operator.inputs if index >= 0]
    if operator.custom or len(operands) < _OPERANDS or not operator.outputs:
        return 0
    result, weights = graph.tensors[operator.outputs[0]], operands[1].shape
    count = 0
    match operator.kind:
        case "CONV_2D":  # its kernel is (out, height, width, in)
            count = result.elements * math.prod(weights[1:])
        case "CONV_3D" | "DEPTHWISE_CONV_2D":  # (depth, height, width, in, out) and (1, height, width, out)
            count = result.elements * math.prod(weights[:-1])
        case "FULLY_CONNECTED":  # (out, in)
            count = result.elements * math.prod(weights[-1:])
        case "TRANSPOSE_CONV":  # (out, height, width, in), between the shape of the output and the input
            count = sum(source.elements for source in operands[2:3]) * math.prod(weights[:-1])
        case "BATCH_MATMUL":
            count = _count_product(operands[0], operands[1], result)
    return count


def _count_product(left: Tensor, right: Tensor, result: Tensor) -> int:
    """Count (a x b) times (b x c), whichever is transposed: the sizes' product is the square of abc, in each batch."""
    batches = [max(1, math.prod(tensor.shape[:-2])) for tensor in (left, right, result)]
    squared = left.elements * right.elements * result.elements * batches[2]
    return math.isqrt(squared // (batches[0] * batches[1]))


def count_parameter_bytes(graph: Graph) -> tuple[int, ...]:
    """For each operator, the stored bytes that it is the first to need."""
    producers = {tensor: operator for operator in graph.folded for tensor in operator.outputs}
    seen: set[int] = set()
    counts = []
    for operator in graph.operators:
        count, wanted = 0, list(operator.inputs)
        while wanted:
            tensor = wanted.pop()
            if tensor < 0 or tensor in seen:
                continue
            seen.add(tensor)
            if tensor in producers:
                wanted += producers[tensor].inputs
            elif graph.tensors[tensor].stored:
                count += graph.tensors[tensor].bytes or 0
        counts.append(count)
    return tuple(counts)
