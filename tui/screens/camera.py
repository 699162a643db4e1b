"""One camera: what it sees, how old that is, and what becomes of its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.geometry import Region
from textual.widgets import Label

from tui.actions import RemoveCamera
from tui.facts import camera_facts
from tui.graphics import CELLS, Graphics
from tui.messages import Ask
from tui.moment import Moment
from tui.rows.logs import RESULT_COLUMNS, result_rows
from tui.screens.board_screen import BoardScreen
from tui.texts import format_span, printable
from tui.updates import PictureMissing, PictureTaken, Wants
from tui.widgets.board_table import BoardTable
from tui.widgets.facts_panel import FactsPanel
from tui.widgets.picture_view import PictureView
from wire.ids import read_frame_time

STALE_S = 5.0
"""A picture older than this does not show what is there now."""


class CameraScreen(BoardScreen):
    """Shows the camera of that name."""

    HELP_TITLE = "Camera"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "remove", "Remove", id="remove"),
        Binding("escape", "leave", "Back", id="back"),
    ]

    def __init__(self, camera: str, *, colour: bool, graphics: Graphics = CELLS) -> None:
        super().__init__()
        self.camera = camera
        self._colour = colour
        self._graphics = graphics
        self._opened: PictureTaken | None = None

    @property
    def wants(self) -> Wants:
        """This camera's picture and results."""
        return Wants(results=True, camera=self.camera, picture=self.camera)

    def compose_body(self) -> ComposeResult:
        """Lay out the picture beside the facts, and the results below."""
        with Horizontal(id="upper"):
            with Vertical(id="frame"):
                yield Label("waiting for a picture", id="badge", markup=False)
                yield PictureView(colour=self._colour, graphics=self._graphics, widget_id="picture")
            with VerticalScroll(id="facts"):
                yield FactsPanel()
        yield BoardTable("Results", RESULT_COLUMNS, widget_id="results", empty="no result yet")

    def on_mount(self) -> None:
        """Name the camera."""
        self.query_one("#frame").border_title = f"Camera {self.camera}"

    def on_screen_suspend(self) -> None:
        """Let what comes up be seen: a real picture would lie over it."""
        self.query_one(PictureView).take_away()

    def on_screen_resume(self) -> None:
        """Draw the picture again."""
        self.query_one(PictureView).show_again()

    def note_painted(self, touches: Callable[[Region], bool]) -> None:
        """Tell the picture which cells were written."""
        if self.is_mounted:
            self.query_one(PictureView).note_painted(touches)

    def show(self, moment: Moment) -> None:
        """Fill in what is known of the camera."""
        board, assessment = moment.board, moment.assessment
        cameras = assessment.status.cameras if assessment else ()
        found = next((camera for camera in cameras if camera.camera == self.camera), None)
        panel = self.query_one(FactsPanel)
        if found is None or assessment is None:
            panel.facts = (("State", "there is no camera of this name" if board.status else "not known yet"),)
        else:
            panel.facts = camera_facts(found, assessment)
        ours = (result for result in board.results if result.camera == self.camera)
        self.query_one("#results", BoardTable).board = result_rows(ours)
        match board.picture:
            case PictureTaken(camera=self.camera) as picture:
                self._show_picture(picture, moment)
            case PictureMissing(camera=self.camera, reason=reason) if self._opened is None:
                self.query_one("#badge", Label).update(printable(reason), layout=False)

    def action_remove(self) -> None:
        """Remove this camera."""
        self.post_message(Ask(RemoveCamera(self.camera)))

    def _show_picture(self, picture: PictureTaken, moment: Moment) -> None:
        from tui.picture import PictureError, open_picture  # noqa: PLC0415 - numpy comes with the first picture

        view, badge = self.query_one(PictureView), self.query_one("#badge", Label)
        if picture is not self._opened:
            self._opened = picture
            try:
                view.pixels = open_picture(picture.jpeg)
            except PictureError as error:
                view.pixels = None
                badge.update(printable(str(error)), layout=False)
        if view.pixels is None:
            return
        taken = read_frame_time(picture.frame)
        age = None if taken is None else max(0.0, moment.at - taken)
        view.stale = age is None or age > STALE_S or moment.is_stale
        badge.set_class(view.stale, "-stale")
        old = "of unknown age" if age is None else f"{format_span(age)} old"
        note = f"  {picture.note}" if picture.note else ""
        badge.update(printable(f" STALE {old} {note}" if view.stale else f"{old}{note}"), layout=False)
