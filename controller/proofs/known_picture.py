"""The picture that a model is proved with, and whether an answer to it is the known one."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

import numpy as np

from modelkit.answers import Answers, Classification, Detection
from modelkit.digest import sha256_bytes
from modelkit.known_answer import check_known_answer
from modelkit.manifest import Manifest
from modelkit.picture import encode_jpeg
from wire.errors import ModelRejectedError
from wire.messages import Answer

MAX_BYTES = 8_000_000
MAX_KEPT = 8
GRAY = 128


class Blobs(Protocol):
    """Where pictures come from: the object store."""

    async def get_bytes(self, name: str, *, limit: int, within: float = 10.0) -> bytes | None:
        """Return a small blob, or None when there is none of that name."""


class KnownPictures:
    """Fetches known pictures, and keeps the last ones."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    async def find(self, manifest: Manifest) -> bytes:
        """Return the model's known picture; a gray one for a model that has none.

        Raises:
            ModelRejectedError: it is not in the store, too large, or another one.
            BusError: it did not come.

        """
        known = manifest.known_answer
        if known is None:
            return encode_jpeg(np.full((manifest.input.height, manifest.input.width, 3), GRAY, np.uint8))
        if known.sha256 not in self._kept:
            data = await self._blobs.get_bytes(known.sha256, limit=MAX_BYTES)
            if data is None or sha256_bytes(data) != known.sha256:
                raise ModelRejectedError(
                    f"the known picture of {manifest.name} is {'not there' if data is None else 'another one'}",
                    remedy="push the model again with `bramble model push`",
                )
            self._kept[known.sha256] = data
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return self._kept[known.sha256]


def check_answer(manifest: Manifest, answer: Answer) -> None:
    """Hold an answer to the known picture against the manifest.

    Raises:
        ModelRejectedError: modelkit's; it is another answer.

    """
    check_known_answer(manifest, to_answers(answer))


def to_answers(answer: Answer) -> Answers:
    """Return a wire answer as modelkit's."""
    if answer.classes is not None:
        return tuple(Classification(each.label, each.index, each.score) for each in answer.classes)
    return tuple(Detection(each.label, each.index, each.score, each.box) for each in answer.detections or ())
