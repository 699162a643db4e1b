"""One frame's latency when its network's front is divided by area over 2 and 4 nodes, against one node.

    python -m benchmarks.spatial_split [--model mobilenet_v2] [--cuts 16,25] [--frames 30] [--share 0.1] [--json]

Real agents, each with a part of one processor by a cgroup quota (root), a real broker, real weights. Frames go one at a
time, in turns over the layouts, so that a machine that is busy meanwhile is so for all of them. The rest runs on the
first part's node, or on one of its own. A chain of two nodes at the same cut, which divides nothing, shows how much
of the gain is the quota's doing: an idle node has a period's worth of processor saved up. This program plays the
controller's part: it assigns the shards and sends each part's order. Exactness is checked on the way: every layout must
give the single node's classes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.bench_cluster import READY_S, BenchCluster, NodeSpec
from benchmarks.quota import Quotas, open_quotas
from cli.library import open_library
from cli.local.broker import Broker
from modelkit.library import Library
from modelkit.manifest import Manifest, encode_manifest
from modelkit.picture import decode_picture, encode_jpeg
from modelkit.slicing import split
from modelkit.tiling import Grid, tile
from models import recipes
from wire import subjects
from wire.bus import Bus, Received
from wire.cuts import cut_id
from wire.errors import error_from_json
from wire.headers import GATHERED, Hop, WorkOrder
from wire.ids import new_frame_id
from wire.messages import Answer, Assignment, Heartbeat, Shard, decode, encode

GRIDS = (Grid(2), Grid(2, 2))
NODES = tuple(f"node-{number}" for number in range(1, 6))
WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Way:
    """A layout: a shard and its node for each stage."""

    name: str
    shards: tuple[Shard, ...]
    nodes: tuple[str, ...]

    def order(self) -> WorkOrder:
        """The order of one more frame."""
        hops = tuple(Hop(node, shard.stage) for node, shard in zip(self.nodes, self.shards, strict=True))
        return WorkOrder(new_frame_id(), self.shards[0].artefact, hops, int(WITHIN_S * 1e3), cut=self.shards[0].cut)


@dataclass(frozen=True, slots=True)
class Row:
    """What a layout took for a frame, in milliseconds: medians, and where they went, as the stages say."""

    way: str
    latency_ms: float
    p90_ms: float
    picture_ms: float  # decoding and preprocessing it, on the node of the slowest part
    front_ms: float  # of the slowest part: its inference
    packing_ms: float  # making the message of its activations, and reading and merging them at the other end
    rest_ms: float
    queue_ms: float  # between the threads of both nodes
    messages_ms: float  # what is left: the way to the nodes, between them and back, handling included
    share: float  # of the single node's latency


async def divide(  # noqa: PLR0917 - a table of everything that matters
    bus: Bus, library: Library, manifest: Manifest, variant: str, at: int, grid: Grid
) -> tuple[Shard, ...]:
    """Divide the model's front and store the files."""
    data = library.path(manifest.artefact(variant)).read_bytes()
    tiling, rest = tile(data, at, grid), split(data, (at,)).stages[1].shard
    files = {part.digest: part.data for part in tiling.parts} | {rest.digest: rest.data}
    await store(bus, files)
    sides = (grid.rows, grid.columns)
    whole = manifest.digest(variant)

    def describe(**fields: object) -> Shard:
        common = {"model": manifest.name, "version": manifest.version, "variant": variant, "stages": grid.parts + 1}
        return Shard(**common, whole=whole, cut=cut_id(whole, (at,), sides), grid=sides, **fields)  # type: ignore[arg-type]

    shards = []
    for part in tiling.parts:
        rows, columns = part.inputs[0].region
        crop = (columns.start, rows.start, columns.end, rows.end)
        shards.append(describe(digest=part.digest, stage=part.index, end=at, crop=crop))
    shards.append(describe(digest=rest.digest, stage=grid.parts, start=at, end=rest.end))
    return tuple(shards)


async def chain(bus: Bus, library: Library, manifest: Manifest, variant: str, at: int) -> tuple[Shard, ...]:
    """Cut the model in two and store the files."""
    stages = [stage.shard for stage in split(library.path(manifest.artefact(variant)).read_bytes(), (at,)).stages]
    await store(bus, {shard.digest: shard.data for shard in stages})
    whole = manifest.digest(variant)
    return tuple(
        Shard(
            model=manifest.name, version=manifest.version, variant=variant, stages=2, whole=whole,
            cut=cut_id(whole, (at,)), digest=shard.digest, stage=number, start=shard.start, end=shard.end,
        )
        for number, shard in enumerate(stages)
    )  # fmt: skip


