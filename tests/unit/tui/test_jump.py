from __future__ import annotations

import pytest

from tests.tui_testing.boards import make_camera, make_node, make_status
from tui.jump import Target, find_target, list_targets

STATUS = make_status(
    [make_node("node-1"), make_node("node-10"), make_node("door")], [make_camera("door"), make_camera("yard")]
)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("trends", Target("view", "trends")),
        ("node-10", Target("node", "node-10")),
        ("node-1", Target("node", "node-1")),
        ("NODE-1", Target("node", "node-1")),
        ("door", Target("node", "door")),
        ("camera door", Target("camera", "door")),
        ("camera  ya", Target("camera", "yard")),
        ("ev", Target("view", "events")),
        ("ard", Target("camera", "yard")),
        ("nothing", None),
        ("  ", None),
    ],
)
def test_a_name_leads_to_the_best_fit(text: str, target: Target | None) -> None:
    assert find_target(text, list_targets(STATUS)) == target


def test_without_a_cluster_there_are_the_views_only() -> None:
    assert {target.kind for target in list_targets(None)} == {"view"}
