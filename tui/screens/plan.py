"""A plan is proposed, and put into force once it is confirmed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, RadioButton, RadioSet

from tui.rows.plans import OPTION_COLUMNS, option_rows
from tui.texts import printable
from tui.widgets.board_table import BoardTable
from wire.errors import BrambleError
from wire.plans import Objective, PlanReport, PlanRequest

Propose = Callable[[PlanRequest], Awaitable[PlanReport]]

OBJECTIVES: tuple[Objective, ...] = tuple(each for each in get_args(Objective) if each != "energy")
"""No node reports the power it draws."""


class PlanScreen(ModalScreen[PlanRequest | None]):
    """Asks what the plan should be best at, has it made, shows what was found; hands back what is to be applied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="plan.cancel"),
        Binding("ctrl+s", "go_on", "Propose, then apply", id="plan.go_on"),
    ]

    def __init__(self, model: str, propose: Propose) -> None:
        super().__init__()
        self._model = model
        self._propose = propose
        self._found: PlanRequest | None = None

    def compose(self) -> ComposeResult:
        """Lay out the question, the answer and the buttons."""
        with Vertical(classes="box wide") as box:
            box.border_title = f"Plan {self._model}"
            with RadioSet(id="objective", compact=True):
                for place, objective in enumerate(OBJECTIVES):
                    yield RadioButton(f"for {objective}", value=place == 0)
            yield Label("Nodes and links that are not known yet are measured first.", id="said", markup=False)
            yield BoardTable("Ways to run it, the best first", OPTION_COLUMNS, widget_id="options")
            with Horizontal(classes="buttons"):
                yield Button("Cancel (Esc)", id="cancel", compact=True)
                yield Button("Propose (Ctrl+S)", id="go_on", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Show the table once there is something in it."""
        self.query_one("#options", BoardTable).display = False

    def on_radio_set_changed(self) -> None:
        """What was found was for another objective."""
        self._found = None
        self._say("Nodes and links that are not known yet are measured first.", "Propose (Ctrl+S)")
        self.query_one("#options", BoardTable).display = False

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go on, or leave."""
        if event.button.id == "go_on":
            self.action_go_on()
        else:
            self.dismiss(None)

    def action_go_on(self) -> None:
        """Have the plan made; where it is, apply it."""
        if self._found is not None:
            self.dismiss(self._found)
            return
        place = self.query_one("#objective", RadioSet).pressed_index
        request = PlanRequest(model=self._model, objective=OBJECTIVES[max(0, place)])
        self._say("Measuring what is not known, and planning: this may take a minute…", "Propose (Ctrl+S)")
        self.query_one("#go_on", Button).disabled = True
        self.run_worker(self._make(request), name="propose", exclusive=True)

    async def _make(self, request: PlanRequest) -> None:
        try:
            report = await self._propose(request)
        except BrambleError as error:
            self._say("; ".join(part for part in (error.message, error.remedy) if part), "Propose (Ctrl+S)")
            return
        table = self.query_one("#options", BoardTable)
        table.board = option_rows(report.options)
        table.display = True
        self._found = request
        self._say(f"{report.reason[:1].upper()}{report.reason[1:]}.", "Apply the best (Ctrl+S)")

    def _say(self, text: str, label: str) -> None:
        self.query_one("#said", Label).update(printable(text))
        button = self.query_one("#go_on", Button)
        button.label = label
        button.disabled = False
