"""What a person has the dashboard do: only after a yes, and only where it applies."""

from __future__ import annotations

import pytest
from textual.widgets import Input, SelectionList

from tests.tui_testing.apps import go_home, make_app, settle, still
from tui.actions import Action, AddCamera, Drain, RemoveCamera, Undrain
from tui.screens.add_camera import AddCameraScreen

SIZE = (80, 24)


ACTIONS: dict[str, list[Action]] = {
    "d y": [Drain("node-1")],
    "j d y": [Drain("node-2")],
    "u y": [Undrain("node-1")],
    "d n": [],
    "d escape": [],
    "d enter": [],
    "d tab enter": [Drain("node-1")],
    "tab x y": [RemoveCamera("door")],
    "tab down x y": [RemoveCamera("yard")],
    "x": [],
    "tab d": [],
    "enter d y": [Drain("node-1")],
    "colon d o o r enter x y": [RemoveCamera("door")],
}


async def test_an_action_is_done_only_after_a_yes_and_only_where_it_applies() -> None:
    source = still()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for keys, acted in ACTIONS.items():
            source.acted.clear()
            await pilot.press(*keys.split())
            await settle(pilot)
            if under_way := [each for each in app.workers if each.group == "action"]:
                await app.workers.wait_for_complete(under_way)
            assert source.acted == acted, keys
            await go_home(pilot)


async def test_an_action_that_was_refused_says_why_and_what_to_do() -> None:
    app = make_app(source=still(refuse=True))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("d", "y")
        await settle(pilot)
        (notice,) = app._notifications
        assert (notice.severity, notice.message) == ("error", "the node said no\nask again later")


async def test_a_camera_is_added_by_its_form() -> None:
    source = still()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        app.screen.query_one("#name", Input).value = "gate"
        app.screen.query_one("#url", Input).value = "rtsp://u:p@gate/1"
        app.screen.query_one("#fps", Input).value = "5"
        await pilot.press("ctrl+s")
        await settle(pilot)
        (action,) = source.acted
        assert isinstance(action, AddCamera)
        assert (action.config.camera, action.config.url, action.config.fps) == ("gate", "rtsp://u:p@gate/1", 5.0)
        assert action.config.models == ("ssd_mobilenet_v2",)


@pytest.mark.parametrize(
    ("name", "url", "model", "wrong"),
    [
        ("a b", "usb:0", True, "not a valid CameraConfig"),
        ("gate", "", True, "not a valid CameraConfig"),
        ("gate", "usb:0", False, "choose at least one model"),
    ],
)
async def test_a_form_that_is_not_whole_says_what_is_wrong_and_stays(
    name: str, url: str, model: bool, wrong: str  # noqa: FBT001
) -> None:  # fmt: skip
    source = still()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        app.screen.query_one("#name", Input).value = name
        app.screen.query_one("#url", Input).value = url
        if not model:
            app.screen.query_one(SelectionList).deselect_all()
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert isinstance(app.screen, AddCameraScreen)
        assert wrong in str(app.screen.query_one("#wrong").render())
        assert source.acted == []
