"""``bramble submit``: pictures as durable jobs, each of which gets exactly one result."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections import Counter

import click
import msgspec

from cli.cluster import Cluster
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.job_progress import JobProgress
from cli.output import Exit, json_option, print_json, print_note
from cli.pictures import Picture, find_pictures
from cli.submission import Submission, Submitter
from cli.tables import join_counts
from wire import subjects
from wire.errors import AnswerTimeoutError, NoRespondersError, UnknownModelError
from wire.headers import MAX_TOP_K, THRESHOLD, TOP_K
from wire.ids import DIRECT, check_token
from wire.jobs import JobEnd, JobOutcome
from wire.messages import decode

SHOWN_FAILURES = 10


class Summary(msgspec.Struct, frozen=True):
    """What ``--no-wait --json`` prints."""

    batch: str
    jobs: int
    sent: int
    queued_before: int
    ended_before: int
    twins: int
    refused: dict[str, str]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE|DIR|-...")
@click.option("--model", required=True, metavar="NAME", help="The model to ask.")
@click.option("--batch", metavar="NAME", help="What the jobs are called together; a new name if not given.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until every job has its result.")
@click.option("--top-k", type=click.IntRange(1, MAX_TOP_K), metavar="N", help="How many classes to tell.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Leave out what is less sure; default: the model's own.")
@click.option("--patience", type=click.FloatRange(min=0), default=60.0, show_default=True, metavar="SECONDS",
              help="Give up when the server has taken no picture for so long.")  # fmt: skip
@context_option
@json_option
def submit(
    *,
    files: tuple[str, ...],
    model: str,
    batch: str | None,
    wait: bool,
    top_k: int | None,
    threshold: float | None,
    patience: float,
    context: str | None,
    as_json: bool,
) -> None:
    """Submit pictures as durable jobs: files, directories of them, or `-` for standard input.

    What the server has taken gets exactly one result, through crashes and restarts of everything. To run the same
    command with the same --batch again is safe: a picture that is in the batch already is not sent twice.
    """
    name = check_token(batch or new_batch_name(), "batch")
    if name == DIRECT:
        raise click.BadParameter(f"{DIRECT!r} is the batch of plainly published jobs", param_hint="--batch")
    check_token(model, "model")
    pictures = find_pictures(files)
    options = {TOP_K: str(top_k) if top_k else "", THRESHOLD: repr(threshold) if threshold is not None else ""}
    headers = {header: value for header, value in options.items() if value}
    print_note(f"batch {name}: {len(pictures)} pictures for {model}")
    submission = Submission(name, model)
    work = _Work(pictures, submission, headers, wait=wait, patience_s=patience, as_json=as_json)
    try:
        run(work.run(context))
    except (KeyboardInterrupt, Exception):
        if submission.sent:
            print_note(
                f"{submission.sent} jobs were submitted and go on; the same command with --batch {name} does the rest"
            )
        raise
    if work.failed or submission.refused:
        sys.exit(Exit.FAILED)


def new_batch_name() -> str:
    """Return a name that sorts by time and that nobody else has."""
    return time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(2)


class _Work:
    """Submits and waits at the same time: the first results are there while the last pictures are read."""

    def __init__(
        self,
        pictures: tuple[Picture, ...],
        submission: Submission,
        headers: dict[str, str],
        *,
        wait: bool,
        patience_s: float,
        as_json: bool,
    ) -> None:
        self._pictures = pictures
        self._submission = submission
        self._headers = headers
        self._wait = wait
        self._patience_s = patience_s
        self._as_json = as_json
        self._ends: Counter[JobEnd] = Counter()
        self._failures: list[JobOutcome] = []
        self._submitted = asyncio.Event()
        self._noted: set[str] = set()  # jobs whose outcome has been counted
        self._early: dict[str, bytes] = {}  # outcomes of the batch by job, until it is known whether that is ours

    @property
    def failed(self) -> int:
        """How many jobs have ended otherwise than done."""
        return self._ends.total() - self._ends[JobEnd.DONE]

    async def run(self, context: str | None) -> None:
        async with open_cluster(context) as cluster:
            await _check_model(cluster, self._submission.model)
            with JobProgress(len(self._pictures), wait=self._wait) as progress:
                async with asyncio.TaskGroup() as group:
                    if self._wait:
                        group.create_task(self._collect(cluster, progress))
                    await self._submit(cluster, progress)
        self._tell()

    async def _submit(self, cluster: Cluster, progress: JobProgress) -> None:
        found = self._submission
        ended = (await cluster.outcomes.state(subjects=subjects.OUTCOMES.wildcard(batch=found.batch))).subjects
        submitter = Submitter(
            cluster.queue,
            cluster.outcomes,
            found,
            ended=frozenset(subject.rpartition(".")[2] for subject in ended),
            headers=self._headers,
            patience_s=self._patience_s,
            on_step=lambda: progress.note_submitted(found.seen, len(found.files)),
            on_trouble=progress.note_trouble,
        )
        await submitter.submit(self._pictures)
        self._submitted.set()

    async def _collect(self, cluster: Cluster, progress: JobProgress) -> None:
        """Take in outcomes until every job of ours has one."""
        reading = asyncio.create_task(self._read(cluster, progress))
        submitted = asyncio.create_task(self._submitted.wait())
        try:
            await asyncio.wait((reading, submitted), return_when=asyncio.FIRST_COMPLETED)
            for job in self._early.keys() & self._submission.files.keys():
                self._note(job, self._early[job], progress)
            self._early.clear()
            if self._ends.total() < len(self._submission.files):
                await reading
        finally:
            reading.cancel()
            submitted.cancel()

    async def _read(self, cluster: Cluster, progress: JobProgress) -> None:
        found = self._submission
        async for stored in cluster.outcomes.read(subjects.OUTCOMES.wildcard(batch=found.batch), follow=True):
            job = stored.subject.rpartition(".")[2]
            if job in found.files:
                self._note(job, stored.data, progress)
            elif not self._submitted.is_set():
                self._early[job] = stored.data  # from before; its picture may not have been read yet
            if self._submitted.is_set() and len(self._noted) == len(found.files):
                return

    def _note(self, job: str, data: bytes, progress: JobProgress) -> None:
        if job in self._noted:
            return
        self._noted.add(job)
        outcome = decode(data, JobOutcome)
        self._ends[outcome.end] += 1
        if outcome.end is not JobEnd.DONE and len(self._failures) < SHOWN_FAILURES:
            self._failures.append(outcome)
        if self._as_json:
            print_json(outcome)
        progress.note_ended(len(self._noted), self.failed)

    def _tell(self) -> None:
        found = self._submission
        for name, error in found.refused:
            print_note(f"not submitted: {name}: {error.message}")
        if found.twins:
            print_note(f"{found.twins} pictures are the same as others, byte for byte, and share their results")
        if self._as_json:
            if not self._wait:
                refused = {name: error.message for name, error in found.refused}
                print_json(Summary(found.batch, len(found.files), found.sent, found.queued_before, found.ended_before,
                                   found.twins, refused))  # fmt: skip
            return
        before = [("in the queue before", found.queued_before), ("ended before", found.ended_before)]
        counts = [("submitted", found.sent), *(each for each in before if each[1])]
        click.echo(f"{found.batch}: {len(found.files)} jobs ({join_counts(counts)})")
        if not self._wait:
            click.echo(f"follow them with `bramble jobs show {found.batch}`")
            return
        click.echo(join_counts([(end.value, self._ends[end]) for end in JobEnd if self._ends[end]]))
        for outcome in self._failures:
            why = f"{outcome.error.code}: {outcome.error.message}" if outcome.error else outcome.end.value
            print_note(f"{outcome.file or outcome.job}: {why}")
        click.echo(f"all results: `bramble jobs results {found.batch}`")


async def _check_model(cluster: Cluster, model: str) -> None:
    """Refuse a model that is not configured; without a controller the queue itself is asked."""
    try:
        known = [each.model for each in (await cluster.status()).models]
    except (NoRespondersError, AnswerTimeoutError):
        return
    if model not in known:
        raise UnknownModelError(f"no model {model!r} is configured", remedy=f"there are {', '.join(known) or 'none'}")
