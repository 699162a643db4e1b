"""``bramble demo``: a whole cluster on this machine, a real clip through real models, annotated pictures in the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
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
from wire.cameras import CameraConfig
from wire.errors import BadRequestError, BrambleError, BusError, InternalError
from wire.status import ClusterStatus

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


class _Stage:
    """Where the demonstration is shown: the whole screen, or plain lines on stderr."""

    def __init__(self, state: DemoState, *, live: bool, seconds: float) -> None:
        self._state = state
        self._live = live
        self._seconds = seconds
        self._drawing = False

    def report(self, text: str) -> None:
        """Tell something that happened, without disturbing the picture."""
        if self._drawing:
            self._state.notes.append(text)
        else:
            print_note(text)

    async def show(self) -> None:
        """Show the state as it changes, until cancelled."""
        began = time.monotonic()
        if not self._live:
            while True:
                await asyncio.sleep(LINE_S)
                print_note(describe_progress(self._state, elapsed_s=time.monotonic() - began))
        with Live(screen=True, auto_refresh=False) as screen:
            self._drawing = True
            try:
                while True:
                    screen.update(
                        render(self._state, elapsed_s=time.monotonic() - began, seconds=self._seconds), refresh=True
                    )
                    await asyncio.sleep(REFRESH_S)
            finally:
                self._drawing = False


async def _show(spec: LocalSpec, clip: Path, *, seconds: float, out: Path, live: bool) -> Summary:
    state = DemoState()
    stage = _Stage(state, live=live, seconds=seconds)
    with end_on_signals() as ending:
        async with run_local(spec, stage.report) as local, local.cluster.results(camera=CAMERA) as results:
            await local.cluster.add_camera(CameraConfig(camera=CAMERA, url=f"{clip.as_uri()}?loop=1", models=MODELS))
            began = time.monotonic()
            with ending.gently():
                pictures = await _watch(local.cluster, results, state, stage, ending, seconds=seconds, out=out)
            await local.cluster.remove_camera(CAMERA)
            elapsed = time.monotonic() - began
            status = await _settle(local.cluster)
    return summarise(
        status, served=state.served, first_result_s=state.first_result_s, seconds=elapsed, pictures=pictures
    )


async def _watch(
    cluster: Cluster, results: Results, state: DemoState, stage: _Stage, ending: Ending, *, seconds: float, out: Path
) -> tuple[str, ...]:
    """Show what happens until time is up or the user ends it; return the paths of the pictures taken."""
    seen = asyncio.Event()
    pictures: list[str] = []
    taking = _take_pictures(cluster, seen, pictures, stage.report, out=out, interval_s=seconds / PICTURES)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_take_results(results, state, seen), name="take-results"),
            group.create_task(_take_statuses(cluster, state, stage.report), name="take-statuses"),
            group.create_task(taking, name="take-pictures"),
            group.create_task(stage.show(), name="show"),
        ]
        with suppress(TimeoutError):  # time is up
            await asyncio.wait_for(ending.asked.wait(), seconds)
        for task in tasks:
            task.cancel()
    return tuple(pictures)


async def _take_results(results: Results, state: DemoState, seen: asyncio.Event) -> None:
    while True:
        result = await results.next()
        state.take_result(result, age_s=read_process_age())
        if result.detections:
            seen.set()


async def _take_statuses(cluster: Cluster, state: DemoState, report: Report) -> None:
    reachable = True
    while True:
        try:
            state.status = await cluster.status()
        except BusError as error:  # whoever kills the broker or the controller to see what happens, sees it
            if reachable:
                report(error.message)
            reachable = False
        else:
            if not reachable:
                report("the controller answers again")
            reachable = True
        await asyncio.sleep(REFRESH_S)


async def _take_pictures(
    cluster: Cluster, seen: asyncio.Event, pictures: list[str], report: Report, *, out: Path, interval_s: float
) -> None:
    """Write an annotated picture after something was seen, then wait a while."""
    while len(pictures) < PICTURES:
        seen.clear()
        await seen.wait()
        try:
            data = await cluster.take_snapshot(CAMERA)
        except BrambleError as error:
            report(f"no picture: {error.message}")
            await asyncio.sleep(REFRESH_S)
            continue
        path = out / f"{CAMERA}-{len(pictures) + 1}.jpg"
        await asyncio.to_thread(_write, path, data)
        pictures.append(str(path))
        await asyncio.sleep(interval_s)


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
