"""Sends a frame that is to be looked at in tiles to several nodes at once, and makes one answer of theirs.

Each tile is a job of its own for the dispatcher, so nodes are chosen and failures met as for any frame. Whoever waits
for the frame gets one answer, or one error where a tile could not be looked at by anybody: there is no silent hole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec

from controller.dispatch.dispatcher import Dispatcher
from controller.dispatch.job import Job, Outcome, node_seconds
from controller.dispatch.pool import Pool, Slot
from modelkit import answers
from modelkit.errors import ModelkitError
from modelkit.manifest import Manifest
from modelkit.picture import PictureInfo, read_picture_info
from modelkit.sliced import Box, Look, cut_picture, fuse
from wire.errors import BadRequestError, ErrorBody, ErrorCode, error_from_body
from wire.messages import Answer, Detection
from wire.tiles import TileReport, Tiles


class SlicedDispatcher:
    """As a :class:`Dispatcher`, also for jobs with tiles; ``require`` returns a model's manifest."""

    def __init__(self, dispatcher: Dispatcher, pool: Pool, require: Callable[[str], Manifest]) -> None:
        self._dispatcher = dispatcher
        self._pool = pool
        self._require = require

    async def infer(self, job: Job) -> Outcome:
        """As :meth:`Dispatcher.infer`.

        Raises:
            BadRequestError: the model finds nothing that tiles could be made one answer of.
            BrambleError: a tile's error, after all that could be tried.

        """
        if job.tiles is None:
            return await self._dispatcher.infer(job)
        return await self._infer_tiles(job, job.tiles, None, 0.0)

    async def run(self, job: Job, slot: Slot, *, waited_s: float = 0.0) -> Outcome:
        """As :meth:`Dispatcher.run`: the slot is for the first tile, the others wait for theirs."""
        if job.tiles is None:
            return await self._dispatcher.run(job, slot, waited_s=waited_s)
        return await self._infer_tiles(job, job.tiles, slot, waited_s)

    async def _infer_tiles(self, job: Job, tiles: Tiles, slot: Slot | None, waited_s: float) -> Outcome:
        try:
            info = self._check(job)
        except BaseException:
            if slot is not None:
                self._pool.release(slot)
            raise
        boxes = lay_tiles(info, tiles)
        jobs = [msgspec.structs.replace(job, region=box, tiles=None) for box in boxes]
        used = asyncio.Event()
        ways = [self._dispatcher.infer(each) for each in jobs[1:]]
        ways.insert(0, self._begin(jobs[0], slot, waited_s, used))
        running = [asyncio.create_task(way, name=f"tile-{job.frame}-{place}") for place, way in enumerate(ways)]
        try:
            outcomes = await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            if slot is not None and not used.is_set():  # cancelled before the first tile could begin
                self._pool.release(slot)
        began = time.perf_counter()
        joined = join_outcomes(outcomes, boxes, info)
        timed: Outcome = msgspec.structs.replace(joined, merge_s=time.perf_counter() - began)
        return timed

    async def _begin(self, job: Job, slot: Slot | None, waited_s: float, used: asyncio.Event) -> Outcome:
        """Run the first tile, on the frame's own slot where it has one."""
        used.set()
        if slot is None:
            return await self._dispatcher.infer(job)
        return await self._dispatcher.run(job, slot, waited_s=waited_s)

    def _check(self, job: Job) -> PictureInfo:
        require_detector(self._require(job.model))
        try:
            return read_picture_info(job.payload)
        except ModelkitError as error:
            body = ErrorBody(code=ErrorCode(error.code), message=str(error), remedy=error.remedy)
            raise error_from_body(body) from error


def require_detector(manifest: Manifest) -> None:
    """Refuse tiles for a model whose answers could not be made one.

    Raises:
        BadRequestError: it is no detector.

    """
    if manifest.task != "detect":
        raise BadRequestError(
            f"{manifest.name} says what a picture shows, not where: pictures cannot be looked at in tiles",
            remedy="leave tiles out, or ask a detector",
        )


def lay_tiles(info: PictureInfo, tiles: Tiles) -> tuple[Box, ...]:
    """Return where to look, the whole picture first where it is wanted; each place once."""
    cut = cut_picture(info.width, info.height, columns=tiles.columns, rows=tiles.rows, overlap=tiles.overlap)
    whole = (Box(0, 0, info.width, info.height),) if tiles.whole else ()
    return tuple(dict.fromkeys((*whole, *cut)))


def join_outcomes(outcomes: Sequence[Outcome], boxes: Sequence[Box], info: PictureInfo) -> Outcome:
    """Make one answer of those of all tiles. Its timings are those of the tile that kept the frame waiting longest."""
    looks = [
        Look(box, tuple(answers.Detection(each.label, each.index, each.score, each.box) for each in found))
        for box, outcome in zip(boxes, outcomes, strict=True)
        for found in (outcome.answer.detections or (),)
    ]
    fused = fuse(looks, info.width, info.height)
    slowest = max(outcomes, key=_measure)
    answer: Answer = msgspec.structs.replace(
        slowest.answer,
        nodes=tuple(dict.fromkeys(node for outcome in outcomes for node in outcome.answer.nodes)),
        width=info.width,
        height=info.height,
        detections=tuple(Detection(label=e.label, index=e.index, score=e.score, box=e.box) for e in fused),
    )
    reports = tuple(
        TileReport(
            region=box,
            node=outcome.answer.nodes[-1],
            digest=outcome.answer.digest,
            found=len(outcome.answer.detections or ()),
            busy_ms=round(node_seconds(outcome.answer) * 1e3, 3),
            redone=outcome.redone,
        )
        for box, outcome in zip(boxes, outcomes, strict=True)
    )
    redone = any(outcome.redone for outcome in outcomes)
    joined: Outcome = msgspec.structs.replace(slowest, answer=answer, redone=redone, tiles=reports)
    return joined


def _measure(outcome: Outcome) -> float:
    """Seconds from the frame's coming to the tile's answer."""
    return outcome.wait_s + outcome.travel_s + node_seconds(outcome.answer) + outcome.answer.timings.queue_ms / 1e3
