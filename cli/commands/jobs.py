"""``bramble jobs``: what became of durable jobs, and changing that."""

from __future__ import annotations

import time

import click

from cli.commands.results import describe_answer
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.output import json_option, print_json, print_note
from cli.tables import NONE, Table, format_bytes, format_seconds, print_table
from wire import subjects
from wire.errors import BadRequestError
from wire.ids import check_token
from wire.jobs import BatchRequest, BatchStatus, JobEnd, JobOutcome, JobsReport, QueueStatus
from wire.messages import decode

COLUMNS = ("BATCH", "MODEL", "QUEUED", "DONE", "FAILED", "CANCELLED", "RETRY", "LAST")
OUTCOME_COLUMNS = ("JOB", "END", "ANSWER", "FILE")
SHOWN = 20


@click.group(invoke_without_command=True)
@context_option
@json_option
@click.pass_context
def jobs(ctx: click.Context, /, *, context: str | None, as_json: bool) -> None:
    """List, show, export, cancel and retry durable jobs."""
    if ctx.invoked_subcommand is None:
        _print_list(context, as_json=as_json)


@jobs.command("list")
@context_option
@json_option
def list_batches(*, context: str | None, as_json: bool) -> None:
    """List the batches, and how full the queue is."""
    _print_list(context, as_json=as_json)


@jobs.command()
@click.argument("batch")
@click.argument("job", required=False)
@context_option
@json_option
def show(*, batch: str, job: str | None, context: str | None, as_json: bool) -> None:
    """Show a BATCH in numbers with its failures, or the outcome of one JOB."""
    check_token(batch, "batch")
    if job is not None:
        outcome = run(_find(context, batch, check_token(job, "job")))
        if as_json:
            print_json(outcome)
        else:
            print_table(Table(OUTCOME_COLUMNS, (outcome_row(outcome),)))
        return
    status = run(_status(context, batch))
    if as_json:
        print_json(status)
        return
    print_table(Table(COLUMNS, (row(status),)))
    failures = run(_failures(context, batch)) if status.failed else []
    if failures:
        print_table(Table(OUTCOME_COLUMNS, tuple(outcome_row(each) for each in failures)))
    if status.failed > len(failures):
        print_note(f"{status.failed - len(failures)} more failed; all are in `bramble jobs results {batch}`")
    if status.kept:
        print_note(f"{status.kept} of them can be tried again: `bramble jobs retry {batch}`")


@jobs.command()
@click.argument("batch")
@click.option("-f", "--follow", is_flag=True, help="Go on with outcomes as they come, until Ctrl-C.")
@context_option
def results(*, batch: str, follow: bool, context: str | None) -> None:
    """Print the outcomes of a BATCH as JSON lines, oldest first."""
    run(_print_results(context, check_token(batch, "batch"), follow=follow))


@jobs.command()
@click.argument("batch")
@click.argument("names", nargs=-1, metavar="[JOB]...")
@context_option
def cancel(*, batch: str, names: tuple[str, ...], context: str | None) -> None:
    """Cancel the jobs of a BATCH that have not ended, or only those named."""
    click.echo(f"{run(_change(context, 'cancel', batch, names))} jobs cancelled")


@jobs.command()
@click.argument("batch")
@click.argument("names", nargs=-1, metavar="[JOB]...")
@context_option
def retry(*, batch: str, names: tuple[str, ...], context: str | None) -> None:
    """Try the failed jobs of a BATCH again, or only those named."""
    click.echo(f"{run(_change(context, 'retry', batch, names))} jobs are tried again")


@jobs.command()
@click.argument("batch")
@context_option
def forget(*, batch: str, context: str | None) -> None:
    """Remove the outcomes of a BATCH that has ended, and the pictures kept of it."""
    click.echo(run(_forget(context, check_token(batch, "batch"))))


