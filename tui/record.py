"""``python -m tui.record FILE``: record a session of a real cluster for ``bramble top --demo`` to replay.

Pictures are not recorded, and of the results only two a second of each camera and model. Of logs the first MAX_LINES
lines are, without paths and addresses (``tui/cleaning.py``).
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

from tui.cleaning import clean_entries, clean_lines, clean_outcomes, clean_status
from tui.feed import LiveFeed
from tui.recording import (
    EntriesRecord,
    EventRecord,
    FailuresRecord,
    JobsRecord,
    LogsRecord,
    Record,
    ResultRecord,
    StatusRecord,
    write_recording,
)
from tui.updates import (
    EntriesTaken,
    EventTaken,
    FailuresTaken,
    JobsTaken,
    LogsTaken,
    ResultsTaken,
    StatusTaken,
    Update,
    Wants,
)
from wire.context import load_context
from wire.log_lines import Mute, Reading
from wire.messages import Result

RESULT_PERIOD_S = 0.5
MAX_LINES = 2000
"""Of logs, in all."""


class Recorder:
    """Turns a feed's updates into records."""

    def __init__(self, began: float) -> None:
        self.records: list[Record] = []
        self._began = began
        self._taken: dict[tuple[str, str], float] = {}
        self._told: dict[type[Record], object] = {}
        self._lines = 0
        self._mute: tuple[Mute, ...] = ()

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
            case LogsTaken(reading):
                self._take_lines(reading, t)
            case _:
                return

    def _take_lines(self, reading: Reading, t: float) -> None:
        """Record new lines, and who is mute where that has changed."""
        lines = clean_lines(reading.lines[: MAX_LINES - self._lines])
        self._lines += len(lines)
        if lines or reading.mute != self._mute:
            self.records.append(LogsRecord(t=t, lines=lines, mute=reading.mute))
        self._mute = reading.mute

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


async def record(context: str | None, seconds: float, batch: str | None) -> list[Record]:
    """Record a cluster for so many seconds; it must be reachable. ``batch`` is the one whose failures are told."""
    recorder = Recorder(time.monotonic())
    feed = LiveFeed(load_context(context))
    feed.want(Wants(results=True, jobs=True, batch=batch, record=True, logs=""))
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
