"""What a controller keeps in the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from wire import subjects
from wire.bus import SMALL_BYTES, BlobStore, Bucket, Bus


@dataclass(frozen=True, slots=True)
class Stores:
    """The buckets, and the store of models' files."""

    config: Bucket
    assignments: Bucket
    leases: Bucket
    sight: Bucket
    fences: Bucket
    blobs: BlobStore

    @classmethod
    async def open(cls, bus: Bus) -> Self:
        """Open them, and make those that are not there.

        Raises:
            BusError: JetStream is not there.

        """
        return cls(
            config=await bus.bucket(subjects.CONFIG_BUCKET),
            assignments=await bus.bucket(subjects.ASSIGNMENTS_BUCKET),
            leases=await bus.bucket(subjects.LEASES_BUCKET, max_bytes=SMALL_BYTES),
            sight=await bus.bucket(subjects.SIGHT_BUCKET, max_bytes=SMALL_BYTES),
            fences=await bus.bucket(subjects.FENCES_BUCKET),
            blobs=await bus.blobs(subjects.MODELS_STORE),
        )
