"""The three streams behind durable jobs, and how the disk is shared among them."""

from __future__ import annotations

from collections.abc import Iterable

from wire import subjects
from wire.bus import StreamSpec
from wire.errors import BadRequestError
from wire.ids import check_token

MAX_QUEUED = 100_000
OUTCOMES_AGE_S = 30 * 86400.0
DEAD_AGE_S = 30 * 86400.0
MIN_DISK = 4 << 20

NO_MODEL = "_none"
"""A stream must have a subject; this one stands in while no model is configured."""


def queue_spec(models: Iterable[str], disk: int) -> StreamSpec:
    """Return the queue: half of the disk. It takes jobs of configured models only, and refuses when it is full."""
    wanted = tuple(subject for model in sorted(models) for subject in job_subjects(model))
    return StreamSpec(
        subjects.JOBS_STREAM,
        wanted or job_subjects(NO_MODEL),
        max_bytes=disk // 2,
        max_messages=MAX_QUEUED,
        work_queue=True,
    )


def outcomes_spec(disk: int) -> StreamSpec:
    """Return the outcomes: a quarter of the disk, one a job, held by the server; refuses when it is full."""
    return StreamSpec(
        subjects.OUTCOMES_STREAM,
        (subjects.OUTCOMES.wildcard(),),
        max_bytes=disk // 4,
        max_age_s=OUTCOMES_AGE_S,
        one_a_subject=True,
    )


def dead_letters_spec(disk: int) -> StreamSpec:
    """Return the pictures of failed jobs: a quarter of the disk; the oldest go when it is full."""
    return StreamSpec(
        subjects.DEAD_LETTERS_STREAM,
        (subjects.DEAD_LETTERS.wildcard(),),
        max_bytes=disk // 4,
        max_age_s=DEAD_AGE_S,
        one_a_subject=True,
        evicts=True,
    )


def job_subjects(model: str) -> tuple[str, str]:
    """Return the subjects of a model's jobs: plain ones, and those of a batch."""
    return subjects.JOBS.build(model=model), subjects.BATCH_JOBS.wildcard(model=model)


def check_disk(size: int) -> int:
    """Return ``size`` if jobs can live on so many bytes.

    Raises:
        BadRequestError: they cannot.

    """
    if size < MIN_DISK:
        raise BadRequestError(f"{size} bytes are too few for jobs", remedy=f"give {MIN_DISK} or more")
    return size


def consumer_name(model: str) -> str:
    """Return the name of the durable consumer that all controllers share for a model."""
    return check_token(model, "model")
