"""Models' files at the controller: fetched to be read and cut, never to be run."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from controller.planning import Workload
from controller.planning.divided import Front
from controller.planning.tiles import Divided
from controller.planning.workload import choose_cuts, make_simulated_workload, make_workload
from modelkit.digest import sha256_bytes
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest
from modelkit.slicing import Shard, cuts, read_graph, split
from modelkit.tiling import Grid, Tiling, TilingRefusedError, choose_cut, survey, tile
from wire import subjects
from wire.bus import Bus
from wire.errors import BadRequestError, ErrorBody, ErrorCode, ModelRejectedError, error_from_body

CUTTABLE = ("cpu-int8", "cpu-f32")
"""Variants whose files are ``.tflite`` for the processor."""
MAX_BYTES = 512 << 20
SLICING_S = 120.0
_KEPT = 8

T = TypeVar("T")


class Artefacts:
    """Workloads and shards of the models in the object store."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._workloads: OrderedDict[tuple[str, int], Workload] = OrderedDict()
        self._fronts: OrderedDict[tuple[str, tuple[int, ...], tuple[Grid, ...]], tuple[Front, ...]] = OrderedDict()
        self._slicing = asyncio.Lock()  # one file in memory at a time

    async def describe(self, manifest: Manifest, variant: str, *, frame_bytes: int) -> Workload:
        """Return a model as segments to distribute; a variant that is not cut is one segment.

        Raises:
            ModelRejectedError: the file is not there, or cannot be cut at all.
            BusError: it did not come.

        """
        if variant == "simulated" and manifest.simulated is not None:
            return make_simulated_workload(manifest.name, manifest.simulated, frame_bytes=frame_bytes)
        artefact = manifest.artefact(variant)
        if variant not in CUTTABLE:
            return Workload(
                model=manifest.name, cuts=(0, 1), crossing_bytes=(frame_bytes, 0), weight_bytes=(artefact.bytes,),
                arena_bytes=(0,),
            )  # fmt: skip
        key = (artefact.sha256, frame_bytes)
        if key not in self._workloads:
            async with self._slicing:
                data = await self._fetch(artefact.sha256, artefact.bytes)
                self._workloads[key] = await _in_thread(functools.partial(_describe, manifest.name, data, frame_bytes))
            while len(self._workloads) > _KEPT:
                self._workloads.popitem(last=False)
        return self._workloads[key]

    async def cut(self, manifest: Manifest, variant: str, at: Sequence[int]) -> tuple[str, ...]:
        """Cut a model, put the shards' files into the object store, and return their digests.

        Raises:
            ModelRejectedError: it cannot be cut there.
            BusError: a file did not come or was not stored.

        """
        if variant == "simulated":  # there is no file: the name says what is played
            bounds = (0, *at, manifest.simulated.operators if manifest.simulated else 0)
            whole = manifest.digest(variant)
            return tuple(sha256_bytes(f"{whole} {start} {end}".encode()) for start, end in pairwise(bounds))
        if variant not in CUTTABLE:
            raise BadRequestError(f"{variant} is not cut", remedy="plan with --variant cpu-int8 or cpu-f32")
        artefact = manifest.artefact(variant)
        async with self._slicing:
            data = await self._fetch(artefact.sha256, artefact.bytes)
            shards = await _in_thread(functools.partial(_cut, data, tuple(at)))
            await self._store({shard.digest: shard.data for shard in shards})
        return tuple(shard.digest for shard in shards)

    async def divide(self, manifest: Manifest, variant: str, grid: Grid, at: int | None) -> Divided:
        """Divide the front of a model by area, before operator ``at`` or where it is best, and store the files.

        Raises:
            ModelRejectedError: it cannot be divided there.
            BadRequestError: the variant is no ``.tflite`` for the processor.
            BusError: a file did not come or was not stored.

        """
        if variant not in CUTTABLE:
            raise BadRequestError(f"{variant} is not divided", remedy="plan with --variant cpu-int8 or cpu-f32")
        artefact = manifest.artefact(variant)
        async with self._slicing:
            data = await self._fetch(artefact.sha256, artefact.bytes)
            tiling, rest = await _in_thread(functools.partial(_divide, data, grid, at))
            await self._store({part.digest: part.data for part in tiling.parts} | {rest.digest: rest.data})
        seen = []
        for part in tiling.parts:
            rows, columns = part.inputs[0].region
            seen.append((part.digest, (columns.start, rows.start, columns.end, rows.end)))
        return Divided(tiling.at, rest.end, tuple(seen), rest.digest)

    async def weigh_fronts(
        self, manifest: Manifest, variant: str, at: Sequence[int], grids: Sequence[Grid]
    ) -> tuple[Front, ...]:
        """Return what dividing by area gives at the cuts ``at``; none for a variant that is not cut.

        Raises:
            ModelRejectedError: the file is not there, or cannot be cut at all.
            BusError: it did not come.

        """
        if variant not in CUTTABLE:
            return ()
        artefact = manifest.artefact(variant)
        key = (artefact.sha256, tuple(at), tuple(grids))
        if key not in self._fronts:
            async with self._slicing:
                data = await self._fetch(artefact.sha256, artefact.bytes)
                self._fronts[key] = await _in_thread(functools.partial(_weigh_fronts, data, frozenset(at), grids))
            while len(self._fronts) > _KEPT:
                self._fronts.popitem(last=False)
        return self._fronts[key]

    async def _store(self, files: Mapping[str, bytes]) -> None:
        store = await self._bus.blobs(subjects.MODELS_STORE)
        with tempfile.TemporaryDirectory(prefix="bramble-shards-") as directory:
            for digest, data in files.items():
                if not await store.has(digest):
                    path = Path(directory, digest)
                    await asyncio.to_thread(path.write_bytes, data)
                    await store.put_file(digest, path)

    async def _fetch(self, digest: str, size: int) -> bytes:
        if size > MAX_BYTES:
            raise ModelRejectedError(f"a model of {size} bytes is not cut", remedy=f"the limit is {MAX_BYTES} bytes")
        store = await self._bus.blobs(subjects.MODELS_STORE)
        with tempfile.TemporaryDirectory(prefix="bramble-artefact-") as directory:
            path = Path(directory, digest)
            await store.get_file(digest, path)
            data = await asyncio.to_thread(path.read_bytes)
        if sha256_bytes(data) != digest:
            raise ModelRejectedError(f"what is stored as {digest[:12]} is another file", remedy="push the model again")
        return data


