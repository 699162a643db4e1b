"""A short run of the chaos suite, always with the same faults; ``make chaos`` runs longer ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.chaos.course import Course
from tests.chaos.run import run
from tests.chaos.schedule import draw
from tests.chaos.verdict import judge

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(240)
async def test_nothing_is_lost_or_doubled_while_agents_controllers_and_the_broker_are_killed_and_frozen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    course = Course(7, 25.0, partial(draw, 7, seconds=25.0))
    record = await run(course, log=tmp_path / "cluster.log", say=print)
    assert len({fault.kind for fault in record.faults}) >= 4
    assert [f"{each.claim}: {each.detail}" for each in judge(record) if not each.held] == [], capsys.readouterr().out
