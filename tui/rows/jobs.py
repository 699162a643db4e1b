"""Durable jobs as rows: batches, and why jobs failed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from tui.columns import MARK, Column, Row
from tui.rows.order import natural_key
from tui.severity import Severity
from tui.texts import NONE, format_bytes, format_count, format_span, printable
from wire.jobs import BatchStatus, JobOutcome, JobsReport, QueueStatus

BATCH_COLUMNS = (
    MARK,
    Column("batch", "BATCH", 16),
    Column("state", "STATE", 8),
    Column("queued", "QUEUED", 6, right=True),
    Column("done", "DONE", 6, right=True),
    Column("failed", "FAILED", 6, right=True),
    Column("cancelled", "CANCELLED", 9, rank=3, right=True),
    Column("kept", "KEPT", 5, rank=2, right=True),
    Column("last", "LAST", 6, rank=4, right=True),
    Column("models", "MODELS", 10, rank=1, grows=True),
)
FAILURE_COLUMNS = (
    MARK,
    Column("file", "FILE", 18),
    Column("state", "CODE", 14),
    Column("tries", "TRIES", 5, rank=2, right=True),
    Column("why", "WHY", 24, grows=True),
)


def batch_rows(report: JobsReport, at: float) -> tuple[Row, ...]:
    """Return a row a batch under BATCH_COLUMNS: what failed first, then what runs, then the newest."""
    ordered = sorted(report.batches, key=lambda batch: (not batch.failed, not batch.queued, -batch.last_at))
    return tuple(_batch_row(batch, at) for batch in ordered)


def failure_rows(outcomes: Iterable[JobOutcome]) -> tuple[Row, ...]:
    """Return a row a failed job under FAILURE_COLUMNS."""
    rows = [_failure_row(outcome) for outcome in outcomes]
    return tuple(sorted(rows, key=lambda row: natural_key(row.cells[1])))


def describe_queue(queue: QueueStatus) -> str:
    """Say how full the queue is."""
    text = f"{queue.queued} queued, {format_bytes(queue.queued_bytes)} of {format_bytes(queue.max_queue_bytes)}"
    return text + (f", the oldest {format_span(queue.oldest_s)}" if queue.queued else "")


def _batch_row(batch: BatchStatus, at: float) -> Row:
    if batch.failed:
        severity, word = Severity.WARN, "failures"
    elif batch.queued:
        severity, word = Severity.NOTE, "running"
    else:
        severity, word = Severity.OK, "done"
    cells = (
        severity.mark,
        batch.batch,
        word,
        *map(format_count, (batch.queued, batch.done, batch.failed, batch.cancelled, batch.kept)),
        format_span(max(0.0, at - batch.last_at)) if batch.last_at else NONE,
        ", ".join(batch.models) or NONE,
    )
    return Row(batch.batch, severity, tuple(map(printable, cells)))


def _failure_row(outcome: JobOutcome) -> Row:
    error = outcome.error
    why = f"{error.message}; {error.remedy}" if error and error.remedy else error.message if error else NONE
    cells = (
        Severity.BAD.mark,
        PurePosixPath(outcome.file).name or outcome.job,
        error.code.value if error else NONE,
        str(outcome.deliveries),
        why,
    )
    return Row(outcome.job, Severity.BAD, tuple(map(printable, cells)))
