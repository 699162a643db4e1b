"""A recorded session played again and again: the dashboard without a cluster."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

from tui.actions import Action
from tui.recording import (
    EntriesRecord,
    EventRecord,
    FailuresRecord,
    JobsRecord,
    LogsRecord,
    Record,
    ResultRecord,
    StatusRecord,
)
from tui.source import Put
from tui.updates import (
    Connecting,
    EntriesTaken,
    EventTaken,
    FailuresTaken,
    JobsTaken,
    LogsTaken,
    PictureMissing,
    PictureTaken,
    ResultsTaken,
    StatusTaken,
    Update,
    Wants,
)
from wire.errors import BadRequestError
from wire.log_lines import MAX_LINES, Mute, Reading, Told, merge_lines
from wire.messages import Result
from wire.plans import PlanReport, PlanRequest

WHERE = "a recorded session"
NOTE = "recorded: only what was found is drawn"
PICTURE_S = 1.0
_WIDTH = 640
_GROUND, _INK = (28, 34, 44), (126, 211, 133)


class Replay:
    """Plays records in their own time, then begins again."""

    def __init__(self, records: Sequence[Record], clock: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock = clock
        self._wants = Wants()
        self._last: dict[str, Result] = {}
        self._pictured: tuple[str, str] | None = None
        self._lines: tuple[Told, ...] = ()  # that programs still have
        self._mute: tuple[Mute, ...] = ()
        self._told: tuple[str | None, tuple[Told, ...], tuple[Mute, ...]] | None = None

    async def run(self, put: Put) -> None:
        """Hand over updates until cancelled."""
        put(Connecting(WHERE))
        while True:
            began = self._clock()
            for record in self._records:
                await asyncio.sleep(max(0.0, began + record.t - self._clock()))
                for update in self.play(record):
                    put(update)
            await asyncio.sleep(PICTURE_S)

    def play(self, record: Record) -> tuple[Update, ...]:  # noqa: PLR0911 - one arm a record
        """Return the updates that a record stands for, as the screens want them now."""
        match record:
            case StatusRecord(status=status):
                return (StatusTaken(status), *self._draw(), *self._tell_lines())
            case EventRecord(source=source, event=event):
                return (EventTaken(source, event),)
            case JobsRecord(report=report):
                return (JobsTaken(report),)
            case FailuresRecord(batch=batch, outcomes=outcomes):
                return (FailuresTaken(batch, outcomes),)
            case EntriesRecord(entries=entries):
                return (EntriesTaken(entries),)
            case LogsRecord(lines=lines, mute=mute):
                self._lines, self._mute = merge_lines((*self._lines, *lines), MAX_LINES), mute
                return ()
            case ResultRecord(result=result):
                before = self._last.get(result.camera)
                if result.detections is not None or before is None or before.detections is None:  # boxes show more
                    self._last[result.camera] = result
                wanted = self._wants.results and self._wants.camera in (None, result.camera)
                return (ResultsTaken((result,), 0),) if wanted else ()

    def want(self, wants: Wants) -> None:
        """Say what the open screens need beyond the status."""
        self._wants = wants

    def hurry(self) -> None:
        """A recording is always there."""

    async def act(self, action: Action) -> str:
        """Refuse: nothing recorded can be changed.

        Raises:
            BadRequestError: always.

        """
        raise BadRequestError(
            f"this is {WHERE}: nothing can be changed ({type(action).__name__})",
            remedy="run `bramble top` without --demo",
        )

    async def propose(self, request: PlanRequest) -> PlanReport:
        """Refuse: nothing recorded can be measured.

        Raises:
            BadRequestError: always.

        """
        raise BadRequestError(
            f"this is {WHERE}: no plan can be made for {request.model}", remedy="run `bramble top` without --demo"
        )

    def _tell_lines(self) -> tuple[Update, ...]:
        """Tell a program's lines, or everybody's, where they are wanted and others than before."""
        wanted = self._wants.logs
        if wanted is None or self._told == (wanted, self._lines, self._mute):
            return ()
        self._told = (wanted, self._lines, self._mute)
        lines = tuple(told for told in self._lines if wanted in ("", str(told.program)))
        return (LogsTaken(Reading(lines, self._mute, ())),)

    def _draw(self) -> tuple[Update, ...]:
        camera = self._wants.picture
        if camera is None:
            return ()
        result = self._last.get(camera)
        if result is None:
            return (PictureMissing(camera, f"the recording holds no result of {camera}"),)
        if self._pictured == (camera, result.frame):
            return ()
        self._pictured = (camera, result.frame)
        return (PictureTaken(camera, draw_findings(result), result.frame, NOTE),)


def draw_findings(result: Result) -> bytes:
    """Draw a result's boxes or classes on an empty ground of the picture's shape, as JPEG."""
    height = round(_WIDTH * result.height / result.width) if result.width and result.height else _WIDTH * 9 // 16
    image = Image.new("RGB", (_WIDTH, max(1, min(height, 2 * _WIDTH))), _GROUND)
    pen = ImageDraw.Draw(image)
    for found in result.detections or ():
        left, top, right, bottom = (min(1.0, max(0.0, side)) for side in found.box)
        corners = (left * _WIDTH, top * image.height, right * _WIDTH, bottom * image.height)
        if corners[0] < corners[2] and corners[1] < corners[3]:
            pen.rectangle(corners, outline=_INK, width=4)
            pen.text((corners[0] + 8, corners[1] + 6), _ascii(found.label), fill=_INK, font_size=28)
    for line, known in enumerate(result.classes or ()):
        pen.text((16, 16 + 36 * line), f"{_ascii(known.label)} {known.score * 100:.0f} %", fill=_INK, font_size=32)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
