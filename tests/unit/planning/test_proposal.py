"""What people are told of a plan, or of why there is none."""

from __future__ import annotations

import pytest

from benchmarks.bench_cluster import make_manifest
from controller.planning import NoPlanError, Problem
from controller.planning.survey import Survey
from controller.planning.workload import make_simulated_workload
from controller.plans.proposal import propose
from controller.surveying.surveyor import Field
from modelkit.manifest import SimulatedSpec
from tests.testing.heartbeats import make_heartbeat
from wire.plans import PlanRequest

SPEC = SimulatedSpec(seconds=0.1, operators=4, activation_bytes=1000, memory_bytes=40_000_000)


def test_nodes_that_could_not_be_measured_are_named_with_the_reason_and_not_called_too_small() -> None:
    work = make_simulated_workload("bench", SPEC, frame_bytes=50_000)
    field = Field(make_manifest(SPEC), "simulated", work, ((make_heartbeat("pi1"), "simulated"),), 50_000)
    found = Survey(Problem(workload=work, nodes=(), max_payload=1 << 20), (), ("pi1 was not measured",))
    with pytest.raises(NoPlanError, match="pi1 was not measured: it has been at work"):
        propose(field, found, PlanRequest(model="bench"), {"pi1": "it has been at work"})