async def store(bus: Bus, files: dict[str, bytes]) -> None:
    """Put files into the object store by their digests."""
    blobs = await bus.blobs(subjects.MODELS_STORE)
    with tempfile.TemporaryDirectory() as folder:
        for digest, data in files.items():
            path = Path(folder, digest)
            await asyncio.to_thread(path.write_bytes, data)
            await blobs.put_file(digest, path)


@asynccontextmanager
async def open_nodes(share: float) -> AsyncIterator[tuple[Bus, Callable[[], object]]]:
    """Start a broker and agents; what is yielded beside the bus gives each its share of a processor from then on."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bramble-bench-")))
        broker = Broker.start(directory / "broker")
        stack.callback(broker.stop)
        quotas = stack.enter_context(open_quotas())
        processors = sorted(os.sched_getaffinity(0))
        async with Bus.connect(broker.context, name="bench") as bus:
            bench = BenchCluster(broker, bus, directory)
            try:
                for number, name in enumerate(NODES):
                    bench.start_node(
                        NodeSpec(
                            name,
                            arguments=("--backends", "litert", "--threads", "1"),
                            prefix=("taskset", "-c", str(processors[number % len(processors)])),
                            limit=lambda pid, name=name: quotas.add(name, pid),  # type: ignore[misc]  # bound at once
                        )
                    )
                yield bus, lambda: limit_all(quotas, share)
            finally:
                for name in tuple(bench.processes):
                    bench.end(name)


def limit_all(quotas: Quotas, share: float) -> None:
    """Hold every node back to that share of a processor."""
    for name in NODES:
        quotas.limit(name, share)


async def assign(bus: Bus, manifest: Manifest, ways: Sequence[Way]) -> None:
    """Have every node serve what the layouts need of it, and wait until all do."""
    pairs = [pair for way in ways for pair in zip(way.nodes, way.shards, strict=True)]
    wanted = {node: [shard for holder, shard in pairs if holder == node] for node in NODES}
    ready: set[str] = set()
    changed = asyncio.Event()

    async def note(message: Received) -> None:
        beat = decode(message.data, Heartbeat)
        if {each.shard for each in beat.shards if each.state == "ready"} >= set(wanted[beat.node]):
            ready.add(beat.node)
            changed.set()

    listening = await bus.control.subscribe(subjects.HEARTBEAT.wildcard(), note)
    config, assignments = await bus.bucket(subjects.CONFIG_BUCKET), await bus.bucket(subjects.ASSIGNMENTS_BUCKET)
    await config.put(subjects.MODEL_KEY.build(model=manifest.name), encode_manifest(manifest))
    for node, shards in wanted.items():
        await assignments.put(
            subjects.ASSIGNMENT_KEY.build(node=node), encode(Assignment(node=node, shards=tuple(shards)))
        )
    async with asyncio.timeout(6 * READY_S):
        while ready < set(NODES):
            changed.clear()
            await changed.wait()
    await listening.end()


async def send(bus: Bus, way: Way, picture: bytes) -> tuple[Answer, float]:
    """Send one frame; the answer, and the milliseconds until it came."""
    order = way.order()
    firsts = max(1, way.shards[0].parts)
    started = time.perf_counter()
    replies = await asyncio.gather(*(
        bus.data.request(
            subjects.WORK.build(node=way.nodes[stage], model=way.shards[0].model, stage=str(stage)),
            picture,
            headers=order.to_headers(),
            within=WITHIN_S,
        )
        for stage in range(firsts)
    ))  # fmt: skip
    spent = (time.perf_counter() - started) * 1e3
    for reply in replies:
        if error := error_from_json(reply.data):
            raise error
    (answer,) = (reply for reply in replies if GATHERED not in (reply.headers or {}))
    return decode(answer.data, Answer), spent


def read(answer: Answer) -> object:
    """What a layout found."""
    return answer.classes, answer.detections


def summarise(way: Way, taken: Sequence[tuple[Answer, float]], single_ms: float) -> Row:
    """Make a row of all frames of a layout."""
    latency = statistics.median(spent for _, spent in taken)
    spent = [explain(answer) for answer, _ in taken]
    picture, front, packing, rest, queue = (statistics.median(each) for each in zip(*spent, strict=True))
    p90 = statistics.quantiles((each for _, each in taken), n=10)[-1]
    messages = latency - picture - front - packing - rest - queue
    return Row(
        way.name, latency, p90, picture, front, packing, rest, queue, messages, latency / (single_ms or latency)
    )  # fmt: skip


def explain(answer: Answer) -> tuple[float, float, float, float, float]:
    """Return the milliseconds of picture, front, packing, rest and queues on the way that a frame waited for."""
    if not answer.stages:
        spent = answer.timings
        return spent.decode_ms + spent.preprocess_ms, 0.0, spent.postprocess_ms, spent.infer_ms, spent.queue_ms
    slowest = max(answer.stages[:-1], key=lambda each: each.queue_ms + each.busy_ms)
    last = answer.stages[-1]
    packing = slowest.postprocess_ms + last.decode_ms + last.preprocess_ms + last.postprocess_ms
    picture = slowest.decode_ms + slowest.preprocess_ms
    return picture, slowest.infer_ms, packing, last.infer_ms, slowest.queue_ms + last.queue_ms


async def measure(model: str, variant: str, cuts: Sequence[int], frames: int, share: float) -> list[Row]:
    """Run all layouts in turns."""
    library = open_library(None)
    manifest = recipes.build(model, library, lambda _line: None)
    known = manifest.known_answer
    if known is None:
        raise RuntimeError(f"{model} has no known answer to ask for")
    picture = encode_jpeg(decode_picture(library.path(known.sha256).read_bytes()))
    async with open_nodes(share) as (bus, limit):
        artefact = manifest.artefact(variant)
        await store(bus, {digest: library.path(digest).read_bytes() for digest in (artefact.sha256, known.sha256)})
        whole = Shard(model=model, version=manifest.version, variant=variant, digest=artefact.sha256)
        ways = [Way("one node, whole", (whole,), (NODES[0],))]
        for at in cuts:
            ways.append(Way(f"chain of 2, cut {at}", await chain(bus, library, manifest, variant, at), NODES[:2]))
            for grid in GRIDS:
                shards = await divide(bus, library, manifest, variant, at, grid)
                parts = NODES[: grid.parts]
                ways.append(Way(f"{grid.parts} nodes: {grid}, cut {at}", shards, (*parts, NODES[0])))
                ways.append(Way(f"{grid.parts} + 1 nodes: {grid}, cut {at}", shards, (*parts, NODES[grid.parts])))
        await assign(bus, manifest, ways)
        limit()
        taken: dict[str, list[tuple[Answer, float]]] = {way.name: [] for way in ways}
        for turn in range(frames + 2):
            for way in ways:
                found = await send(bus, way, picture)
                if turn >= 2:  # noqa: PLR2004 - the first ones warm up
                    taken[way.name].append(found)
    expected = read(taken[ways[0].name][0][0])
    different = [name for name, each in taken.items() if any(read(answer) != expected for answer, _ in each)]
    if different:
        raise RuntimeError(f"other answers than the whole model's: {different}")
    single = statistics.median(spent for _, spent in taken[ways[0].name])
    return [summarise(way, taken[way.name], single) for way in ways]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--model", default="mobilenet_v2")
    parser.add_argument("--variant", default="cpu-f32", choices=("cpu-f32", "cpu-int8"))
    parser.add_argument("--cuts", default="16,25")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--share", type=float, default=0.1, help="of one processor for each node")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cuts = [int(each) for each in options.cuts.split(",")]
    rows = asyncio.run(measure(options.model, options.variant, cuts, options.frames, options.share))
    if options.json:
        for row in rows:
            print(json.dumps({name: getattr(row, name) for name in Row.__slots__}))
        return
    table = Table(
        title=f"{options.model} {options.variant}, one frame at a time, nodes with {options.share:.0%} of a processor"
    )
    columns = ("layout", "median ms", "p90", "picture", "front", "packing", "rest", "queues", "messages", "of one node")
    for column in columns:
        table.add_column(column, justify="left" if column == "layout" else "right")
    for row in rows:
        numbers = (
            row.latency_ms, row.p90_ms, row.picture_ms, row.front_ms, row.packing_ms, row.rest_ms, row.queue_ms,
            row.messages_ms,
        )  # fmt: skip
        table.add_row(row.way, *(f"{each:.1f}" for each in numbers), f"{row.share:.0%}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
