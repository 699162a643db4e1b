from __future__ import annotations

import pytest

from tests.tui_testing.boards import AT, healthy, make_camera, make_node, make_result, make_status
from tui.headline import fit_numbers, summarise
from tui.moment import Moment
from tui.severity import Severity
from tui.state import LOG_LINES, POINTS, RESULTS, STALE_S, Dashboard, LogLine, Phase, fold
from tui.updates import (
    Connecting,
    EventTaken,
    Lost,
    PictureMissing,
    PictureTaken,
    Refused,
    ResultsTaken,
    Silent,
    StatusTaken,
    Update,
)
from wire.messages import Event
from wire.status import ClusterStatus


def board_of(*updates: Update, now: float = 0.0) -> Dashboard:
    board = Dashboard()
    for update in updates:
        board = fold(board, update, now)
    return board


def kinds_between(before: ClusterStatus, after: ClusterStatus) -> list[tuple[str, str]]:
    return [(line.source, line.kind) for line in board_of(StatusTaken(before), StatusTaken(after)).log]


def test_a_first_status_connects_and_tells_no_changes() -> None:
    board = board_of(Connecting("nats://x"), StatusTaken(healthy()))
    assert board.connection.phase is Phase.CONNECTED
    assert board.connection.where == "nats://x"
    assert board.log == ()


def test_a_node_that_was_killed_is_in_the_log_although_it_could_not_say_so() -> None:
    before = make_status([make_node("node-1"), make_node("node-2")])
    after = make_status([make_node("node-1"), make_node("node-2", "dead", age_s=5.2)], at=AT + 6)
    (line,) = board_of(StatusTaken(before), StatusTaken(after)).log
    assert line == LogLine(AT + 6, "node-2", "dead", "silent for 5 s")


def test_a_node_that_comes_and_one_that_is_forgotten_are_in_the_log() -> None:
    before, after = make_status([make_node("node-1")]), make_status([make_node("node-2")])
    assert kinds_between(before, after) == [("node-2", "joined"), ("node-1", "forgotten")]


def test_an_agent_that_was_restarted_between_two_statuses_is_in_the_log() -> None:
    before, after = make_status([make_node(session="a")]), make_status([make_node(session="b")])
    assert kinds_between(before, after) == [("node-1", "restarted")]


def test_cameras_added_and_removed_are_in_the_log() -> None:
    node = make_node()
    before, after = make_status([node], [make_camera("door")]), make_status([node], [make_camera("yard")])
    assert kinds_between(before, after) == [("yard", "added"), ("door", "removed")]


def test_a_model_that_loses_its_last_node_is_in_the_log() -> None:
    before, after = make_status([make_node()]), make_status([make_node(liveness="dead")])
    assert ("ssd_mobilenet_v2", "unserved") in kinds_between(before, after)
    assert ("ssd_mobilenet_v2", "served") in kinds_between(after, before)


def test_two_statuses_that_say_the_same_log_nothing() -> None:
    assert kinds_between(healthy(), healthy()) == []


def test_a_lost_broker_is_logged_once_however_often_it_is_tried() -> None:
    lost = Lost("no server answers", "start one", 9.0)
    board = board_of(StatusTaken(healthy()), lost, Connecting("nats://x"), lost)
    assert board.connection.phase is Phase.LOST
    assert [line.kind for line in board.log] == ["disconnected"]


def test_what_was_known_stays_while_the_broker_is_away_and_is_stale() -> None:
    board = board_of(StatusTaken(healthy()), Lost("gone", "", 3.0), now=1.0)
    assert board.status == healthy()
    assert board.is_stale(1.0)


def test_a_status_is_stale_after_three_seconds() -> None:
    board = board_of(StatusTaken(healthy()), now=10.0)
    assert not board.is_stale(10.0 + STALE_S)
    assert board.is_stale(10.1 + STALE_S)


def test_ages_are_told_by_the_controllers_clock() -> None:
    board = board_of(StatusTaken(healthy()), now=100.0)
    assert board.controller_time(102.5) == AT + 2.5


def test_events_results_and_points_are_bounded() -> None:
    event = EventTaken("door", Event(at=AT, kind="blind", text="gone"))
    flood = ResultsTaken(tuple(make_result(f"{number:021x}") for number in range(RESULTS + 5)), 7)
    statuses = [StatusTaken(make_status([make_node()], at=AT + second)) for second in range(POINTS + 5)]
    board = board_of(*[event] * (LOG_LINES + 5), flood, flood, *statuses)
    assert (len(board.log), len(board.results), len(board.points)) == (LOG_LINES, RESULTS, POINTS)
    assert board.results[-1].frame == f"{RESULTS + 4:021x}"
    assert board.skipped == 14


def test_a_message_that_is_not_what_it_should_be_is_in_the_log() -> None:
    board = board_of(Refused("results.door.m", "not a valid Result"))
    assert [line.kind for line in board.log] == ["refused"]


def test_the_last_word_on_a_picture_is_kept() -> None:
    board = board_of(PictureTaken("door", b"jpeg", ""), PictureMissing("door", "none yet"))
    assert board.picture == PictureMissing("door", "none yet")


def test_the_headline_of_a_healthy_cluster_is_one_line() -> None:
    headline = summarise(Moment(board_of(StatusTaken(healthy())), 0.0))
    assert (headline.severity, headline.word, headline.problem) == (Severity.OK, "OK", "")
    assert headline.numbers == ("3/3 nodes", "2/2 cameras", "1/1 models", "p50 31 ms", "p99 74 ms")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, "3/3 nodes  9.9/s  p50 31 ms"),
        (27, "3/3 nodes  9.9/s  p50 31 ms"),
        (26, "3/3 nodes  9.9/s"),
        (0, "3/3 nodes"),
    ],
)
def test_numbers_are_shown_whole_or_not_at_all_but_the_first(width: int, shown: str) -> None:
    assert fit_numbers(("3/3 nodes", "9.9/s", "p50 31 ms"), width) == shown


def test_the_headline_counts_down_to_the_next_attempt() -> None:
    board = board_of(Connecting("nats://x"), Lost("no NATS server answers", "start one", 5.0))
    assert summarise(Moment(board, 2.0)).problem == "next try in 3 s; no NATS server answers: start one"
    assert summarise(Moment(board, 5.5)).problem.startswith("trying now")


def test_the_headline_says_when_only_the_controller_is_missing() -> None:
    headline = summarise(Moment(board_of(Silent("no controller answers", "start one")), 0.0))
    assert (headline.word, headline.problem) == ("NO CONTROLLER", "no controller answers: start one")


def test_the_headline_calls_an_old_status_stale() -> None:
    assert summarise(Moment(board_of(StatusTaken(healthy())), 60.0)).word == "STALE"


@pytest.mark.parametrize("seconds", [0.0, 12.0])
def test_the_headline_adds_up_the_seconds_that_cameras_were_blind(seconds: float) -> None:
    status = make_status([make_node()], [make_camera("a", seconds_blind=seconds), make_camera("b")])
    assert ("blind 12 s" in summarise(Moment(board_of(StatusTaken(status)), 0.0)).numbers) == bool(seconds)
