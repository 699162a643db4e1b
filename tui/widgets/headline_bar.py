"""The cluster in one line, and below it, only when there is need, what is wrong."""

from __future__ import annotations

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.widgets import Label

from tui.headline import Headline, fit_numbers
from tui.severity import Severity

_CLASSES = {severity: f"-{severity.name.lower()}" for severity in Severity}


class HeadlineBar(Vertical):
    """Shows a headline; its colour is the class ``-ok``, ``-note``, ``-warn`` or ``-bad``."""

    headline: reactive[Headline] = reactive(Headline(Severity.NOTE, "CONNECTING", (), ""), repaint=False)

    _word = ""

    def compose(self) -> ComposeResult:
        """Lay out the word, the numbers and the problem."""
        with Horizontal():
            yield Label(id="word", markup=False)
            yield Label(id="numbers", markup=False)
        yield Label(id="problem", markup=False)

    def on_mount(self) -> None:
        """Show what was set before."""
        self.watch_headline(self.headline)

    def on_resize(self) -> None:
        """Show as many numbers as there is room for now."""
        self._show_numbers()

    def watch_headline(self, headline: Headline) -> None:
        """Show the headline."""
        if not self.is_mounted:
            return
        for severity, name in _CLASSES.items():
            self.set_class(severity is headline.severity, name)
        word = f" {headline.severity.mark} {headline.word} "
        if word != self._word:  # a layout of the whole screen is dear: only when the width may have changed
            self._word = word
            self.query_one("#word", Label).update(word)
        self._show_numbers()
        problem = self.query_one("#problem", Label)
        problem.update(headline.problem, layout=False)
        problem.display = bool(headline.problem)

    def _show_numbers(self) -> None:
        room = self.size.width - cell_len(self._word) - 2  # its padding
        self.query_one("#numbers", Label).update(fit_numbers(self.headline.numbers, room), layout=False)
