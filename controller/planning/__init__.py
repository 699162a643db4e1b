"""Where each part of a model should run: from measured profiles to a plan, purely. The formulas: docs/planning.md."""

from controller.planning.layout import Prediction, measure
from controller.planning.options import Option, Stage, evaluate
from controller.planning.plan import EXACT_NODES, Plan, make_plan
from controller.planning.problem import Node, NoPlanError, Objective, Pin, Problem, Workload, differences

__all__ = [
    "EXACT_NODES",
    "NoPlanError",
    "Node",
    "Objective",
    "Option",
    "Pin",
    "Plan",
    "Prediction",
    "Problem",
    "Stage",
    "Workload",
    "differences",
    "evaluate",
    "make_plan",
    "measure",
]
