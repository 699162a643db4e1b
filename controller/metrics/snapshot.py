"""The controller at one moment, as its metrics are read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wire.findings import Finding
from wire.jobs import QueueStatus
from wire.messages import Counts
from wire.status import ClusterStatus


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Frozen, and taken within one turn of the event loop: its numbers belong together."""

    version: str
    status: ClusterStatus
    ledger: Mapping[tuple[str, str], Counts] = field(default_factory=dict)  # by camera and model
    ready: bool = False  # what /readyz says
    connected: bool = False  # to the NATS server
    waiting: int = 0  # frames that wait for a free slot
    redone: int = 0
    late_answers: int = 0
    cache_hits: int = 0
    cache_bytes: int = 0
    lost_messages: int = 0  # that the controller was too slow to take
    rate_refused: int = 0  # requests of clients that ask too often
    jobs: QueueStatus = QueueStatus()  # noqa: RUF009 - frozen
    job_ends: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # by model, end and reason
    jobs_repeated: int = 0
    plans: bool = False
    findings: tuple[Finding, ...] | None = None  # about the cluster; None: another controller is the one to tell
    fenced: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)  # by kind
    unrecorded: int = 0  # refusals that could not be put on the record
