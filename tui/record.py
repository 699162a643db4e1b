"""``python -m tui.record FILE``: record a session of a real cluster for ``bramble top --demo`` to replay.

Pictures are not recorded, and of the results only two a second of each camera and model.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import msgspec

from tui.feed import LiveFeed
from tui.recording import EventRecord, Record, ResultRecord, StatusRecord, write_recording
from tui.updates import EventTaken, ResultsTaken, StatusTaken, Update, Wants
from wire.context import load_context
from wire.messages import Result
from wire.status import ClusterStatus

RESULT_PERIOD_S = 0.5


class Recorder:
    """Turns a feed's updates into records."""

    def __init__(self, began: float) -> None:
        self.records: list[Record] = []
        self._began = began
        self._taken: dict[tuple[str, str], float] = {}

    def take(self, update: Update, now: float) -> None:
        """Record an update, if it is of a kind that is recorded."""
        t = round(now - self._began, 3)
        match update:
            case StatusTaken(status):
                self.records.append(StatusRecord(t=t, status=clean_status(status)))
            case EventTaken(source, event):
                self.records.append(EventRecord(t=t, source=source, event=event))
            case ResultsTaken(results, _):
                for result in results:
                    self._take_result(result, t)
            case _:
                return

    def _take_result(self, result: Result, t: float) -> None:
        key = (result.camera, result.model)
        if t - self._taken.get(key, -RESULT_PERIOD_S) >= RESULT_PERIOD_S:
            self._taken[key] = t
            self.records.append(ResultRecord(t=t, result=result))


def clean_status(status: ClusterStatus) -> ClusterStatus:
    """Leave out where things are on the machine of the recording: paths and addresses."""
    cameras = tuple(
        msgspec.structs.replace(camera, source=camera.source.partition(":")[0] + ":…") for camera in status.cameras
    )
    return msgspec.structs.replace(status, cameras=cameras, metrics_url="")


async def record(context: str | None, seconds: float) -> list[Record]:
    """Record a cluster for so many seconds; it must be reachable."""
    recorder = Recorder(time.monotonic())
    feed = LiveFeed(load_context(context))
    feed.want(Wants(results=True))
    try:
        async with asyncio.timeout(seconds):
            await feed.run(lambda update: recorder.take(update, time.monotonic()))
    except TimeoutError:
        return recorder.records
    return recorder.records


def main() -> None:
    """Record, and write the file."""
    parser = argparse.ArgumentParser(prog="python -m tui.record", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--context")
    parser.add_argument("--seconds", type=float, default=90.0)
    arguments = parser.parse_args()
    records = asyncio.run(record(arguments.context, arguments.seconds))
    write_recording(records, arguments.file)
    print(f"{len(records)} records, {arguments.file.stat().st_size} bytes")  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
