"""One model: how its frames flow from stage to stage, measured and predicted, and the versions kept of it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import DescendantFocus

from tui.actions import Promote, ResetPlan, RollBack
from tui.columns import Row
from tui.facts import model_facts
from tui.flow import trace_flow
from tui.jump import Target
from tui.messages import Ask, Go, Plan
from tui.moment import Moment
from tui.rows.logs import LOG_COLUMNS, log_rows
from tui.rows.plans import FLOW_COLUMNS, flow_rows
from tui.rows.versions import VERSION_COLUMNS, version_rows
from tui.screens.board_screen import BoardScreen
from tui.texts import printable
from tui.updates import Wants
from tui.widgets.board_table import BoardTable
from tui.widgets.facts_panel import FactsPanel
from wire.versions import VersionStatus


class ModelScreen(BoardScreen):
    """Shows the model of that name."""

    HELP_TITLE = "Model"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "plan", "Plan anew", id="plan"),
        Binding("z", "reset", "Reset", id="reset"),
        Binding("m", "promote", "Promote", id="promote"),
        Binding("b", "roll_back", "Roll back", id="roll_back"),
        Binding("escape", "leave", "Back", id="back"),
    ]

    def __init__(self, model: str) -> None:
        super().__init__()
        self.model = model
        self._versions: tuple[VersionStatus, ...] = ()

    @property
    def wants(self) -> Wants:
        """Results: their timings tell of the links between the stages."""
        return Wants(results=True)

    def compose_body(self) -> ComposeResult:
        """Lay out facts, stages, versions and events."""
        with VerticalScroll(id="facts"):
            yield FactsPanel()
        yield BoardTable("Stages", FLOW_COLUMNS, widget_id="flow", empty="no node has it yet")
        yield BoardTable("Versions", VERSION_COLUMNS, widget_id="versions")
        yield BoardTable("Events", LOG_COLUMNS, widget_id="log", empty="nothing has happened to it so far")

    def on_mount(self) -> None:
        """Name the model; one version alone needs no table."""
        self.query_one("#facts").border_title = f"Model {self.model}"
        self.query_one("#versions").display = False

    def show(self, moment: Moment) -> None:
        """Fill in what is known of the model."""
        board, assessment = moment.board, moment.assessment
        models = assessment.status.models if assessment else ()
        found = next((model for model in models if model.model == self.model), None)
        panel = self.query_one(FactsPanel)
        if found is None or assessment is None:
            panel.facts = (("State", "there is no model of this name" if board.status else "not known yet"),)
            return
        flow = trace_flow(assessment.status, self.model, board.samples, board.results)
        panel.facts = model_facts(found, flow, assessment)
        self.query_one("#flow", BoardTable).board = flow_rows(flow)
        self._show_versions(found.versions, version_rows(found, assessment.status.at))
        self.query_one("#log", BoardTable).board = log_rows(line for line in board.log if line.source == self.model)

    def on_board_table_opened(self, event: BoardTable.Opened) -> None:
        """Show the node of a stage."""
        if event.table.id == "flow" and (node := event.key.rpartition("/")[2]) not in ("hop", "gap"):
            self.post_message(Go(Target("node", node)))

    def on_descendant_focus(self, _event: DescendantFocus) -> None:
        """Offer the keys of the table that has the cursor."""
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Offer an action only where it applies."""
        if action == "promote":
            return self.focused is not None and self.focused.id == "versions"
        return action != "roll_back" or len(self._versions) > 1

    def action_promote(self) -> None:
        """Put the version under the cursor into force."""
        chosen = self.query_one("#versions", BoardTable).chosen
        found = next((each for each in self._versions if each.digest == chosen), None)
        if found is None:
            return
        if found.state != "kept":
            self.notify(f"Version {printable(found.version)} is in force already.", markup=False)
            return
        self.post_message(Ask(Promote(self.model, printable(found.version), found.digest)))

    def action_roll_back(self) -> None:
        """Put back into force what was before the present version."""
        if current := next((each for each in self._versions if each.state != "kept"), None):
            self.post_message(Ask(RollBack(self.model, printable(current.version))))

    def action_plan(self) -> None:
        """Have a plan made."""
        self.post_message(Plan(self.model))

    def action_reset(self) -> None:
        """Reset the plan."""
        self.post_message(Ask(ResetPlan(self.model)))

    def _show_versions(self, versions: tuple[VersionStatus, ...], rows: tuple[Row, ...]) -> None:
        several = len(versions) > 1
        if several != (len(self._versions) > 1):
            self.query_one("#versions").display = several
            self.refresh_bindings()
        self._versions = versions
        self.query_one("#versions", BoardTable).board = rows
