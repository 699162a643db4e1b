"""What all full screens share: the headline above, the keys below, and a filter."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from tui.headline import summarise
from tui.messages import Shown
from tui.moment import Moment
from tui.updates import Wants
from tui.widgets.board_table import BoardTable
from tui.widgets.headline_bar import HeadlineBar
from tui.widgets.key_strip import KeyStrip
from tui.widgets.tab_strip import TabStrip


class BoardScreen(Screen[None]):
    """Shows a moment of the dashboard. A subclass composes its body and fills it in :meth:`show`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", id="filter"),
        Binding("escape", "leave", "Back", show=False, id="back"),
    ]
    HELP_TITLE = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar

    moment: reactive[Moment | None] = reactive(None, init=False, repaint=False)
    _filtered_from: Widget | None = None

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
        yield KeyStrip()

    def on_mount(self) -> None:
        """Begin with the first table focused."""
        self.query_one(TabStrip).current = self.app.current_mode
        if self.query(BoardTable):
            self.query(BoardTable).first().focus()
        self._refresh_moment()

    def on_screen_resume(self) -> None:
        """Ask for what has happened meanwhile."""
        self.post_message(Shown())

    def note_painted(self, touches: Callable[[Region], bool]) -> None:
        """Learn which cells were written just now."""

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

    async def action_filter(self) -> None:
        """Ask for a filter."""
        if not isinstance(self.focused, Input):
            self._filtered_from = self.focused
        if not self.query("#filter"):
            await self.mount(
                Input(
                    placeholder="words that a row must hold; Enter keeps them, Escape clears", id="filter", compact=True
                )
            )
        self.query_one("#filter", Input).focus()

    async def action_leave(self) -> None:
        """Clear the filter; where there is none, go back."""
        if self.query("#filter"):
            await self._take_filter_away()
        elif len(self.app.screen_stack) > 1:
            self.dismiss()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while the user types."""
        event.stop()
        for table in self.query(BoardTable):
            table.filter_text = event.value

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the table."""
        event.stop()
        if event.value:
            self._go_back()
        else:
            await self._take_filter_away()

    async def _take_filter_away(self) -> None:
        await self.query("#filter").remove()
        for table in self.query(BoardTable):
            table.filter_text = ""
        self._go_back()

    def _go_back(self) -> None:
        """Put the cursor where it was before the filter was asked for."""
        if self._filtered_from:
            self._filtered_from.focus()
