"""Durable jobs: their batches, and why those of one failed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.actions import CancelJobs, ForgetBatch, RetryJobs
from tui.facts import batch_facts
from tui.jump import Target
from tui.messages import Ask, Go
from tui.moment import Moment
from tui.rows.jobs import BATCH_COLUMNS, FAILURE_COLUMNS, batch_rows, describe_queue, failure_rows
from tui.screens.board_screen import BoardScreen
from tui.severity import judge_jobs
from tui.texts import printable
from tui.updates import Wants
from tui.widgets.board_table import BoardTable
from tui.widgets.detail_panel import DetailPanel
from tui.widgets.facts_panel import FactsPanel


class JobsScreen(BoardScreen):
    """A line a batch: first those with failures, then those that run."""

    HELP_TITLE = "Jobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "retry", "Retry failed", id="retry"),
        Binding("c", "cancel", "Cancel", id="cancel"),
        Binding("x", "forget", "Forget", id="forget"),
    ]

    @property
    def wants(self) -> Wants:
        """The batches."""
        return Wants(jobs=True)

    def compose_body(self) -> ComposeResult:
        """Lay out the table and the panel."""
        yield BoardTable(
            "Batches", BATCH_COLUMNS, widget_id="batches", empty="no batch yet: `bramble submit FILES --model NAME`"
        )
        yield DetailPanel(id="detail", markup=False)

    def show(self, moment: Moment) -> None:
        """Fill the table."""
        table, panel = self.query_one("#batches", BoardTable), self.query_one("#detail", DetailPanel)
        report, assessment = moment.board.jobs, moment.assessment
        table.board = batch_rows(report, moment.at) if report else None
        table.note = printable(moment.board.why_without("jobs"))
        panel.border_title = "Queue"
        if assessment is None or assessment.status.jobs is None:
            panel.parts = (("", "not known yet"),)
            return
        panel.parts = (("", printable(str(judge_jobs(assessment)))), ("", describe_queue(assessment.status.jobs)))

    def on_board_table_opened(self, event: BoardTable.Opened) -> None:
        """Show the batch."""
        self.post_message(Go(Target("batch", event.key)))

    def action_retry(self) -> None:
        """Try the failed jobs of the batch under the cursor again."""
        if batch := self.query_one("#batches", BoardTable).chosen:
            self.post_message(Ask(RetryJobs(batch)))

    def action_cancel(self) -> None:
        """Cancel what is left of the batch under the cursor."""
        if batch := self.query_one("#batches", BoardTable).chosen:
            self.post_message(Ask(CancelJobs(batch)))

    def action_forget(self) -> None:
        """Forget the batch under the cursor."""
        if batch := self.query_one("#batches", BoardTable).chosen:
            self.post_message(Ask(ForgetBatch(batch)))


class BatchScreen(BoardScreen):
    """Shows the batch of that name: its counts, and the jobs that failed with the reason."""

    HELP_TITLE = "Batch"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "retry", "Retry this job", id="retry_job"),
        Binding("T", "retry_all", "Retry all", id="retry_all"),
        Binding("c", "cancel", "Cancel", id="cancel"),
        Binding("escape", "leave", "Back", id="back"),
    ]

    def __init__(self, batch: str) -> None:
        super().__init__()
        self.batch_name = batch

    @property
    def wants(self) -> Wants:
        """The batches, and this one's failures."""
        return Wants(jobs=True, batch=self.batch_name)

    def compose_body(self) -> ComposeResult:
        """Lay out counts, failures and the panel."""
        yield FactsPanel(id="facts")
        yield BoardTable("Failed jobs", FAILURE_COLUMNS, widget_id="failures", empty="none")
        yield DetailPanel(id="detail", markup=False)

    def on_mount(self) -> None:
        """Name the batch."""
        self.query_one("#facts").border_title = f"Batch {self.batch_name}"

    def show(self, moment: Moment) -> None:
        """Fill in what is known of the batch."""
        board = moment.board
        batches = board.jobs.batches if board.jobs else ()
        found = next((batch for batch in batches if batch.batch == self.batch_name), None)
        panel = self.query_one("#facts", FactsPanel)
        unknown = "there is no batch of this name" if board.jobs else "not known yet"
        panel.facts = batch_facts(found, moment.at) if found else (("State", unknown),)
        ours = board.failures.outcomes if board.failures and board.failures.batch == self.batch_name else None
        table = self.query_one("#failures", BoardTable)
        table.board = None if ours is None else failure_rows(ours)
        table.note = printable(board.why_without("failures"))
        self.show_detail()

    def on_board_table_moved(self) -> None:
        """Show the job under the cursor."""
        self.show_detail()

    def action_retry(self) -> None:
        """Try the job under the cursor again."""
        if job := self.query_one("#failures", BoardTable).chosen:
            self.post_message(Ask(RetryJobs(self.batch_name, (job,))))

    def action_retry_all(self) -> None:
        """Try all failed jobs again."""
        self.post_message(Ask(RetryJobs(self.batch_name)))

    def action_cancel(self) -> None:
        """Cancel what is left."""
        self.post_message(Ask(CancelJobs(self.batch_name)))

    def show_detail(self) -> None:
        """Say why the job under the cursor failed."""
        job = self.query_one("#failures", BoardTable).chosen
        panel = self.query_one("#detail", DetailPanel)
        failures = self.moment.board.failures if self.moment else None
        found = next((each for each in failures.outcomes if each.job == job), None) if failures else None
        panel.display = found is not None
        if found and found.error:
            panel.border_title = printable(found.file or found.job)
            remedy = (("→", printable(found.error.remedy)),) if found.error.remedy else ()
            panel.parts = (("", printable(f"{found.error.code.value}: {found.error.message}")), *remedy)
