"""A user's own theme and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui_testing.apps import WHERE, settle
from tests.tui_testing.boards import StillSource, healthy
from tui.app import TopApp, list_binding_ids
from tui.preferences import Preferences, find_preferences, read_preferences
from tui.screens.confirm import ConfirmScreen
from tui.updates import Connecting, StatusTaken
from wire.errors import BadRequestError

THEMES = frozenset({"nord", "gruvbox"})
KEYS = frozenset({"drain", "help"})


def write(folder: Path, text: str) -> Path:
    path = folder / "top.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_there_are_no_preferences(tmp_path: Path) -> None:
    assert read_preferences(tmp_path / "none.toml", themes=THEMES, keys=KEYS) == Preferences()


def test_the_file_lies_in_the_users_configuration_directory() -> None:
    assert find_preferences({"HOME": "/home/ada"}) == Path("/home/ada/.config/bramble/top.toml")
    assert find_preferences({"HOME": "/home/ada", "XDG_CONFIG_HOME": "/conf"}) == Path("/conf/bramble/top.toml")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("theme = 3", "malformed"),
        ("colour = 'red'", "malformed"),
        ("theme = 'neon'", "there is no theme 'neon'"),
        ("[keys]\nfly = 'f'", "there is nothing called 'fly'"),
    ],
)
def test_a_file_that_names_what_is_not_there_is_refused_with_what_there_is(
    tmp_path: Path, text: str, wrong: str
) -> None:
    with pytest.raises(BadRequestError, match=wrong) as refused:
        read_preferences(write(tmp_path, text), themes=THEMES, keys=KEYS)
    assert refused.value.remedy


def test_every_action_that_changes_something_can_have_another_key() -> None:
    wanted = {"drain", "undrain", "remove", "add_camera", "plan", "reset", "retry", "cancel", "forget", "quit", "help"}
    assert wanted <= list_binding_ids()


async def test_another_key_and_theme_are_used_in_place_of_the_usual_ones(tmp_path: Path) -> None:
    path = write(tmp_path, "theme = 'nord'\n[keys]\ndrain = 'f2'\n")
    source = StillSource(Connecting(WHERE), StatusTaken(healthy()))
    app = TopApp(lambda: source, clock=lambda: 100.0, preferences=path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        assert not isinstance(app.screen, ConfirmScreen)
        await pilot.press("f2")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert app.theme == "nord"
