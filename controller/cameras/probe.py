"""Try a source once, and tell what it is or what is wrong with it, in words."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace

from controller.cameras.child import ReaderChild
from controller.cameras.errors import Fault, FaultKind, FramingError, SourceFaultError
from controller.cameras.framing import Ended, Opened, PictureSent
from controller.cameras.nursery import Nursery
from controller.cameras.source import Source
from controller.cameras.spec import ReaderSpec

# The rate is measured over this many seconds or pictures after the first, whichever is sooner.
_MEASURE_SECONDS = 2.0
_MEASURE_PICTURES = 25


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What a probe found. Holds no password."""

    source: str  # redacted
    fault: Fault | None  # None: it works
    codec: str = ""
    width: int = 0  # pixels of the pictures
    height: int = 0
    declared_fps: float = 0.0  # what the source claims; 0: nothing
    measured_fps: float = 0.0  # 0: too few pictures came to tell
    first_picture_after: float = 0.0  # seconds from the start of the reader
    pictures: int = 0
    picture_bytes: int = 0  # mean size of a JPEG


async def probe_source(source: Source, limit: float) -> SourceReport:
    """Open a source in a process of its own, wait for the first pictures, and measure.

    Args:
        source: any but ``push:``, which has nothing to be opened.
        limit: seconds that all of it may take.

    """
    report = SourceReport(source=str(source), fault=None)
    if source.kind == "push":
        return replace(report, codec="pushed")
    spec = ReaderSpec(source=source, io_timeout=max(1.0, limit))
    measurement = _Measurement(report)
    try:
        async with (
            asyncio.timeout(limit),
            aclosing(Nursery()) as nursery,
            nursery.running_reader(spec, source.conceal) as child,
        ):
            await measurement.take(child)
    except TimeoutError:
        if not measurement.report.pictures:
            fault = Fault(
                FaultKind.TIMEOUT,
                f"no picture from {source} within {limit:g} s",
                "check that the camera is on, and its cable or Wi-Fi; or allow more time",
            )
            return replace(measurement.report, fault=fault)
    except FramingError as error:
        return replace(measurement.report, fault=Fault(FaultKind.READER_DIED, error.message))
    except SourceFaultError as error:
        return replace(report, fault=error.fault)
    return measurement.report


class _Measurement:
    """Folds the reader's messages into a report that is valid at any moment."""

    def __init__(self, report: SourceReport) -> None:
        self.report = report
        self._started = time.monotonic()
        self._first: float | None = None
        self._total_bytes = 0

    async def take(self, child: ReaderChild) -> None:
        """Follow the reader until enough was seen or it ends."""
        async for message in child.messages():
            match message:
                case Opened(codec, width, height, fps):
                    self.report = replace(self.report, codec=codec, width=width, height=height, declared_fps=fps)
                case PictureSent():
                    child.grant()
                    if self._count(message):
                        return
                case Fault() if not self.report.pictures:
                    self.report = replace(self.report, fault=message)
                    return
                case Ended() | Fault():
                    return
                case _:
                    continue
        if not self.report.pictures:
            fault = Fault(FaultKind.READER_DIED, "the reader process died", "see the log for why")
            self.report = replace(self.report, fault=fault)

    def _count(self, message: PictureSent) -> bool:
        now = time.monotonic()
        pictures = self.report.pictures + 1
        self._total_bytes += len(message.jpeg)
        self.report = replace(
            self.report,
            width=message.width,
            height=message.height,
            pictures=pictures,
            picture_bytes=self._total_bytes // pictures,
        )
        if self._first is None:
            self._first = now
            self.report = replace(self.report, first_picture_after=now - self._started)
            return False
        span = now - self._first
        self.report = replace(self.report, measured_fps=(pictures - 1) / span if span > 0 else 0.0)
        return pictures > _MEASURE_PICTURES or span >= _MEASURE_SECONDS