def _print_list(context: str | None, *, as_json: bool) -> None:
    report = run(_report(context))
    if as_json:
        print_json(report)
        return
    print_table(Table(COLUMNS, tuple(row(batch) for batch in report.batches)))
    if report.left_out:
        print_note(f"{report.left_out} more batches are not shown")
    print_note(describe_queue(report.queue))


async def _report(context: str | None) -> JobsReport:
    async with open_cluster(context) as cluster:
        return await cluster.jobs()


async def _status(context: str | None, batch: str) -> BatchStatus:
    async with open_cluster(context) as cluster:
        found = (await cluster.jobs(batch)).batches
    if not found:
        raise BadRequestError(f"there is no batch {batch!r}", remedy="see `bramble jobs list`")
    return found[0]


async def _find(context: str | None, batch: str, job: str) -> JobOutcome:
    async with open_cluster(context) as cluster:
        stored = await cluster.outcomes.last(subjects.OUTCOMES.build(batch=batch, job=job))
    if stored is None:
        raise BadRequestError(
            f"the job {job} of {batch} has no outcome (yet)", remedy=f"see `bramble jobs show {batch}`"
        )
    return decode(stored.data, JobOutcome)


async def _failures(context: str | None, batch: str) -> list[JobOutcome]:
    found: list[JobOutcome] = []
    async with open_cluster(context) as cluster:
        async for stored in cluster.outcomes.read(subjects.OUTCOMES.wildcard(batch=batch)):
            outcome = decode(stored.data, JobOutcome)
            if outcome.end is JobEnd.FAILED:
                found.append(outcome)
            if len(found) == SHOWN:
                break
    return found


async def _print_results(context: str | None, batch: str, *, follow: bool) -> None:
    async with open_cluster(context) as cluster:
        async for stored in cluster.outcomes.read(subjects.OUTCOMES.wildcard(batch=batch), follow=follow):
            click.echo(stored.data)


async def _change(context: str | None, verb: str, batch: str, names: tuple[str, ...]) -> int:
    """Ask again and again until nothing is left to change; return how many jobs were changed."""
    request = BatchRequest(
        batch=check_token(batch, "batch"), jobs=tuple(check_token(name, "job") for name in dict.fromkeys(names))
    )
    changed = 0
    async with open_cluster(context) as cluster:
        while True:
            done = await cluster.change_jobs(verb, request)
            changed += done.changed
            if not done.left:
                return changed
            print_note(f"{changed} changed, {done.left} left")


async def _forget(context: str | None, batch: str) -> str:
    async with open_cluster(context) as cluster:
        return (await cluster.forget_batch(batch)).text


def row(batch: BatchStatus) -> tuple[str, ...]:
    """Return a batch as a row under COLUMNS."""
    last = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(batch.last_at)) if batch.last_at else NONE
    counts = (batch.queued, batch.done, batch.failed, batch.cancelled, batch.kept)
    return (batch.batch, ", ".join(batch.models) or NONE, *map(str, counts), last)


def outcome_row(outcome: JobOutcome) -> tuple[str, ...]:
    """Return an outcome as a row under OUTCOME_COLUMNS."""
    if outcome.error is not None:
        answer = f"{outcome.error.code}: {outcome.error.message}"
    else:
        answer = describe_answer(outcome.result) if outcome.result else NONE
    return (outcome.job, outcome.end.value, answer, outcome.file or NONE)


def describe_queue(queue: QueueStatus) -> str:
    """Say how full the queue is, and what is wrong with it."""
    text = f"{queue.queued} jobs queued ({format_bytes(queue.queued_bytes)} of {format_bytes(queue.max_queue_bytes)})"
    if queue.queued:
        text += f", the oldest for {format_seconds(queue.oldest_s)}"
    kept = f"{queue.outcomes} outcomes kept ({format_bytes(queue.outcomes_bytes)} of "
    text += f"; {kept}{format_bytes(queue.max_outcomes_bytes)})"
    return text + (f"; {queue.problem}" if queue.problem else "")
