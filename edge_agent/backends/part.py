"""Which part of a model a file is."""

from __future__ import annotations

import msgspec

from wire.errors import ModelRejectedError
from wire.messages import Shard
from wire.tiles import Region


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One stage of a cut, with its operators ``[start, end)``; a whole model is its only one and names none."""

    stage: int = 0
    stages: int = 1
    start: int = 0
    end: int = 0
    grid: tuple[int, int] | None = None  # rows and columns, where the stages but the last are parts of the picture
    crop: Region | None = None  # what a part sees of the model's input

    @classmethod
    def of(cls, shard: Shard) -> Part:
        """Return the part that a shard is."""
        return cls(shard.stage, shard.stages, shard.start, shard.end, shard.grid, shard.crop)

    @property
    def first(self) -> bool:
        """Whether it takes pictures."""
        return self.start == 0

    @property
    def last(self) -> bool:
        """Whether it gives findings."""
        return self.stage == self.stages - 1


WHOLE = Part()


def require_whole(part: Part, kind: str) -> None:
    """Refuse a part where only whole models can run.

    Raises:
        ModelRejectedError: it is one.

    """
    if part != WHOLE:
        raise ModelRejectedError(
            f"stage {part.stage} of {part.stages} cannot run here: {kind} models are not cut",
            remedy="assign the whole model, or a stage of its .tflite to a node with LiteRT",
        )