async def _in_thread(work: Callable[[], T]) -> T:
    """Read or cut in a thread: the files may be large, and may come from anybody."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(work), SLICING_S)
    except ModelkitError as error:
        body = ErrorBody(code=ErrorCode(error.code), message=str(error), remedy=error.remedy)
        raise error_from_body(body) from error
    except TimeoutError as error:
        raise ModelRejectedError(f"the model was not cut within {SLICING_S:.0f} s", remedy="plan without it") from error


def _describe(model: str, data: bytes, frame_bytes: int) -> Workload:
    graph = read_graph(data)
    return make_workload(model, graph, choose_cuts(cuts(graph)), frame_bytes=frame_bytes)


def _weigh_fronts(data: bytes, at: frozenset[int], grids: Sequence[Grid]) -> tuple[Front, ...]:
    return tuple(
        Front(
            grid=(grid.rows, grid.columns),
            at=option.at,
            shares=tuple(part * (1 + option.halo) / sum(option.macs) for part in option.macs),
            bytes_out=option.bytes_out,
        )
        for grid in grids
        for option in survey(data, grid)
        if option.at in at and not option.problem and any(option.macs)
    )


def _divide(data: bytes, grid: Grid, at: int | None) -> tuple[Tiling, Shard]:
    last = len(read_graph(data).operators)
    chosen = at if at is not None else choose_cut(survey(data, grid)[: last - 1]).at
    if chosen >= last:
        raise TilingRefusedError(f"nothing goes on after operator {chosen}", remedy="divide before the last operator")
    return tile(data, chosen, grid), split(data, (chosen,)).stages[1].shard


def _cut(data: bytes, at: tuple[int, ...]) -> tuple[Shard, ...]:
    return tuple(stage.shard for stage in split(data, at).stages)
