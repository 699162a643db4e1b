"""Everything that is wrong, and what to do about it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from tui.messages import Go
from tui.moment import Moment
from tui.rows.findings import FINDING_COLUMNS, find_finding, find_place, finding_rows
from tui.screens.board_screen import BoardScreen
from tui.texts import printable
from tui.widgets.board_table import BoardTable
from tui.widgets.detail_panel import DetailPanel
from wire.findings import Finding


class FindingsScreen(BoardScreen):
    """What ``bramble doctor`` would say of the cluster now; below, the one under the cursor with its remedy."""

    HELP_TITLE = "Findings"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "toggle_everything", "Also what is well", id="everything")]

    everything: reactive[bool] = reactive(False, init=False)

    def compose_body(self) -> ComposeResult:
        """Lay out the table and the panel."""
        yield BoardTable("Findings", FINDING_COLUMNS, widget_id="findings", empty="nothing is wrong")
        yield DetailPanel(id="detail", markup=False)

    def show(self, moment: Moment) -> None:
        """Fill the table."""
        assessment = moment.assessment
        table = self.query_one("#findings", BoardTable)
        table.board = finding_rows(assessment, everything=self.everything) if assessment else None
        self.show_detail()

    def action_toggle_everything(self) -> None:
        """Show also what is well, or not any more."""
        self.everything = not self.everything

    def watch_everything(self) -> None:
        """Fill the table again."""
        if self.moment:
            self.show(self.moment)

    def on_board_table_moved(self) -> None:
        """Show the finding under the cursor."""
        self.show_detail()

    def on_board_table_opened(self) -> None:
        """Go where more is to be seen."""
        finding = self._find()
        if finding and (place := find_place(finding)):
            self.post_message(Go(place))

    def show_detail(self) -> None:
        """Show the finding under the cursor in full."""
        finding = self._find()
        panel = self.query_one("#detail", DetailPanel)
        panel.display = finding is not None
        if finding:
            remedy = (("→", printable(finding.remedy)),) if finding.remedy else ()
            panel.parts = (("", printable(finding.text)), *remedy)
            panel.border_title = printable(f"{finding.about}: {finding.check}")

    def _find(self) -> Finding | None:
        key = self.query_one("#findings", BoardTable).chosen
        assessment = self.moment.assessment if self.moment else None
        return find_finding(assessment, key) if assessment and key else None
