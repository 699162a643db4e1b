"""A form for a new camera."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, SelectionList

from tui.texts import printable
from wire.cameras import CameraConfig
from wire.errors import BadRequestError
from wire.messages import decode, encode


class AddCameraScreen(ModalScreen[CameraConfig | None]):
    """Asks for name, URL and models; what is wrong is said in the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="add.cancel"),
        Binding("ctrl+s", "add", "Add", id="add.add"),
    ]

    def __init__(self, models: tuple[str, ...]) -> None:
        super().__init__()
        self._models = models

    def compose(self) -> ComposeResult:
        """Lay out the form."""
        with Vertical(classes="box"):
            yield Label("Add a camera, or change the one of that name")
            yield Input(placeholder="name, such as door", id="name", max_length=64, compact=True)
            yield Input(placeholder="rtsp://…  http://…  file:///…  usb:0  synthetic:", id="url", compact=True)
            yield Input(placeholder="frames a second, at most (optional)", id="fps", type="number", compact=True)
            yield SelectionList(*((name, name, len(self._models) == 1) for name in self._models), compact=True)
            yield Label("", id="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel (Esc)", id="cancel", compact=True)
                yield Button("Add (Ctrl+S)", id="add", variant="primary", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Add, or leave."""
        if event.button.id == "add":
            self.action_add()
        else:
            self.dismiss(None)

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.app.action_focus_next()

    def action_add(self) -> None:
        """Hand over what was filled in, if it is whole."""
        try:
            self.dismiss(self._read())
        except BadRequestError as error:
            self.query_one("#wrong", Label).update(printable(error.message))

    def _read(self) -> CameraConfig:
        fps = self.query_one("#fps", Input).value
        models: list[str] = self.query_one(SelectionList).selected
        if not models:
            raise BadRequestError("choose at least one model, with Space")
        try:
            rate = float(fps) if fps else None
        except ValueError as error:
            raise BadRequestError(f"{fps!r} is not a number of frames a second") from error
        config = CameraConfig(
            camera=self.query_one("#name", Input).value.strip(),
            url=self.query_one("#url", Input).value.strip(),
            models=tuple(models),
            fps=rate,
        )
        return decode(encode(config), CameraConfig)  # the constructor checks nothing, decoding does
