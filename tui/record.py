"""``python -m tui.record FILE``: record a session of a real cluster for ``bramble top --demo`` to replay.

Pictures and logs are not recorded: logs tell of paths and addresses. Of the results
only two a second of each camera and model are.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path, PurePosixPath

import msgspec

from tui.feed import LiveFeed
from tui.recording import (
    EntriesRecord,
    EventRecord,
    FailuresRecord,
    JobsRecord,
    Record,
    ResultRecord,
    StatusRecord,
    write_recording,
)
from tui.updates import EntriesTaken, EventTaken, FailuresTaken, JobsTaken, ResultsTaken, StatusTaken, Update, Wants
from wire.audit import Deed, Entry, Outcome
from wire.context import load_context
from wire.jobs import JobOutcome
from wire.messages import Result
from wire.status import ClusterStatus

RESULT_PERIOD_S = 0.5


class Recorder:
    """Turns a feed's updates into records."""

    def __init__(self, began: float) -> None:
        self.records: list[Record] = []
        self._began = began
        self._taken: dict[tuple[str, str], float] = {}
        self._told: dict[type[Record], object] = {}

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
            case JobsTaken(report):
                self._take_changed(JobsRecord(t=t, report=report), report.batches)
            case FailuresTaken(batch, outcomes):
                self._take_changed(FailuresRecord(t=t, batch=batch, outcomes=clean_outcomes(outcomes)), outcomes)
            case EntriesTaken(entries) if entries:
                self.records.append(EntriesRecord(t=t, entries=clean_entries(entries)))
            case _:
                return

    def _take_changed(self, record: JobsRecord | FailuresRecord, content: object) -> None:
        """Record what is asked again and again only where it has changed."""
        if self._told.get(type(record)) != content:
            self._told[type(record)] = content
            self.records.append(record)

    def _take_result(self, result: Result, t: float) -> None:
        key = (result.camera, result.model)
        if t - self._taken.get(key, -RESULT_PERIOD_S) >= RESULT_PERIOD_S:
            self._taken[key] = t
            self.records.append(ResultRecord(t=t, result=result))


def clean_status(status: ClusterStatus) -> ClusterStatus:
    """Leave out where things are on the machine of the recording: paths and addresses."""
    cameras = tuple(msgspec.structs.replace(camera, source=_hide(camera.source)) for camera in status.cameras)
    controllers = tuple(msgspec.structs.replace(each, metrics_url="") for each in status.controllers)
    return msgspec.structs.replace(status, cameras=cameras, controllers=controllers, metrics_url="")


def clean_outcomes(outcomes: tuple[JobOutcome, ...]) -> tuple[JobOutcome, ...]:
    """Leave out where the pictures of jobs were."""
    return tuple(msgspec.structs.replace(each, file=PurePosixPath(each.file).name) for each in outcomes)


def clean_entries(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Leave out where cameras are: of their URLs, the scheme stays. The copy is no proof of anything any more."""
    return tuple(msgspec.structs.replace(each, deed=_clean_deed(each.deed)) for each in entries)


def _clean_deed(deed: Deed) -> Deed:
    hides = deed.action == "camera.add" and deed.outcome is Outcome.DONE
    return msgspec.structs.replace(deed, detail=_hide(deed.detail)) if hides else deed


def _hide(url: str) -> str:
    """Return the scheme of a URL; a path without one is a file's."""
    return ("file" if url.startswith("/") else url.partition(":")[0]) + ":…"


async def record(context: str | None, seconds: float, batch: str | None) -> list[Record]:
    """Record a cluster for so many seconds; it must be reachable. ``batch`` is the one whose failures are told."""
    recorder = Recorder(time.monotonic())
    feed = LiveFeed(load_context(context))
    feed.want(Wants(results=True, jobs=True, batch=batch, record=True))
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
    parser.add_argument("--batch", help="the batch of jobs whose failures are recorded")
    parser.add_argument("--seconds", type=float, default=90.0)
    arguments = parser.parse_args()
    records = asyncio.run(record(arguments.context, arguments.seconds, arguments.batch))
    write_recording(records, arguments.file)
    print(f"{len(records)} records, {arguments.file.stat().st_size} bytes")  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
