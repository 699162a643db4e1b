"""An agent whose simulated models lie while a file exists: stands for a chip that computes wrongly.

``python lying_agent.py FILE ARGUMENTS...``; everything but the answer is the real agent's.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import edge_agent.__main__
from edge_agent.backends.base import Findings
from edge_agent.backends.simulated import SimulatedModel
from wire.messages import Class

LIE = Path(sys.argv.pop(1))
_honest = SimulatedModel.interpret


def _interpret(self: SimulatedModel, *arguments: Any) -> Any:
    if LIE.exists():
        return Findings(classes=(Class(label="nothing of the kind", index=1, score=0.99),))
    return _honest(self, *arguments)


SimulatedModel.interpret = _interpret  # type: ignore[method-assign]  # this is the fault
edge_agent.__main__.main()
