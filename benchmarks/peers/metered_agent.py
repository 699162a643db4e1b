"""The agent as it is shipped, with a meter at the three steps of a frame: ``python -m benchmarks.peers.metered_agent``.

The peers' workers count the same three steps (`benchmarks/frame_path/job.py`), so that what is left is comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.frame_path.meter import Meter, open_meter
from edge_agent.__main__ import main
from edge_agent.backends.base import Activations, Findings, Prepared
from edge_agent.backends.served_model import ServedModel
from wire.headers import WorkOrder


def put_meter(meter: Meter) -> None:
    """Have the steps of every model counted from now on."""
    prepare, infer, interpret = ServedModel.prepare, ServedModel.infer, ServedModel.interpret

    def metered_prepare(self: ServedModel, payload: bytes, order: WorkOrder) -> Prepared:
        return meter.time(lambda: prepare(self, payload, order))

    def metered_infer(self: ServedModel, prepared: Prepared) -> Sequence[Any]:
        return meter.time(lambda: infer(self, prepared))

    def metered_interpret(
        self: ServedModel, prepared: Prepared, outputs: Sequence[Any], order: WorkOrder
    ) -> Findings | Activations:
        return meter.time(lambda: interpret(self, prepared, outputs, order), ends=True)

    ServedModel.prepare = metered_prepare  # type: ignore[method-assign]
    ServedModel.infer = metered_infer  # type: ignore[method-assign]
    ServedModel.interpret = metered_interpret  # type: ignore[method-assign]


if __name__ == "__main__":
    put_meter(open_meter())
    main()
