"""Removes from the object store what no version of any model needs any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

from controller.versions.record import Versions, digest_of
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest, decode_manifest
from wire import subjects
from wire.bus import BlobStore, Bucket
from wire.errors import BadRequestError, BusError
from wire.messages import decode
from wire.plans import ModelPlan

SWEEP_S = 600.0
GRACE_S = 3600.0
"""So long a file has to be seen unneeded: who pushes a model uploads its files before anybody needs them."""

_log = logging.getLogger("bramble.versions")


class Sweeper:
    """Looks every ten minutes, where the planning is done, and forgets what it saw when that goes elsewhere."""

    def __init__(
        self, config: Bucket, blobs: BlobStore, *, is_leader: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self._config = config
        self._blobs = blobs
        self._is_leader = is_leader
        self._clock = clock
        self._since: dict[str, float] = {}

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            if not self._is_leader():
                self._since.clear()
                continue
            try:
                await self.sweep()
            except (BusError, BadRequestError, ModelkitError) as error:
                # What cannot be read may need anything: nothing goes before it can.
                _log.warning("not swept", extra={"action": "sweep", "error": str(error)})

    async def sweep(self) -> tuple[str, ...]:
        """Remove what has been unneeded for long enough, and return its names.

        Raises:
            BusError: the store or the configuration could not be read.
            BadRequestError: something in the configuration cannot be read.
            ModelkitError: a manifest cannot be read.

        """
        needed = frozenset(list_needed(await self._config.read_all()))
        now = self._clock()
        self._since = note_unneeded(self._since, await self._blobs.list(), needed, now)
        due = tuple(sorted(name for name, since in self._since.items() if now - since >= GRACE_S))
        for name in due:
            await self._blobs.remove(name)
            del self._since[name]
            _log.info("removed a file that no version needs", extra={"action": "sweep", "blob": name})
        return due


def note_unneeded(
    since: Mapping[str, float], there: Iterable[str], needed: frozenset[str], now: float
) -> dict[str, float]:
    """Return since when each file that is there has not been needed."""
    return {name: since.get(name, now) for name in there if name not in needed}


def list_needed(config: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the names of all files that the configuration needs: of every version kept, and of every plan.

    Raises:
        BadRequestError: an entry cannot be read.
        ModelkitError: likewise, a manifest.

    """
    for key, data in config.items():
        if subjects.MODEL_KEY.parse(key):
            yield from _list_files(decode_manifest(data))
        elif subjects.VERSIONS_KEY.parse(key):
            for each in decode(data, Versions).kept:
                yield from _list_files(each.manifest)
        elif subjects.PLAN_KEY.parse(key):
            plan = decode(data, ModelPlan)
            layouts = [each for each in (plan.layout, plan.previous) if each is not None]
            yield from (stage.digest for each in layouts for stages in each.pipelines for stage in stages)


def _list_files(manifest: Manifest) -> Iterator[str]:
    yield from (artefact.sha256 for artefact in manifest.artefacts)
    if manifest.known_answer is not None:
        yield manifest.known_answer.sha256
    yield subjects.SIGNATURE_BLOB.build(manifest=digest_of(manifest))
