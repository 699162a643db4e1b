"""Real pictures over the cells of a terminal: when they are written, and when they are left alone."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from msgspec.structs import replace
from PIL import Image
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui_testing.apps import NOW, WHERE, settle
from tests.tui_testing.boards import AT, StillSource, healthy, make_node, make_result, make_status
from tui.app import TopApp
from tui.graphics import Graphics
from tui.screens.board_screen import BoardScreen
from tui.updates import Connecting, PictureTaken, ResultsTaken, StatusTaken, Update
from tui.widgets.picture_view import PictureView

SIZE = (110, 36)


def make_picture(colour: tuple[int, int, int]) -> PictureTaken:
    jpeg = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(jpeg, "JPEG")
    return PictureTaken("door", jpeg.getvalue(), "")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order: ``draw`` and ``erase`` of a picture; cells written ``over`` it, or ``beside`` it."""
    told: list[str] = []
    note = PictureView.note_painted

    def note_painted(view: PictureView, touches: Callable[[Region], bool]) -> None:
        if view._laid is not None:
            told.append("over" if touches(view._laid.place) else "beside")
        note(view, touches)

    monkeypatch.setattr(PictureView, "note_painted", note_painted)
    monkeypatch.setattr(
        PictureView, "_write", lambda _self, data: told.append("erase" if "a=d" in data[:8] else "draw")
    )
    return told


def make_picture_app(protocol: str, *updates: Update) -> TopApp:
    source = StillSource(Connecting(WHERE), StatusTaken(healthy()), make_picture((200, 40, 40)), *updates)
    graphics = Graphics("kitty" if protocol == "kitty" else "sixel", 10, 20)
    return TopApp(lambda: source, clock=lambda: NOW, graphics=graphics)


async def rest(pilot: Pilot[None]) -> None:
    """Wait until everything is on the screen, the picture too."""
    await settle(pilot)
    while drawing := [each for each in pilot.app.workers if each.group == "picture" and not each.is_finished]:
        await pilot.app.workers.wait_for_complete(drawing)
        await settle(pilot)


@asynccontextmanager
async def showing_a_picture(protocol: str) -> AsyncIterator[tuple[TopApp, Pilot[None]]]:
    """The camera view with its picture on the screen, for the time of an ``async with``."""
    app = make_picture_app(protocol)
    async with app.run_test(size=SIZE) as pilot:
        await rest(pilot)
        await pilot.press("tab", "enter")
        await rest(pilot)
        yield app, pilot


@pytest.mark.parametrize("protocol", ["kitty", "sixel"])
async def test_a_picture_is_written_again_only_where_cells_were_written_over_it(protocol: str, told: list[str]) -> None:
    async with showing_a_picture(protocol) as (app, pilot):
        for second in range(1, 4):
            app._take(StatusTaken(replace(healthy(), at=AT + second / 10)))
            app._take(ResultsTaken((make_result(f"{second:021x}"),), 0))
            app.repaint()
            await rest(pilot)
        assert "beside" in told
        reasons = {last for last, following in pairwise(told) if following == "draw"}
        assert reasons <= ({"over"} if protocol == "sixel" else {"erase"}), "a picture of Kitty's only where it moved"


@pytest.mark.parametrize("protocol", ["kitty", "sixel"])
async def test_another_picture_takes_the_place_of_the_one_before(protocol: str, told: list[str]) -> None:
    async with showing_a_picture(protocol) as (app, pilot):
        told.clear()
        app._take(make_picture((40, 200, 40)))
        app.repaint()
        await rest(pilot)
        assert "draw" in told
        assert "erase" not in told


@pytest.mark.parametrize("protocol", ["kitty", "sixel"])
async def test_a_picture_gives_way_to_a_question_and_comes_back(protocol: str, told: list[str]) -> None:
    async with showing_a_picture(protocol) as (_, pilot):
        told.clear()
        await pilot.press("x")
        await rest(pilot)
        assert told.count("erase") == (protocol == "kitty"), "the question's cells cover a sixel"
        told.clear()
        await pilot.press("n")
        await rest(pilot)
        assert "draw" in told


async def test_a_screen_that_is_covered_is_left_alone_and_brought_up_to_date_when_it_is_seen_again() -> None:
    app = make_picture_app("sixel")
    async with app.run_test(size=SIZE) as pilot:
        await rest(pilot)
        covered = app.screen
        assert isinstance(covered, BoardScreen)
        await pilot.press("enter")
        await rest(pilot)
        app._take(StatusTaken(make_status([make_node("late")], at=AT + 1)))
        app.repaint()
        await rest(pilot)
        assert covered.moment is not None
        assert covered.moment.board is not app.board
        await pilot.press("escape")
        await rest(pilot)
        assert app.screen is covered
        assert covered.moment.board is app.board
