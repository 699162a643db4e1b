"""``python -m tests.tui_testing.session FILE``: play the session that ``bramble top --demo`` replays, and record it.

A real cluster runs on this machine: three agents, two controllers, two real models (one of them cut into a pipeline), a
street clip, a camera over HTTP and a synthetic one, and two batches of jobs. While it is recorded a node hangs and
comes back, the camera over HTTP is unplugged and plugged in, jobs come, and a node is drained. All nodes share this
machine, and others may use it: on the record each has the load that is its own, from the time that it was busy.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av
import simplejpeg
from msgspec.structs import replace

from cli.library import fetch_clip, open_library
from tests.cameras_testing.mjpeg_camera import MjpegCamera
from tests.e2e.local_process import LocalProcess, start_local_process
from tui.record import record
from tui.recording import LogsRecord, Record, StatusRecord, write_recording
from wire.status import NodeStatus

SECONDS = 90.0
DEADLINE_MS = 5000
LOAD_S = 60.0
"""A load average is taken over so long."""

PIPELINED, WHOLE = "ssd_mobilenet_v2", "mobilenet_v2"
STREET_FPS, YARD_FPS, GATE_FPS = 3, 2, 2
OLD, NEW = "night-walk", "harvest"
FREEZE_AT, THAW_AT = 10.0, 22.0
SUBMIT_AT = 28.0
UNPLUG_AT, PLUG_AT = 38.0, 52.0
DRAIN_AT, UNDRAIN_AT = 60.0, 70.0


def say(text: str) -> None:
    """Say how far the session is."""
    sys.stderr.write(f"{text}\n")


def read_frames(clip: Path, count: int) -> list[bytes]:
    """Return frames of a clip, evenly spread, as JPEG."""
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [simplejpeg.encode_jpeg(each, 80, "RGB", "420") for each in frames[:: max(1, len(frames) // count)][:count]]


def write_pictures(folder: Path, frames: list[bytes], *, cut: tuple[int, ...] = ()) -> Path:
    """Write frames as files; those with the numbers ``cut`` end too early."""
    folder.mkdir()
    for number, frame in enumerate(frames):
        (folder / f"walk-{number:04}.jpg").write_bytes(frame[: len(frame) // 2] if number in cut else frame)
    return folder


async def tell(local: LocalProcess, *arguments: str) -> None:
    """Run a command against the cluster; it must succeed."""
    say(f"bramble {' '.join(arguments[:4])}")
    await asyncio.to_thread(local.tell, *arguments)


async def set_up(local: LocalProcess, clip: Path, camera: MjpegCamera, pictures: Path) -> None:
    """Bring the cluster to where the recording begins."""
    await tell(local, "plan", PIPELINED, "--stages", "3", "--apply")
    street = f"{clip.as_uri()}?loop=1"
    patience = ("--deadline-ms", str(DEADLINE_MS))
    await tell(local, "camera", "add", "street", street, "--model", PIPELINED, "--fps", str(STREET_FPS), *patience)
    await tell(local, "camera", "add", "yard", f"synthetic:?fps={YARD_FPS}", "--model", WHOLE, *patience)
    await tell(local, "camera", "add", "gate", camera.url, "--model", WHOLE, *patience)
    await asyncio.to_thread(local.run, "submit", str(pictures), "--model", WHOLE, "--batch", OLD)  # two of them fail


async def play(local: LocalProcess, camera: MjpegCamera, pictures: Path) -> None:
    """Have things happen, each at its second of the recording."""
    began = time.monotonic()

    async def until(second: float) -> None:
        await asyncio.sleep(max(0.0, began + second - time.monotonic()))

    agent = next(each for each in local.descendants() if "node-3" in each.cmdline())
    await until(FREEZE_AT)
    say("node-3 hangs")
    agent.suspend()
    try:
        await until(THAW_AT)
    finally:
        agent.resume()
    await until(SUBMIT_AT)
    await tell(local, "submit", str(pictures), "--model", PIPELINED, "--batch", NEW, "--no-wait")
    await until(UNPLUG_AT)
    say("the gate's camera is unplugged")
    await camera.kill()
    await until(PLUG_AT)
    await camera.start()
    await until(DRAIN_AT)
    await tell(local, "nodes", "drain", "node-2")
    await until(UNDRAIN_AT)
    await tell(local, "nodes", "undrain", "node-2")


def share_load(records: Sequence[Record]) -> list[Record]:
    """Give each node its own load instead of the machine's: how many of its frames were in work, on average.

    What is told of the machine's load goes with it.
    """
    busy: dict[tuple[str, str], list[tuple[float, float]]] = {}  # of a node's session: when it had been busy how long
    shared: list[Record] = []
    for each in records:
        if isinstance(each, StatusRecord):
            nodes = tuple(_own_load(node, busy) for node in each.status.nodes)
            each = replace(each, status=replace(each.status, nodes=nodes))  # noqa: PLW2901 - the same record, mended
        if isinstance(each, LogsRecord):
            lines = tuple(told for told in each.lines if told.line.fields.get("check") != "load")
            each = replace(each, lines=lines)  # noqa: PLW2901 - likewise
        shared.append(each)
    return shared


def _own_load(node: NodeStatus, busy: dict[tuple[str, str], list[tuple[float, float]]]) -> NodeStatus:
    beat = node.heartbeat
    known = busy.setdefault((node.node, beat.session), [(beat.at - beat.uptime_s, 0.0)])
    known.append((beat.at, beat.busy_s))
    began = next(each for each in reversed(known) if each[0] <= beat.at - LOAD_S or each is known[0])
    load = (beat.busy_s - began[1]) / max(1.0, beat.at - began[0])
    return replace(node, heartbeat=replace(beat, load=round(load, 2)))


async def record_session(local: LocalProcess, clip: Path, folder: Path) -> list[Record]:
    """Set up, play, and return what was recorded meanwhile."""
    old = write_pictures(folder / "old", read_frames(clip, 60), cut=(7, 23))
    new = write_pictures(folder / "new", read_frames(clip, 120))
    async with MjpegCamera(read_frames(clip, 40), fps=GATE_FPS) as camera:
        await set_up(local, clip, camera, old)
        async with asyncio.TaskGroup() as tasks:
            recording = tasks.create_task(record(local.told["context"], SECONDS, OLD))
            tasks.create_task(play(local, camera, new))
    return share_load(recording.result())


def main() -> None:
    """Start a cluster, record, and stop it."""
    parser = argparse.ArgumentParser(prog="python -m tests.tui_testing.session", description=__doc__)
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args().file
    clip = fetch_clip(open_library(None), say)
    local = start_local_process("--nodes", "3", "--controllers", "2", "--model", PIPELINED, "--model", WHOLE)
    try:
        with tempfile.TemporaryDirectory(prefix="bramble-session-") as folder:
            records = asyncio.run(record_session(local, clip, Path(folder)))
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"error: {error}") from error
    finally:
        local.stop()
    write_recording(records, file)
    say(f"{len(records)} records, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
