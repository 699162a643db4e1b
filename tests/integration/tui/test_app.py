"""What a person does at the dashboard, key by key."""

from __future__ import annotations

import pytest
from textual._compositor import Compositor
from textual.widgets import Input

from tests.tui_testing.apps import WHERE, go_home, make_app, settle, still
from tests.tui_testing.boards import AT, StillSource, healthy, large, large_status, make_result
from tui.hints import lay_hints
from tui.screens.add_camera import AddCameraScreen
from tui.screens.camera import CameraScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.controllers import ControllersScreen
from tui.screens.findings import FindingsScreen
from tui.screens.help import HelpScreen
from tui.screens.jobs import JobsScreen
from tui.screens.log_lines import LogsScreen, ProgramLogsScreen
from tui.screens.logs import EventsScreen, ResultsScreen
from tui.screens.model import ModelScreen
from tui.screens.node import NodeScreen
from tui.screens.overview import OverviewScreen
from tui.screens.plan import PlanScreen
from tui.screens.plans import PlansScreen
from tui.screens.trends import TrendsScreen
from tui.updates import Connecting, Lost, PictureTaken, ResultsTaken, StatusTaken, Wants
from tui.widgets.board_table import BoardTable
from tui.widgets.key_strip import KeyStrip
from tui.widgets.picture_view import PictureView
from wire.status import ClusterStatus

SIZE = (80, 24)


WAYS = {
    "1": OverviewScreen,
    "2": FindingsScreen,
    "3": PlansScreen,
    "3 enter": ModelScreen,
    "3 p": PlanScreen,
    "3 p escape": PlansScreen,
    "4": JobsScreen,
    "5": ControllersScreen,
    "6": EventsScreen,
    "7": ResultsScreen,
    "8": TrendsScreen,
    "9": LogsScreen,
    "enter o": ProgramLogsScreen,
    "enter o escape": OverviewScreen,
    "5 o": ProgramLogsScreen,
    "5 enter": ProgramLogsScreen,
    "colon l o g enter": LogsScreen,
    "enter": NodeScreen,
    "tab enter": CameraScreen,
    "colon y a r enter": CameraScreen,
    "colon n o d e minus 3 enter": NodeScreen,
    "colon t r e enter": TrendsScreen,
    "enter escape": OverviewScreen,
    "enter 1": OverviewScreen,
    "enter 7": ResultsScreen,
    "tab tab enter": ModelScreen,
    "colon s s d enter": ModelScreen,
    "5 tab j enter": CameraScreen,
    "enter colon d o o r enter escape": OverviewScreen,
    "colon escape": OverviewScreen,
    "question_mark": HelpScreen,
    "question_mark escape": OverviewScreen,
    "d": ConfirmScreen,
    "a": AddCameraScreen,
    "a escape": OverviewScreen,
    "escape": OverviewScreen,
}


@pytest.mark.parametrize("keys", WAYS)
async def test_a_few_keys_lead_to_every_screen_and_back(keys: str) -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press(*keys.split())
        await settle(pilot)
        assert type(app.screen) is WAYS[keys]
        await go_home(pilot)


async def test_a_filter_leaves_the_rows_that_hold_its_words_until_it_is_cleared() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"node-2", "enter")
        await settle(pilot)
        nodes = app.screen.query_one("#nodes", BoardTable)
        assert [row.key for row in nodes.shown] == ["node-2"]
        assert app.focused is nodes
        await pilot.press("escape")
        await settle(pilot)
        assert len(nodes.shown) == 3


async def test_the_cursor_goes_back_from_a_filter_to_the_table_that_it_came_from() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        cameras = app.screen.query_one("#cameras", BoardTable)
        await pilot.press("tab", "slash", *"yard", "enter")
        await settle(pilot)
        assert app.focused is cameras
        await pilot.press("slash", "escape")
        await settle(pilot)
        assert app.focused is cameras
        assert len(cameras.shown) == 2


@pytest.mark.parametrize(("status", "room"), [(healthy(), True), (large_status(20, 30), False)], ids=["few", "many"])
async def test_eighty_by_twenty_four_shows_the_latest_events_where_the_tables_leave_room(
    *, status: ClusterStatus, room: bool
) -> None:
    app = make_app(Connecting(WHERE), StatusTaken(status))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert app.screen.query_one("#latest").display is room
        for name in ("#nodes", "#cameras", "#models"):
            assert app.screen.query_one(name).region.bottom < SIZE[1]
        await pilot.resize_terminal(80, 70)
        await settle(pilot)
        assert app.screen.query_one("#latest").display


async def test_a_click_on_a_key_presses_it() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        strip = app.screen.query_one(KeyStrip)
        places = lay_hints(strip.hints, strip.size.width)
        drain = next(place for place in places if place.hint.text == "Drain")
        await pilot.click(KeyStrip, offset=(drain.start, 0))
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)


async def test_keys_typed_into_the_filter_are_text_and_no_commands() -> None:
    source = still()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("slash", "d", "q", "2")
        await settle(pilot)
        assert app.screen.query_one("#filter", Input).value == "dq2"


