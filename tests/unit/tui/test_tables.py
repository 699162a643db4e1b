"""Rows, columns, cells and the texts in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from tests.tui_testing.archives import make_entries, make_failures
from tests.tui_testing.archives import make_report as make_jobs
from tests.tui_testing.boards import AT, MODEL, healthy, large, make_camera, make_node, make_result, make_status, shaken
from tui.cells import fit_cell, lay_out
from tui.columns import PADDING, Column, Row, filter_rows, fit_columns
from tui.facts import camera_facts, node_facts
from tui.jump import Target
from tui.rows.cluster import (
    CAMERA_COLUMNS,
    MODEL_COLUMNS,
    NODE_COLUMNS,
    SHARD_COLUMNS,
    camera_rows,
    model_rows,
    node_rows,
    shard_rows,
)
from tui.rows.controllers import CONTROLLER_COLUMNS, DUTY_COLUMNS, controller_rows, duty_rows
from tui.rows.findings import FINDING_COLUMNS, find_finding, find_place, finding_rows
from tui.rows.foundations import SERVER_COLUMNS, server_rows
from tui.rows.jobs import BATCH_COLUMNS, FAILURE_COLUMNS, batch_rows, failure_rows
from tui.rows.logs import LOG_COLUMNS, RESULT_COLUMNS, log_rows, result_rows
from tui.rows.plans import FLOW_COLUMNS, OPTION_COLUMNS, PLAN_COLUMNS
from tui.rows.record import RECORD_COLUMNS, record_rows
from tui.severity import Severity, assess
from tui.state import LogLine
from tui.texts import format_bytes, format_count, format_ms, format_span, printable

TABLES = [
    BATCH_COLUMNS, CAMERA_COLUMNS, CONTROLLER_COLUMNS, DUTY_COLUMNS, FAILURE_COLUMNS, FINDING_COLUMNS, FLOW_COLUMNS,
    LOG_COLUMNS, MODEL_COLUMNS, NODE_COLUMNS, OPTION_COLUMNS, PLAN_COLUMNS, RECORD_COLUMNS, RESULT_COLUMNS,
    SERVER_COLUMNS, SHARD_COLUMNS,
]  # fmt: skip


@pytest.mark.parametrize("columns", TABLES, ids=lambda columns: "-".join(column.key for column in columns[1:4]))
def test_every_table_fits_eighty_columns(columns: tuple[Column, ...]) -> None:
    fitted = fit_columns(columns, 80)
    assert sum(width + PADDING for _, width in fitted) == 80


@given(st.integers(0, 300), st.sampled_from(TABLES))
def test_a_wider_terminal_never_shows_fewer_columns(width: int, columns: tuple[Column, ...]) -> None:
    narrow, wide = fit_columns(columns, width), fit_columns(columns, width + 1)
    assert {index for index, _ in narrow} <= {index for index, _ in wide}


@given(st.integers(0, 300), st.sampled_from(TABLES))
def test_columns_that_may_not_be_left_out_never_are(width: int, columns: tuple[Column, ...]) -> None:
    kept = {index for index, _ in fit_columns(columns, width)}
    assert {index for index, column in enumerate(columns) if column.rank == 0} <= kept


@given(st.text(), st.integers(1, 40), st.booleans())
def test_a_cell_is_exactly_as_wide_as_its_column(text: str, width: int, right: bool) -> None:  # noqa: FBT001
    assert cell_len(fit_cell(printable(text), width, right=right)) == width


def test_what_is_cut_ends_in_dots() -> None:
    assert (fit_cell("abcdef", 4), fit_cell("ab", 4, right=True), fit_cell("ab", 4)) == ("abc…", "  ab", "ab  ")


def test_a_row_is_laid_out_in_few_runs_with_its_signs_coloured() -> None:
    columns = (Column("mark", "", 1), Column("name", "NAME", 4), Column("state", "STATE", 5), Column("n", "N", 3))
    runs = lay_out(columns, fit_columns(columns, 21), ("●", "pi", "live", "1"))
    assert runs == ((" ", False), ("●", True), ("  pi    ", False), ("live ", True), ("  1   ", False))


@given(st.text())
def test_no_foreign_text_can_steer_the_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_the_worst_come_first_and_equals_in_the_order_that_people_count() -> None:
    nodes = [make_node("node-10"), make_node("node-2"), make_node("node-1", draining=True), make_node("node-3", "dead")]
    assert [row.key for row in node_rows(assess(make_status(nodes)))] == ["node-3", "node-1", "node-2", "node-10"]


def test_a_dead_node_shows_no_readings_of_its_past() -> None:
    (row,) = node_rows(assess(make_status([make_node(liveness="dead", age_s=7.0)]), waited_s=1.0))
    assert row.cells == ("✖", "node-1", "dead", "-", "-", "-", "-", "-", "-", "8.0 s", "silent for 8 s")


def test_a_node_row_tells_load_work_heat_and_speed() -> None:
    (row,) = node_rows(assess(make_status([make_node()])))
    cells = ("●", "node-1", "live", "1.1/4", "1+0", "54 °C", "-", "-", "3.0 GiB", "0.4 s", "ssd_mobilenet_v2 24 ms")
    assert row.cells == cells


def test_a_node_row_tells_what_it_has_beside_its_processor_and_what_holds_that_back() -> None:
    node = make_node(throttling=("under-voltage",))
    node = replace(node, heartbeat=replace(node.heartbeat, variants=("edgetpu", "cpu-int8")))
    (row,) = node_rows(assess(make_status([node])))
    assert row.cells[6:8] == ("under-voltage", "Edge TPU")


def test_a_camera_row_tells_rate_age_and_blindness() -> None:
    (row,) = camera_rows(assess(make_status([make_node()], [make_camera(seconds_blind=75.0)])))
    assert row.cells == ("●", "door", "live", "10.0", "0.1 s", "1m15s", "0", "-", "5000", "0", "local", MODEL)


def test_a_blind_camera_row_says_why() -> None:
    (row,) = camera_rows(assess(make_status([], [make_camera(phase="blind", reason="refused\x1b[2J")])))
    assert (row.severity, row.cells[-1]) == (Severity.BAD, "refused?[2J")


def test_a_model_row_counts_the_nodes_that_are_ready() -> None:
    (row,) = model_rows(assess(make_status([make_node("node-1"), make_node("node-2", "dead")])))
    assert row.cells[-1] == "1/1 node-1"


def test_a_shard_row_tells_its_stage_and_speed() -> None:
    (row,) = shard_rows(make_node())
    assert row.cells[1:7] == ("ssd_mobilenet_v2", "ready", "cpu-int8", "1/1", "24 ms", "1200")


def test_a_result_row_counts_what_was_found() -> None:
    (row,) = result_rows([make_result(camera="yard")])
    assert row.cells[2:] == ("yard", "ssd_mobilenet_v2", "1 Bicycle, 1 Person", "node-1", "31 ms")


def test_the_newest_log_line_comes_first() -> None:
    rows = log_rows([LogLine(AT, "door", "blind", "gone"), LogLine(AT + 1, "door", "live", "back")])
    assert [row.cells[3] for row in rows] == ["live", "blind"]
    assert [row.severity for row in rows] == [Severity.OK, Severity.BAD]


def test_every_cell_of_the_largest_cluster_stands_under_a_column() -> None:
    assessment = assess(large())
    for columns, rows in (
        (NODE_COLUMNS, node_rows(assessment)),
        (CAMERA_COLUMNS, camera_rows(assessment)),
        (MODEL_COLUMNS, model_rows(assessment)),
        (CONTROLLER_COLUMNS, controller_rows(assessment)),
        (SERVER_COLUMNS, server_rows(assess(shaken()))),
        (DUTY_COLUMNS, duty_rows(assessment)),
        (FINDING_COLUMNS, finding_rows(assessment, everything=True)),
        (BATCH_COLUMNS, batch_rows(make_jobs(AT), AT)),
        (FAILURE_COLUMNS, failure_rows(make_failures("night-walk", AT))),
        (RECORD_COLUMNS, record_rows(make_entries(AT))),
    ):
        assert {len(columns)} == {len(row.cells) for row in rows}


def test_no_two_rows_of_a_table_have_the_same_key() -> None:
    assessment = assess(large())
    for rows in (finding_rows(assessment, everything=True), duty_rows(assessment), record_rows(make_entries(AT))):
        assert len({row.key for row in rows}) == len(rows)


def test_the_worst_finding_comes_first_and_leads_to_what_it_is_about() -> None:
    assessment = assess(make_status([make_node("node-1", draining=True), make_node("node-2", "dead")]))
    rows = finding_rows(assessment)
    assert [(row.cells[1], row.cells[2]) for row in rows] == [("node node-2", "heartbeat"), ("node node-1", "draining")]
    finding = find_finding(assessment, rows[0].key)
    assert finding is not None
    assert finding.remedy
    assert find_place(finding) == Target("node", "node-2")


def test_what_is_well_is_shown_only_when_it_is_asked_for_and_last() -> None:
    assessment = assess(make_status([make_node("node-1", draining=True)]))
    assert len(finding_rows(assessment)) == 1
    everything = finding_rows(assessment, everything=True)
    assert everything[0].severity is Severity.WARN
    assert {row.severity for row in everything[1:]} == {Severity.OK}


def test_servers_and_witnesses_that_are_not_well_say_so_in_a_word_and_come_first() -> None:
    rows = server_rows(assess(shaken()))

    assert [row.cells[1:3] for row in rows] == [
        ("hub2", "offline"), ("hub1", "current"), ("witness-hub2", "silent"), ("witness-hub3", "blind"),
    ]  # fmt: skip
    assert [row.severity for row in rows] == [Severity.BAD, Severity.OK, Severity.WARN, Severity.WARN]


def test_where_one_server_is_alone_there_is_no_row() -> None:
    assert server_rows(assess(healthy())) == ()


def test_a_camera_that_no_controller_has_is_nobodys_duty() -> None:
    planning, door = duty_rows(assess(make_status([make_node()], [make_camera("door", controller="")])))
    assert (planning.cells[3], planning.severity) == ("local", Severity.OK)
    assert (door.cells[2], door.cells[3], door.severity) == ("nobody's", "-", Severity.WARN)


def test_batches_with_failures_come_first_then_those_that_run() -> None:
    assert [row.key for row in batch_rows(make_jobs(AT), AT)] == ["night-walk", "harvest-cam", "april"]


def test_a_failed_job_says_why_and_what_to_do() -> None:
    row = failure_rows(make_failures("night-walk", AT))[0]
    assert row.cells[1:] == ("walk-0007.jpg", "bad_image", "1", "the JPEG ends early; send the whole file")


def test_the_record_shows_refusals_as_such_and_the_newest_first() -> None:
    newest = record_rows(make_entries(AT))[0]
    assert newest.severity is Severity.WARN
    assert newest.cells[2:5] == ("bob", "camera.remove", "yard")
    assert newest.cells[-1] == "refused: not authorised"


def test_a_filter_wants_every_word_somewhere_in_the_row() -> None:
    rows = [Row("a", Severity.OK, ("Door", "live")), Row("b", Severity.BAD, ("yard", "blind"))]
    assert [row.key for row in filter_rows(rows, "door LIVE")] == ["a"]
    assert list(filter_rows(rows, "door blind")) == []
    assert rows == list(filter_rows(rows, "  "))


def test_facts_of_a_camera_hold_no_password_even_if_the_controller_forgot() -> None:
    camera = make_camera()
    leaky = type(camera)(
        **{name: getattr(camera, name) for name in camera.__struct_fields__} | {"source": "rtsp://u:p@h/"}
    )
    assert dict(camera_facts(leaky, assess(make_status([], [leaky]))))["Source"] == "rtsp://***@h/"


def test_facts_of_a_node_say_that_nothing_throttles_it() -> None:
    node = make_node()
    assert dict(node_facts(node, assess(make_status([node]))))["Throttling"] == "none"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (60.0, "1m00s"),
        (3725, "1h02m"),
        (200_000, "2d07h"),
    ],
)
def test_durations_are_coarser_the_longer_they_are(seconds: float | None, text: str) -> None:
    assert format_span(seconds) == text


@given(st.floats(0, 8.6e6))
def test_durations_take_six_columns_at_most(seconds: float) -> None:
    assert len(format_span(seconds)) <= 6


@given(st.integers(0, 10**9))
def test_counts_take_six_columns_at_most(count: int) -> None:
    assert len(format_count(count)) <= 6


def test_units_are_said() -> None:
    assert (format_ms(8.123), format_ms(120.2), format_ms(0)) == ("8.12 ms", "120 ms", "-")
    assert (format_bytes(90 << 20), format_bytes(3.5 * (1 << 30)), format_bytes(12)) == ("90 MiB", "3.5 GiB", "12 B")
