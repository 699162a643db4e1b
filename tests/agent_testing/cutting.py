"""Models cut by hand, as a plan would have it: the shards pushed, and a shard for each stage."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from modelkit.manifest import Manifest
from modelkit.slicing import split
from modelkit.tiling import Grid, Part, tile
from tests.agent_testing.models import push_blob
from wire.bus import Bus
from wire.cuts import cut_id
from wire.messages import Shard
from wire.precision import Precision


def divide(operators: int, stages: int) -> tuple[int, ...]:
    """Return where to cut so that the stages have equally many operators."""
    return tuple(operators * stage // stages for stage in range(1, stages))


async def push_stages(
    bus: Bus, manifest: Manifest, variant: str, data: bytes, *, at: Sequence[int], wire: Precision = Precision.EXACT
) -> tuple[Shard, ...]:
    """Cut a model before each of the operators ``at``, push the shards and return what nodes are to be assigned."""
    whole = manifest.digest(variant)
    stages = split(data, at).stages
    with tempfile.TemporaryDirectory() as folder:
        for stage in stages:
            await push_blob(bus, stage.shard.data, Path(folder))
    return tuple(
        Shard(
            model=manifest.name,
            version=manifest.version,
            variant=variant,
            digest=stage.shard.digest,
            stage=number,
            stages=len(stages),
            start=stage.shard.start,
            end=stage.shard.end,
            whole=whole,
            cut=cut_id(whole, at),
            wire=wire,
        )
        for number, stage in enumerate(stages)
    )


async def push_parts(
    bus: Bus, manifest: Manifest, variant: str, data: bytes, *, at: int, grid: Grid
) -> tuple[Shard, ...]:
    """Divide the operators before ``at`` by area, push the parts and the rest, and return a shard for each."""
    whole = manifest.digest(variant)
    tiling = tile(data, at, grid)
    rest = split(data, (at,)).stages[1].shard
    with tempfile.TemporaryDirectory() as folder:
        for file in {part.digest: part.data for part in tiling.parts}.values():
            await push_blob(bus, file, Path(folder))
        await push_blob(bus, rest.data, Path(folder))
    fields = {
        "model": manifest.name, "version": manifest.version, "variant": variant, "stages": grid.parts + 1,
        "whole": whole, "cut": cut_id(whole, (at,), (grid.rows, grid.columns)), "grid": (grid.rows, grid.columns),
    }  # fmt: skip
    parts = [
        Shard(**fields, digest=part.digest, stage=part.index, start=0, end=at, crop=_see(part))  # type: ignore[arg-type]
        for part in tiling.parts
    ]
    last = Shard(**fields, digest=rest.digest, stage=grid.parts, start=at, end=rest.end)  # type: ignore[arg-type]
    return (*parts, last)


def _see(part: Part) -> tuple[int, int, int, int]:
    """Return what a part sees of the model's input: x0, y0, x1, y1."""
    rows, columns = part.inputs[0].region
    return (columns.start, rows.start, columns.end, rows.end)
