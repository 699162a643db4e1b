"""How a plan looks, and what ``bramble plan`` takes."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from cli.commands.plan import _Pin, plan
from cli.plan_picture import draw_option
from cli.plan_report import option_row, tell_effect, tell_state
from tests.unit.controller.test_plan_placement import PIPELINE
from tests.unit.controller.test_plan_placement import plan as plan_of
from wire.effects import WireEffect
from wire.plans import PinnedOperators, PlannedStage, PlanOption, PlanState
from wire.precision import Precision


def option(*pipelines: tuple[PlannedStage, ...], seconds: tuple[tuple[tuple[float, ...], ...], ...] = ()) -> PlanOption:
    return PlanOption(
        name="pipeline", pipelines=pipelines, throughput_s=12.3, latency_s=0.05, worst_latency_s=0.08,
        memory_bytes=3 << 20, traffic_bytes=2048, stage_seconds=seconds,
    )  # fmt: skip


def stage(start: int, end: int, *nodes: str) -> PlannedStage:
    return PlannedStage(start=start, end=end, nodes=nodes)


def test_stages_are_boxes_from_left_to_right_with_their_nodes_inside() -> None:
    drawn = draw_option(
        option((stage(0, 40, "pi1", "pi2"), stage(40, 70, "pi3")), seconds=(((0.005, 0.01), (0.004,)),))
    )
    assert drawn == [
        "          ┌ 0-40 ──────┐    ┌ 40-70 ────┐",
        "frames ─▶ │ pi1  5 ms  │ ─▶ │ pi3  4 ms │ ─▶ results",
        "          │ pi2  10 ms │    └───────────┘",
        "          └────────────┘",
    ]


def test_parts_of_the_picture_stand_side_by_side_and_not_one_after_another() -> None:
    tiles = option((stage(0, 24, "a"), stage(0, 24, "b"), stage(24, 70, "c")))
    assert option_row(tiles)[-1] == "0-24 x1 | 0-24 x1 > 24-70 x1"
    assert draw_option(tiles)[1] == "frames ─▶ │ a     │ ║  │ b     │ ─▶ │ c      │ ─▶ results"


def test_a_stage_of_many_nodes_is_cut_short() -> None:
    drawn = draw_option(option((stage(0, 9, *(f"n{number}" for number in range(20))),)))
    assert "and 15 more" in "\n".join(drawn)
    assert len(drawn) == 8


def test_every_pipeline_is_drawn() -> None:
    drawn = "\n".join(draw_option(option((stage(0, 9, "a"),), (stage(0, 4, "b"), stage(4, 9, "c")))))
    assert drawn.count("results") == 2


def test_an_option_is_a_row() -> None:
    row = option_row(option((stage(0, 40, "a", "b"), stage(40, 70, "c"))))
    assert row == ("pipeline", "12.3", "50 ms", "80 ms", "3.0 MiB", "2.0 KiB", "0-40 x2 > 40-70 x1")


def test_a_hop_that_is_not_exact_says_so_in_the_row_and_in_the_picture() -> None:
    coded = option((replace(stage(0, 40, "a"), wire=Precision.F16), stage(40, 70, "c")))
    assert option_row(coded)[-1] == "0-40 x1 >f16> 40-70 x1"
    assert "0-40 f16" in "\n".join(draw_option(coded))


def test_what_a_precision_does_to_answers_is_told_in_a_sentence() -> None:
    exact = option((stage(0, 40, "a"), stage(40, 70, "c")))
    assert tell_effect(exact) is None
    effect = WireEffect(node="pi1", pictures=6, same_first=6, matched=0.97, score_change=0.0038, least_overlap=0.998)
    assert tell_effect(replace(exact, name="pipeline int8", effect=effect)) == (
        "pipeline int8, on the known picture and views of it: 6 of 6 first answers stay, 97% of all, "
        "scores change by 0.0038 at most, boxes overlap theirs by 0.998 at least (measured on pi1)"
    )


@pytest.mark.parametrize("wish", [("--reset",), ("--bands", "2", "--apply")])
def test_a_precision_goes_with_no_wish_that_knows_none(wish: tuple[str, ...]) -> None:
    assert CliRunner().invoke(plan, ["m", "--allow-wire", "f16", *wish]).exit_code == 2


def test_what_is_in_force_is_told_in_a_sentence() -> None:
    assert tell_state(PlanState(model="net", plan=None)).startswith("In force: the whole model on every node")
    waiting = PlanState(model="net", plan=plan_of(PIPELINE, settled=False), missing=("operators 0 to 10 on b",))
    assert tell_state(waiting) == ("Getting ready: pipeline, 0-10 x2 > 10-20 x1; waiting for operators 0 to 10 on b.")
    assert tell_state(PlanState(model="net", plan=plan_of(PIPELINE))) == "In force: pipeline, 0-10 x2 > 10-20 x1."


def test_a_pin_names_operators_and_nodes() -> None:
    assert _Pin().convert("0-16=pi1,pi2", None, None) == PinnedOperators(start=0, end=16, nodes=("pi1", "pi2"))


@pytest.mark.parametrize("text", ["", "16-0=a", "0-16", "0-16=", "a-b=c", "0-16=a b", "0-16=a,,b", "-1-2=a"])
def test_a_pin_that_names_nothing_is_a_usage_error(text: str) -> None:
    with pytest.raises(click.BadParameter):
        _Pin().convert(text, None, None)
    assert CliRunner().invoke(plan, ["m", "--pin", text]).exit_code == 2
