"""How the screens look, one picture a state. Changed on purpose: `pytest tests/integration/tui --snapshot-update`."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from tests.tui_testing.apps import NOW, WHERE, make_app
from tests.tui_testing.boards import (
    AT,
    healthy,
    large,
    make_camera,
    make_node,
    make_report,
    make_result,
    make_status,
)
from tests.tui_testing.pictures import LARGE, WIDE, Compare, looks_as_before
from tui.app import TopApp
from tui.updates import Connecting, EventTaken, Lost, PictureTaken, ResultsTaken, Silent, StatusTaken
from wire.messages import Event, ShardState

FIRST = Connecting(WHERE)


def in_trouble() -> TopApp:
    """A dead node, a hot one, one that loads; a camera that is blind and one that is late."""
    nodes = [
        make_node("node-1"),
        make_node("node-2", "dead", age_s=42.0),
        make_node("node-3", temperature_c=84.0, throttling=("under-voltage", "throttled")),
        make_node("node-4", shards=(make_report(), make_report("mobilenet_v2", ShardState.PROVING, ewma_ms=0))),
    ]
    cameras = [
        make_camera("door"),
        make_camera("gate", "blind", reason="gate.lan:554 refused the connection", fps=0, seconds_blind=75.0),
        make_camera("yard", frame_age_s=9.0),
    ]
    return make_app(FIRST, StatusTaken(make_status(nodes, cameras)))


def with_picture(*, taken: float = AT) -> TopApp:
    """A camera that shows a yellow disc on blue."""
    image = Image.new("RGB", (64, 36), (30, 60, 140))
    ImageDraw.Draw(image).ellipse((20, 6, 44, 30), fill=(240, 210, 60))
    out = io.BytesIO()
    image.save(out, "PNG")
    frame = f"{int(taken * 1000):011x}" + "0" * 10
    return make_app(
        FIRST, StatusTaken(healthy()), ResultsTaken((make_result(),), 0), PictureTaken("door", out.getvalue(), frame)
    )


def test_a_healthy_cluster(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app())


def test_a_healthy_cluster_on_a_wide_terminal(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), size=WIDE)


def test_a_healthy_cluster_on_a_large_terminal(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), size=LARGE)


def test_twenty_nodes_and_thirty_cameras_on_a_small_terminal(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(large())))


def test_a_dead_node_and_a_blind_camera_come_first(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, in_trouble())


def test_trouble_can_be_read_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks_as_before(snap_compare, in_trouble())


def test_trouble_on_a_light_theme(snap_compare: Compare) -> None:
    app = in_trouble()
    app.theme = "textual-light"
    assert looks_as_before(snap_compare, app)


def test_no_broker_at_the_start(snap_compare: Compare) -> None:
    lost = Lost("no NATS server answers at nats://***@pi:4222", "start one with `bramble local`", NOW + 3)
    assert looks_as_before(snap_compare, make_app(FIRST, lost))


def test_a_broker_that_went_away_leaves_the_last_known_dimmed(snap_compare: Compare) -> None:
    lost = Lost("no NATS server answers at nats://***@pi:4222", "start one with `bramble local`", NOW + 3)
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(healthy()), lost))


def test_no_controller(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(FIRST, Silent("no controller answers", "start one")))


def test_a_node(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, in_trouble(), "j", "enter")


def test_a_camera_and_its_picture(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_picture(), "tab", "enter")


def test_a_camera_without_colour_is_drawn_in_letters(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks_as_before(snap_compare, with_picture(), "tab", "enter")


def test_a_stale_picture_is_dimmed_and_badged(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_picture(taken=AT - 60), "tab", "enter")


def test_events(snap_compare: Compare) -> None:
    updates = [
        StatusTaken(make_status([make_node("node-1"), make_node("node-2")])),
        EventTaken("gate", Event(at=AT + 2, kind="blind", text="gate.lan:554 refused the connection")),
        EventTaken("gate", Event(at=AT + 9, kind="live", text="live")),
        StatusTaken(make_status([make_node("node-1"), make_node("node-2", "dead", age_s=5.1)], at=AT + 10)),
    ]
    assert looks_as_before(snap_compare, make_app(FIRST, *updates), "6")


def test_results(snap_compare: Compare) -> None:
    found = tuple(make_result(f"{n:021x}", camera, at=AT + n) for n, camera in enumerate(("door", "yard", "door")))
    assert looks_as_before(snap_compare, make_app(FIRST, StatusTaken(healthy()), ResultsTaken(found, 12)), "7")


def test_trends(snap_compare: Compare) -> None:
    nodes = [make_node()]
    statuses = [
        StatusTaken(make_status(nodes, at=AT + n, inferred=20 * n + n % 7 * 3, dropped=n // 10)) for n in range(60)
    ]
    assert looks_as_before(snap_compare, make_app(FIRST, *statuses), "8")


def test_the_help(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "question_mark")


def test_the_question_before_a_drain(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "d")


def test_the_form_for_a_camera(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "a")


def test_where_a_jump_leads(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "colon", "y", "a")


def test_a_filter(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, make_app(), "slash", *"node-2")
