"""Lines of logs: what they become, how they are folded, and a view that follows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui_testing.apps import WHERE, make_app, settle
from tests.tui_testing.boards import StillSource, healthy
from tests.tui_testing.log_lines import CONTROLLER, NODE, make_told, take
from tests.tui_testing.pictures import WIDE, Compare, looks_as_before
from tui.app import TopApp
from tui.rows.lines import LEVELS, describe_lack, judge_level, line_rows, next_level
from tui.severity import Severity
from tui.state import PROGRAM_LINES, Dashboard, fold
from tui.updates import Connecting, StatusTaken, Update
from tui.widgets.board_table import BoardTable
from wire.log_lines import LogLevel, Mute, Program

STORY = (
    make_told(1, "serving", program=CONTROLLER, action="start"),
    make_told(2, "proved mobilenet_v2", action="prove", variant="cpu-int8"),
    make_told(3, "disconnected", level=LogLevel.WARNING, action="disconnect"),
    make_told(4, "a handler failed", level=LogLevel.ERROR, action="handle", traceback="ValueError\nno such frame"),
    make_told(5, "reconnected", action="reconnect"),
)


def with_logs(*updates: Update) -> TopApp:
    """A healthy cluster, and what its programs logged."""
    given_updates = updates or (take(*STORY, mute=(Mute(NODE, "nobody is there"),)),)
    return make_app(Connecting(WHERE), StatusTaken(healthy()), *given_updates)


def texts(table: BoardTable) -> list[str]:
    return [row.cells[-1].split(" ")[0] for row in table.shown]


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (LogLevel.INFO, Severity.OK),
        (LogLevel.WARNING, Severity.WARN),
        (LogLevel.ERROR, Severity.BAD),
        (LogLevel.CRITICAL, Severity.BAD),
    ],
)
def test_a_line_is_as_bad_as_its_level(level: LogLevel, severity: Severity) -> None:
    assert judge_level(level) is severity


@given(st.lists(st.sampled_from(list(LogLevel)), max_size=30), st.sampled_from(LEVELS))
def test_rows_are_the_lines_of_a_level_and_worse_in_their_order(levels: list[LogLevel], least: LogLevel) -> None:
    told = [make_told(number, level=level) for number, level in enumerate(levels)]

    rows = line_rows(told, level=least)

    assert [row.key for row in rows] == [each.key for each in told if each.line.level.rank >= least.rank]


def test_rows_can_be_of_one_program() -> None:
    rows = line_rows(STORY, level=LogLevel.INFO, program="controller/c1")

    assert [row.cells[2] for row in rows] == ["c1"]


def test_a_program_is_called_by_its_name_unless_a_node_and_a_controller_share_it() -> None:
    alone, shared = (
        [make_told(1), make_told(2, program=CONTROLLER)],
        [make_told(3, program=Program("controller", NODE.name))],
    )
    assert [row.cells[2] for row in line_rows(alone, level=LogLevel.INFO)] == ["node-1", "c1"]
    both = line_rows([*alone, *shared], level=LogLevel.INFO)
    assert [row.cells[2] for row in both] == ["node/node-1", "c1", "controller/node-1"]


def test_nothing_in_a_line_can_steer_the_terminal() -> None:
    (row,) = line_rows([make_told(1, "\x1b[2J", field="\x07")], level=LogLevel.INFO)

    assert all(cell.isprintable() for cell in row.cells)


def test_levels_come_round() -> None:
    assert [next_level(level) for level in LEVELS] == [LogLevel.WARNING, LogLevel.ERROR, LogLevel.INFO]


def test_who_tells_nothing_and_what_was_lost_is_said() -> None:
    mute = (Mute(NODE, "nobody is there"), Mute(CONTROLLER, "no answer"))

    assert describe_lack(mute, 0, "", program="controller/c1") == "controller/c1: no answer"
    assert "2 lines gone" in describe_lack(mute, 2, "")
    assert describe_lack((), 0, "") == ""


def test_lines_that_are_told_again_are_kept_once_and_the_oldest_are_let_go() -> None:
    board = fold(Dashboard(), take(*STORY, lost=3), 0.0)
    board = fold(board, take(*STORY), 0.0)
    assert board.lines == STORY
    assert board.lost_lines == 3

    board = fold(board, take(*(make_told(10 + number) for number in range(PROGRAM_LINES))), 0.0)
    assert len(board.lines) == PROGRAM_LINES
    assert board.lines[0].line.number == 10


async def test_the_cursor_follows_at_the_end_and_stays_elsewhere() -> None:
    app = with_logs(take(*STORY))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)
        table = app.screen.query_one("#lines", BoardTable)
        assert table.chosen == STORY[-1].key

        app._take(take(*(make_told(number, f"line-{number}") for number in range(6, 60))))
        await settle(pilot)
        assert table.chosen == make_told(59).key
        assert table.scroll_offset.y == table.max_scroll_y > 0

        await pilot.press("k")
        app._take(take(make_told(60, "line-60")))
        await settle(pilot)
        assert table.chosen == make_told(58).key

        await pilot.press("G")
        app._take(take(make_told(61, "line-61")))
        await settle(pilot)
        assert table.chosen == make_told(61).key


async def test_a_level_and_a_filter_leave_lines_out() -> None:
    app = with_logs(take(*STORY))
    async with app.run_test(size=(110, 24)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)
        table = app.screen.query_one("#lines", BoardTable)
        assert texts(table) == ["serving", "proved", "disconnected", "a", "reconnected"]

        await pilot.press("w")
        assert texts(table) == ["disconnected", "a"]
        await pilot.press("w")
        assert texts(table) == ["a"]
        await pilot.press("w", "slash", *"connected", "enter")
        assert texts(table) == ["disconnected", "reconnected"]


async def test_logs_are_asked_for_only_while_somebody_looks() -> None:
    source = StillSource(Connecting(WHERE), StatusTaken(healthy()), take(*STORY))
    app = make_app(source=source)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys, wanted in ((("9",), ""), (("1",), None), (("enter", "o"), "node/node-1"), (("escape",), None)):
            await pilot.press(*keys)
            await settle(pilot)
            app.repaint()  # as each status does
            assert source.wanted.logs == wanted


@pytest.mark.parametrize("reason", ["nobody is there", "[Errno 111] refused [/]"])
async def test_whose_lines_are_missing_stands_below_the_lines(reason: str) -> None:
    app = with_logs(take(*STORY, mute=(Mute(NODE, reason),)))
    async with app.run_test(size=(110, 24)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)
        table = app.screen.query_one("#lines", BoardTable)
        lowest = table.region.bottom - 1
        shown = "".join(segment.text for segment in app.screen._compositor.render_strips()[lowest])
        assert f"node/node-1: {reason}" in shown


def test_logs(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_logs(), "9", "k", size=WIDE)


def test_logs_on_a_small_terminal(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_logs(), "9")


def test_the_log_of_a_node(snap_compare: Compare) -> None:
    assert looks_as_before(snap_compare, with_logs(), "enter", "o", "w", size=WIDE)
