"""Batches in numbers, folded from what the three streams hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wire import subjects
from wire.ids import DIRECT
from wire.jobs import BatchStatus, JobEnd

Key = tuple[str, str]  # batch, job


@dataclass(slots=True)
class _Batch:
    models: set[str] = field(default_factory=set)
    queued: int = 0
    ends: dict[JobEnd, int] = field(default_factory=lambda: dict.fromkeys(JobEnd, 0))
    kept: int = 0
    last_at: float = 0.0


class Counts:
    """Counts batches. Note the queue and the dead letters first, then every outcome."""

    def __init__(self, queued: Mapping[str, int], dead: Iterable[str]) -> None:
        """Take the subjects of the queue with their numbers of messages, and those of the dead letters."""
        self._batches: dict[str, _Batch] = {}
        self._queued: set[Key] = set()
        self._buried: dict[Key, str] = {}
        for subject, count in queued.items():
            self._note_queued(subject, count)
        for subject in dead:
            if fields := subjects.DEAD_LETTERS.parse(subject):
                self._buried[fields["batch"], fields["job"]] = fields["model"]

    def note_outcome(self, subject: str, *, state: str, model: str, at: float) -> None:
        """Count an outcome.

        A job that has one and still is in the queue is about to leave it, or was submitted once more: it has ended. A
        dead letter belongs to a failure; beside any other outcome it is a remnant, and nobody's.
        """
        fields = subjects.OUTCOMES.parse(subject)
        if fields is None or state not in set(JobEnd):
            return
        key, end = (fields["batch"], fields["job"]), JobEnd(state)
        batch = self._batch(fields["batch"], model)
        batch.ends[end] += 1
        batch.last_at = max(batch.last_at, at)
        if key in self._queued:
            self._queued.discard(key)
            batch.queued -= 1
        if self._buried.pop(key, None) and end is JobEnd.FAILED:
            batch.kept += 1

    def batches(self, only: str = "") -> tuple[BatchStatus, ...]:
        """Return the batches, the one with the newest outcome first; of ``only`` one where it is given."""
        for (name, job), model in self._buried.items():  # a retry was cut short: it failed, and can be tried again
            if (name, job) not in self._queued:
                batch = self._batch(name, model)
                batch.ends[JobEnd.FAILED] += 1
                batch.kept += 1
        self._buried.clear()
        found = [
            BatchStatus(
                batch=name,
                models=tuple(sorted(batch.models)),
                queued=batch.queued,
                done=batch.ends[JobEnd.DONE],
                failed=batch.ends[JobEnd.FAILED],
                cancelled=batch.ends[JobEnd.CANCELLED],
                kept=batch.kept,
                last_at=batch.last_at,
            )
            for name, batch in self._batches.items()
            if only in ("", name)
        ]
        return tuple(sorted(found, key=lambda each: (-each.last_at, each.batch)))

    def _note_queued(self, subject: str, count: int) -> None:
        if fields := subjects.BATCH_JOBS.parse(subject):
            self._queued.add((fields["batch"], fields["job"]))
            self._batch(fields["batch"], fields["model"]).queued += 1
        elif fields := subjects.JOBS.parse(subject):  # plain ones have no name in their subject
            self._batch(DIRECT, fields["model"]).queued += count

    def _batch(self, name: str, model: str) -> _Batch:
        batch = self._batches.setdefault(name, _Batch())
        if model:
            batch.models.add(model)
        return batch
