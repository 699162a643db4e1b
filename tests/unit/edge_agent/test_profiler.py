"""When times that a node measured of itself are to be believed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edge_agent import profiler
from edge_agent.profiler import is_disturbed, wait_for_pause
from wire.errors import NoCapacityError


@dataclass
class Frames:
    """What a node has to do: it has less after every look."""

    in_flight: int
    left: int

    @property
    def queued(self) -> int:
        self.left -= 1
        return max(0, self.left)


async def test_a_pause_between_frames_is_waited_for() -> None:
    frames = Frames(in_flight=0, left=3)
    await wait_for_pause(frames, "pi1")
    assert frames.left == 0


async def test_a_node_that_never_pauses_is_not_measured_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiler, "PAUSE_S", 0.05)
    with pytest.raises(NoCapacityError, match="pi1 has been at work"):
        await wait_for_pause(Frames(in_flight=1, left=0), "pi1")


@pytest.mark.parametrize(
    ("served_s", "disturbed"), [(0.0, False), (0.3, False), (2.0, False), (3.0, True), (10.0, True)]
)
def test_a_frame_now_and_then_disturbs_no_measurement_and_work_does(served_s: float, *, disturbed: bool) -> None:
    assert is_disturbed(served_s, 10.0) is disturbed
