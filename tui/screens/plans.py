"""How every model is laid out over the nodes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.actions import ResetPlan
from tui.flow import trace_flow
from tui.jump import Target
from tui.messages import Ask, Go, Plan
from tui.moment import Moment
from tui.rows.plans import PLAN_COLUMNS, plan_rows
from tui.screens.board_screen import BoardScreen
from tui.texts import format_clock, printable
from tui.widgets.board_table import BoardTable
from tui.widgets.detail_panel import DetailPanel
from wire.plans import PlanState


class PlansScreen(BoardScreen):
    """A line a model; below, why the one under the cursor is laid out as it is."""

    HELP_TITLE = "Plans"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "plan", "Plan anew", id="plan"),
        Binding("z", "reset", "Reset", id="reset"),
    ]

    def compose_body(self) -> ComposeResult:
        """Lay out the table and the panel."""
        yield BoardTable("Plans", PLAN_COLUMNS, widget_id="plans", empty="no model yet: `bramble model push NAME`")
        yield DetailPanel(id="detail", markup=False)

    def show(self, moment: Moment) -> None:
        """Fill the table."""
        assessment, board = moment.assessment, moment.board
        if assessment is None:
            return
        table = self.query_one("#plans", BoardTable)
        table.board = plan_rows(
            assessment, lambda model: trace_flow(assessment.status, model, board.samples, board.results)
        )
        self.show_detail()

    def on_board_table_moved(self) -> None:
        """Show the plan under the cursor."""
        self.show_detail()

    def on_board_table_opened(self, event: BoardTable.Opened) -> None:
        """Show the model."""
        self.post_message(Go(Target("model", event.key)))

    def action_plan(self) -> None:
        """Have a plan made for the model under the cursor."""
        if model := self.query_one("#plans", BoardTable).chosen:
            self.post_message(Plan(model))

    def action_reset(self) -> None:
        """Reset the plan of the model under the cursor."""
        if model := self.query_one("#plans", BoardTable).chosen:
            self.post_message(Ask(ResetPlan(model)))

    def show_detail(self) -> None:
        """Say why the model under the cursor is laid out as it is."""
        model = self.query_one("#plans", BoardTable).chosen
        panel = self.query_one("#detail", DetailPanel)
        panel.display = model is not None
        status = self.moment.board.status if self.moment else None
        if model is None or status is None:
            return
        state = next((each for each in status.plans if each.model == model), None)
        panel.border_title = printable(model)
        panel.parts = explain(state)


def explain(state: PlanState | None) -> tuple[tuple[str, str], ...]:
    """Say why a model is laid out as it is, and what is missing."""
    if state is None or state.plan is None:
        return (("", "Every node that can runs the whole model. p shows whether another layout would be better."),)
    parts = [(f"since {format_clock(state.plan.at)}", printable(state.plan.reason))]
    parts += [("missing", printable(each)) for each in state.missing]
    return tuple(parts)
