"""What all full screens share: the headline above, the keys below, and a filter."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Footer, Input

from tui.headline import summarise
from tui.moment import Moment
from tui.updates import Wants
from tui.widgets.board_table import BoardTable
from tui.widgets.headline_bar import HeadlineBar
from tui.widgets.tab_strip import TabStrip


class BoardScreen(Screen[None]):
    """Shows a moment of the dashboard. A subclass composes its body and fills it in :meth:`show`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("escape", "leave", "Back", show=False, id="back"),
    ]
    HELP_TITLE = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - likewise

    moment: reactive[Moment | None] = reactive(None, init=False, repaint=False)

    @property
    def wants(self) -> Wants:
        """What this screen needs beyond the cluster's status."""
        return Wants()

    @abstractmethod
    def compose_body(self) -> ComposeResult:
        """Lay out what is between the headline and the keys."""

    @abstractmethod
    def show(self, moment: Moment) -> None:
        """Hand the widgets their data."""

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield HeadlineBar()
        yield TabStrip()
        yield from self.compose_body()
        yield Input(
            placeholder="words that a row must hold; Enter keeps them, Escape clears", id="filter", compact=True
        )
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin without a filter, and with the first table focused."""
        self.query_one("#filter", Input).display = False
        self.query_one(TabStrip).current = self.app.current_mode
        if self.query(BoardTable):
            self.query(BoardTable).first().focus()
        self._refresh_moment()

    def watch_moment(self) -> None:
        """Show the moment."""
        if self.is_mounted:
            self._refresh_moment()

    def _refresh_moment(self) -> None:
        if self.moment is None:
            return
        self.query_one(HeadlineBar).headline = summarise(self.moment)
        self.set_class(self.moment.is_stale, "-stale")
        self.show(self.moment)

    def action_filter(self) -> None:
        """Ask for a filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_leave(self) -> None:
        """Clear the filter; where there is none, go back."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.focus_table()
        elif len(self.app.screen_stack) > 1:
            self.dismiss()

    def focus_table(self) -> None:
        """Put the cursor back into the first table."""
        if self.query(BoardTable):
            self.query(BoardTable).first().focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types."""
        event.stop()
        for table in self.query(BoardTable):
            table.filter_text = event.value

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the table."""
        event.stop()
        if not event.value:
            event.input.display = False
        self.focus_table()
