"""What a cluster keeps: batches of jobs with their failures, and the audit record."""

from __future__ import annotations

from wire.audit import Deed, Entry, Outcome
from wire.errors import ErrorBody, ErrorCode
from wire.jobs import BatchStatus, JobEnd, JobOutcome, JobsReport, QueueStatus

QUEUE = QueueStatus(
    queued=412, queued_bytes=38 << 20, oldest_s=84.0, running=6, outcomes=1988, outcomes_bytes=3 << 20, dead=2,
    max_queue_bytes=1 << 30, max_outcomes_bytes=256 << 20,
)  # fmt: skip


def make_report(at: float) -> JobsReport:
    """One batch with failures, one that runs, one that is done."""
    models = ("ssd_mobilenet_v2",)
    return JobsReport(
        queue=QUEUE,
        batches=(
            BatchStatus(batch="april", models=models, done=1204, last_at=at - 90_000),
            BatchStatus(batch="harvest-cam", models=models, queued=412, done=588, last_at=at - 0.4),
            BatchStatus(batch="night-walk", models=models, done=196, failed=3, cancelled=1, kept=2, last_at=at - 610),
        ),
    )


def make_failures(batch: str, at: float) -> tuple[JobOutcome, ...]:
    """A picture that is none, and two that met no node."""
    broken = ErrorBody(code=ErrorCode.BAD_IMAGE, message="the JPEG ends early", remedy="send the whole file")
    unmet = ErrorBody(code=ErrorCode.NO_CAPACITY, message="no node was ready in 10 tries", remedy="add nodes")
    return tuple(
        JobOutcome(
            job=f"{number:032x}", batch=batch, model="ssd_mobilenet_v2", end=JobEnd.FAILED, at=at - number, file=file,
            deliveries=tries, error=error,
        )
        for number, (file, tries, error) in enumerate(
            (("walk-0007.jpg", 1, broken), ("walk-0112.jpg", 10, unmet), ("walk-0113.jpg", 10, unmet)), 1
        )
    )  # fmt: skip


def make_entries(at: float) -> tuple[Entry, ...]:
    """A camera added, a model put in place, a request refused."""
    deeds = (
        Deed(who="alice", action="camera.add", target="door", detail="rtsp://***@door.lan/1"),
        Deed(who="alice", action="model.add", target="ssd_mobilenet_v2", digest="ab" * 32),
        Deed(who="bob", action="camera.remove", target="yard", outcome=Outcome.REFUSED, detail="not authorised"),
    )
    return tuple(
        Entry(at=at - 60 + 10 * number, recorder="local", deed=deed, previous=f"{number:064x}")
        for number, deed in enumerate(deeds)
    )
