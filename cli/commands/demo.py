"""``bramble demo``: a whole cluster on this machine, a real clip through real models, annotated pictures in the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from cli.cluster import Cluster, Results
from cli.connection import run
from cli.demo.state import DemoState
from cli.demo.summary import Summary, is_balanced, summarise, tabulate
from cli.demo.view import describe_progress, render
from cli.library import build_model, fetch_clip, library_option, open_library
from cli.local.local_cluster import LocalSpec, run_local
from cli.output import json_option, print_json, print_note
from cli.signals import Ending, end_on_signals
from cli.tables import print_table
from wire.errors import BadRequestError, InternalError
from wire.messages import CameraConfig, ClusterStatus

CAMERA = "street"
MODELS = ("ssd_mobilenet_v2", "mobilenet_v2")
PICTURES = 6
REFRESH_S = 0.25
LINE_S = 2.0  # between two plain lines
SETTLE_S = 10.0
MAX_NODES = 20

Report = Callable[[str], None]


@click.command()
@click.option("--headless", is_flag=True, help="Print plain lines even on a terminal.")
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=20.0, show_default=True, help="How long to run.")
@click.option(
    "--nodes", type=click.IntRange(1, MAX_NODES), default=3, show_default=True, help="How many agents to run."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("out"), show_default=True,
              help="Where the annotated pictures go.")  # fmt: skip
@library_option
@json_option
def demo(*, headless: bool, seconds: float, nodes: int, out: Path, library_root: Path | None, as_json: bool) -> None:
    """Show a whole cluster on this machine: a real clip through real models.

    The first time, two models and the clip are fetched and built, which takes a minute or two.
    """
    library = open_library(library_root)
    manifests = tuple(build_model(name, library, print_note) for name in MODELS)
    clip = fetch_clip(library, print_note)
    spec = LocalSpec(nodes=nodes, manifests=manifests, library=library)
    live = not headless and not as_json and Console().is_terminal
    summary = run(_show(spec, clip, seconds=seconds, out=out, live=live))
    if as_json:
        print_json(summary)
    else:
        print_table(tabulate(summary))


async def _show(spec: LocalSpec, clip: Path, *, seconds: float, out: Path, live: bool) -> Summary:
    state = DemoState()
    started = False

    def report(text: str) -> None:
        if live and started:
            state.notes.append(text)
        else:
            print_note(text)

    with end_on_signals() as ending:
        async with run_local(spec, report) as local, local.cluster.results(camera=CAMERA) as results:
            started = True
            camera = CameraConfig(camera=CAMERA, url=f"{clip.as_uri()}?loop=1", models=MODELS)
            await local.cluster.add_camera(camera)
            began = time.monotonic()
            with ending.gently():
                pictures = await _watch(local.cluster, results, state, ending, seconds=seconds, out=out, live=live)
            await local.cluster.remove_camera(CAMERA)
            elapsed = time.monotonic() - began
            status = await _settle(local.cluster)
    return summarise(
        status, served=state.served, first_result_s=state.first_result_s, seconds=elapsed, pictures=pictures
    )


async def _watch(
    cluster: Cluster, results: Results, state: DemoState, ending: Ending, *, seconds: float, out: Path, live: bool
) -> tuple[str, ...]:
    """Show what happens until time is up or the user ends it; return the paths of the pictures taken."""
    seen = asyncio.Event()
    pictures: list[str] = []
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_take_results(results, state, seen), name="take-results"),
            group.create_task(_take_statuses(cluster, state), name="take-statuses"),
            group.create_task(_take_pictures(cluster, seen, out, seconds / PICTURES, pictures), name="take-pictures"),
            group.create_task((_draw if live else _print_lines)(state, seconds), name="show"),
        ]
        try:
            await asyncio.wait_for(ending.asked.wait(), seconds)
        except TimeoutError:
            print_note("time is up") if not live else None
        for task in tasks:
            task.cancel()
    return tuple(pictures)


async def _take_results(results: Results, state: DemoState, seen: asyncio.Event) -> None:
    while True:
        result = await results.next()
        state.take_result(result, age_s=read_process_age())
        if result.detections:
            seen.set()


async def _take_statuses(cluster: Cluster, state: DemoState) -> None:
    while True:
        state.status = await cluster.status()
        await asyncio.sleep(REFRESH_S)


async def _take_pictures(
    cluster: Cluster, seen: asyncio.Event, out: Path, interval_s: float, pictures: list[str]
) -> None:
    """Write an annotated picture after something was seen, then wait a while."""
    while len(pictures) < PICTURES:
        seen.clear()
        await seen.wait()
        data = await cluster.take_snapshot(CAMERA)
        path = out / f"{CAMERA}-{len(pictures) + 1}.jpg"
        await asyncio.to_thread(_write, path, data)
        pictures.append(str(path))
        await asyncio.sleep(interval_s)


async def _draw(state: DemoState, seconds: float) -> None:
    began = time.monotonic()
    with Live(screen=True, auto_refresh=False) as screen:
        while True:
            screen.update(render(state, elapsed_s=time.monotonic() - began, seconds=seconds), refresh=True)
            await asyncio.sleep(REFRESH_S)


async def _print_lines(state: DemoState, _seconds: float) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(LINE_S)
        print_note(describe_progress(state, elapsed_s=time.monotonic() - began))


async def _settle(cluster: Cluster) -> ClusterStatus:
    """Wait until every frame has found its end.

    Raises:
        InternalError: the ledger does not balance, which is a fault of ours.

    """
    deadline = time.monotonic() + SETTLE_S
    while True:
        status = await cluster.status()
        if is_balanced(status.counts):
            return status
        if time.monotonic() > deadline:
            raise InternalError(f"the ledger does not balance after {SETTLE_S:g} s: {status.counts}")
        await asyncio.sleep(REFRESH_S)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise BadRequestError(f"{path} cannot be written: {error.strerror}", remedy="choose another --out") from error


def read_process_age() -> float:
    """Return the seconds since this process was started, its imports and builds included."""
    fields = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # starttime is field 22, counted from 1 and the name taken off
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
