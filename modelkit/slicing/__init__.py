"""Cutting a .tflite: any half-open range of its operators becomes a model of its own, bit-identical on one runtime.

`read_graph` says what the model is, `cuts` what a cut costs, `slice_model` makes one shard and `split` a whole chain.
"""

from modelkit.slicing.cut import Cut, cuts
from modelkit.slicing.graph import Graph, Operator, Tensor
from modelkit.slicing.model import read_graph
from modelkit.slicing.shard import CutRefusedError, Shard, slice_model
from modelkit.slicing.stages import FRAME, Arrival, Pipeline, Stage, split

__all__ = [
    "FRAME",
    "Arrival",
    "Cut",
    "CutRefusedError",
    "Graph",
    "Operator",
    "Pipeline",
    "Shard",
    "Stage",
    "Tensor",
    "cuts",
    "read_graph",
    "slice_model",
    "split",
]