MOVES = {
    "j": 1,
    "down down": 2,
    "j k": 0,
    "G": 19,
    "end": 19,
    "G g": 0,
    "k": 0,
    "G j": 19,
    "ctrl+d": 7,
    "end ctrl+u": 12,
}


async def test_arrows_and_vim_keys_move_the_cursor_and_it_stays_visible() -> None:
    app = make_app(Connecting(WHERE), StatusTaken(large()))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        nodes = app.screen.query_one("#nodes", BoardTable)
        for keys, row in MOVES.items():
            await pilot.press(*keys.split())
            await settle(pilot)
            assert nodes.cursor == row, keys
            assert nodes.scroll_offset.y <= row < nodes.scroll_offset.y + nodes.size.height - 1, keys
            await go_home(pilot)


async def test_the_cursor_stays_on_its_row_while_the_order_changes() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("j")
        table = app.screen.query_one("#nodes", BoardTable)
        table.board = tuple(reversed(table.shown))
        await settle(pilot)
        assert table.chosen == "node-2"
        table.board = table.shown[:1]
        assert table.chosen == "node-3"
        table.board = ()
        assert table.chosen is None


async def test_a_second_click_on_a_row_opens_it() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.click("#nodes", offset=(5, 3), times=2)
        await settle(pilot)
        assert isinstance(app.screen, NodeScreen)
        assert app.screen.node == "node-2"


WANTS = {
    "": Wants(),
    "7": Wants(results=True),
    "7 1": Wants(),
    "4": Wants(jobs=True),
    "6": Wants(record=True),
    "3 enter": Wants(results=True),
    "tab enter": Wants(results=True, camera="door", picture="door"),
    "tab enter escape": Wants(),
    "tab enter x": Wants(results=True, camera="door", picture="door"),
}


async def test_floods_are_asked_for_only_while_someone_looks() -> None:
    source = still()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for keys, wants in WANTS.items():
            await pilot.press(*keys.split())
            await settle(pilot)
            app.repaint()
            assert source.wanted == wants, keys
            await go_home(pilot)


async def test_a_result_opens_its_camera() -> None:
    app = make_app(Connecting(WHERE), StatusTaken(healthy()), ResultsTaken((make_result(camera="yard"),), 0))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("7", "enter")
        await settle(pilot)
        assert isinstance(app.screen, CameraScreen)
        assert app.screen.camera == "yard"


async def test_the_countdown_goes_on_by_itself_and_a_key_cuts_it_short() -> None:
    now = 0.0
    source = StillSource(Connecting(WHERE), Lost("no NATS server answers", "start one", 5.0))
    app = make_app(source=source, clock=lambda: now)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "next try in 5 s" in str(app.screen.query_one("#problem").render())
        now = 2.0
        app._tick()
        await settle(pilot)
        assert "next try in 3 s" in str(app.screen.query_one("#problem").render())
        await pilot.press("r")
        assert source.hurried == 1


async def test_while_connected_there_is_nothing_to_hurry() -> None:
    source = still()
    app = make_app(source=source)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("r")
        assert source.hurried == 0


async def test_a_picture_that_is_none_is_told_in_words_and_not_shown() -> None:
    app = make_app(Connecting(WHERE), StatusTaken(healthy()), PictureTaken("door", b"\xff\xd8\xffrubbish", ""))
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("tab", "enter")
        await settle(pilot)
        assert "the picture cannot be shown" in str(app.screen.query_one("#badge").render())
        assert app.screen.query_one(PictureView).pixels is None


async def test_the_help_lists_the_keys_of_the_screen_below_it() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        assert isinstance(app.screen, HelpScreen)
        keys = dict(app.screen._keys)
        assert (keys["d"], keys["/"], keys[":"], keys["?"]) == ("Drain", "Filter", "Go to", "Help")
        assert keys["↓ j"] == "Down"


async def test_the_palette_offers_every_node_camera_and_view() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Go to node node-3", "Go to camera yard", "Go to trends", "Theme", "Screenshot"} <= titles


async def test_a_row_is_copied_to_the_clipboard() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert app.clipboard.startswith("node-1\tlive\t0.9/4")


async def test_every_theme_can_draw_the_overview() -> None:
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for theme in ("textual-light", "nord", "gruvbox"):
            app.theme = theme
            await settle(pilot)
            assert "node-1" in app.export_screenshot()


@pytest.mark.parametrize("view", ["1", "3", "8"])
async def test_what_comes_every_second_repaints_lines_and_never_the_whole_screen(
    monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    app = make_app(Connecting(WHERE), StatusTaken(large_status(20, 30)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press(view)
        await settle(pilot)
        whole: list[object] = []
        paint = Compositor.render_full_update
        monkeypatch.setattr(
            Compositor, "render_full_update", lambda *given, **named: (whole.append(given), paint(*given, **named))[1]
        )
        for turn in range(1, 4):
            app._take(StatusTaken(large_status(20, 30, turn=turn, at=AT + turn)))
            await settle(pilot)
        assert whole == []
        app.screen.refresh()
        await settle(pilot)
        assert len(whole) == 1  # it would have been seen
