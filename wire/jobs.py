"""What crosses the network about durable jobs: their outcomes, their batches, and what is asked of them.

A job is one picture for one model. Its identity is the pair of batch and job name, and the server allows one outcome
for each, so that a job that was done twice has one result all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote, unquote

from msgspec import Meta

from wire.errors import ErrorBody
from wire.ids import Token
from wire.messages import Count, Message, NotNegative, Result

FILE = "Bramble-File"
"""Header of a job: the name that people know the picture by, percent-encoded."""

STATE = "Bramble-State"
"""Header of an outcome: its state, so that a batch can be counted without reading every result."""

MODEL = "Bramble-Model"
"""Header of an outcome: the model that was asked."""

MESSAGE_ID = "Nats-Msg-Id"
"""NATS' own header: the server takes a message with a known id only once; it names a job of the batch ``direct``."""

MAX_FILE_NAME = 200
MAX_CHUNK = 1000
"""Jobs that one request cancels or retries at most."""


class JobEnd(StrEnum):
    """How a job can end."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobOutcome(Message, frozen=True, omit_defaults=True):
    """The one terminal result of a job, as stored on ``outcomes.<batch>.<job>``."""

    job: Token
    batch: Token
    model: str
    end: JobEnd
    at: float
    file: str = ""
    controller: str = ""
    deliveries: Count = 0  # how often the queue handed it to a controller
    result: Result | None = None  # where it was done
    error: ErrorBody | None = None  # where it failed


class BatchStatus(Message, frozen=True, omit_defaults=True):
    """A batch in numbers. ``queued`` counts what waits and what is being worked on."""

    batch: Token
    models: tuple[str, ...]
    queued: Count = 0
    done: Count = 0
    failed: Count = 0
    cancelled: Count = 0
    kept: Count = 0  # pictures of failed jobs that `retry` can take
    last_at: float = 0.0  # of the newest outcome


class QueueStatus(Message, frozen=True, omit_defaults=True):
    """The job queue at a glance."""

    queued: Count = 0  # waiting or being worked on, in the whole cluster
    queued_bytes: Count = 0
    oldest_s: NotNegative = 0.0
    running: Count = 0  # at the controller that answers
    outcomes: Count = 0  # kept
    outcomes_bytes: Count = 0
    dead: Count = 0
    max_queue_bytes: Count = 0
    max_outcomes_bytes: Count = 0
    problem: str = ""  # what keeps jobs from being worked on


class JobsReport(Message, frozen=True, omit_defaults=True):
    """The answer to ``control.jobs.list``."""

    queue: QueueStatus
    batches: tuple[BatchStatus, ...] = ()
    left_out: Count = 0  # batches beyond the first thousand


class BatchRequest(Message, frozen=True, omit_defaults=True):
    """A request about a batch, or about some of its jobs; the empty name stands for all batches."""

    batch: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")] = ""
    jobs: Annotated[tuple[Token, ...], Meta(max_length=MAX_CHUNK)] = ()


class ChunkDone(Message, frozen=True):
    """What one request changed, and how many jobs are left to ask for again."""

    changed: Count
    left: Count


def name_job(model: str, batch: str, picture: bytes) -> str:
    """Return the job name of a picture: the same picture for the same model in the same batch is the same job."""
    about = hashlib.sha256(f"{model}\0{batch}\0".encode())
    about.update(hashlib.sha256(picture).digest())
    return about.hexdigest()[:32]


def own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a job that are its submitter's wishes, without the server's and the transport's."""
    return {name: value for name, value in headers.items() if name.lower().startswith("bramble-")}


def write_file_name(name: str) -> str:
    """Return a file's name as it can stand in a header; the end of a long one, which tells most."""
    return quote(name.encode("utf-8", "replace")[-MAX_FILE_NAME:])


def read_file_name(text: str) -> str:
    """Read a file's name out of a header, whatever it holds."""
    return unquote(text[: 3 * MAX_FILE_NAME], errors="replace")[:MAX_FILE_NAME]
