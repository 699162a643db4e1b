"""When times that a node measured of itself are to be believed."""

from __future__ import annotations

import pytest

from edge_agent.profiler import is_disturbed


@pytest.mark.parametrize(
    ("served_s", "disturbed"), [(0.0, False), (0.3, False), (2.0, False), (3.0, True), (10.0, True)]
)
def test_a_frame_now_and_then_disturbs_no_measurement_and_work_does(served_s: float, *, disturbed: bool) -> None:
    assert is_disturbed(served_s, 10.0) is disturbed
