"""The dashboard put together: one source in, screens out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.console import RenderableType
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.reactive import reactive
from textual.screen import Screen
from textual.timer import Timer

from tui.actions import Action, AddCamera, ApplyPlan
from tui.catalogue import list_screen_bindings, open_detail, open_view
from tui.crash import describe_crash
from tui.graphics import CELLS, Graphics
from tui.jump import VIEWS, Target, list_targets
from tui.messages import Ask, Go, Plan, Shown
from tui.moment import Moment
from tui.preferences import read_preferences
from tui.screens.board_screen import BoardScreen
from tui.source import Source
from tui.state import Dashboard, Phase, fold
from tui.texts import printable
from tui.updates import Update, Wants
from tui.widgets.board_table import BoardTable
from wire.cameras import CameraConfig
from wire.errors import BrambleError

REPAINT_S = 0.1
"""Updates closer together than this are painted together."""
TICK_S = 1.5
"""Ages and countdowns move on at least this often even when nothing comes."""


class TopApp(App[None]):
    """``bramble top``.

    Args:
        make_source: makes the source of data; called once the first screen is painted, so that importing what it
            needs does not hold that up.
        clock: monotonic seconds.
        graphics: what the terminal can show beside cells.
        preferences: the file with the user's theme and keys; None: there are none.

    Raises:
        BadRequestError: the file is not as it should be.

    """

    TITLE = "bramble top"
    CSS_PATH = "top.tcss"
    ENABLE_COMMAND_PALETTE = True
    MODES: ClassVar[dict[str, str | Callable[[], Screen[None]]]] = {name: partial(open_view, name) for name in VIEWS}
    DEFAULT_MODE = "overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(number), f"view('{name}')", name.title(), show=False, id=name)
            for number, name in enumerate(VIEWS, 1)
        ),
        Binding("colon", "jump", "Go to", key_display=":", id="jump"),
        Binding("a", "add_camera", "Add camera", show=False, id="add_camera"),
        Binding("r", "hurry", "Reconnect now", id="hurry"),
        Binding("question_mark", "help", "Help", key_display="?", id="help"),
        Binding("q", "quit", "Quit", id="quit"),
    ]

    board: reactive[Dashboard] = reactive(Dashboard(), init=False, repaint=False)

    def __init__(
        self,
        make_source: Callable[[], Source],
        clock: Callable[[], float] = time.monotonic,
        preferences: Path | None = None,
        graphics: Graphics = CELLS,
    ) -> None:
        self._graphics = graphics
        self._colour = "NO_COLOR" not in os.environ
        super().__init__()
        if preferences and preferences.exists():
            wanted = read_preferences(preferences, themes=frozenset(self.available_themes), keys=list_binding_ids())
            self.set_keymap(wanted.keys)
            if wanted.theme:
                self.theme = wanted.theme
        self._make_source = make_source
        self._clock = clock
        self._source: Source | None = None
        self._due: Timer | None = None
        self._painted = 0.0

    @property
    def is_painted(self) -> bool:
        """Whether something is known, and the screen in front shows all of it."""
        screen = self.screen
        moment = screen.moment if isinstance(screen, BoardScreen) else None
        return (
            self.board.connection.where != "" and self._due is None and (moment is None or moment.board is self.board)
        )

    def _fatal_error(self) -> None:
        self.bell()
        self.panic(describe_crash())

    def on_mount(self) -> None:
        """Paint first, then begin to listen."""
        self.set_interval(TICK_S, self._tick)
        self.call_after_refresh(self._listen)

    def _listen(self) -> None:
        self._source = self._make_source()
        self.run_worker(self._source.run(self._take), name="source", group="source")

    def _tick(self) -> None:
        """Paint when nothing else made us: while statuses come, they do."""
        if self._clock() - self._painted >= TICK_S:
            self.repaint()

    def _take(self, update: Update) -> None:
        before = self.board.connection.phase
        self.board = fold(self.board, update, self._clock())
        if self.board.connection.phase is not before:
            self.refresh_bindings()
        if self._due is None:
            self._due = self.set_timer(REPAINT_S, self.repaint)

    def repaint(self) -> None:
        """Show what is known now, and tell the source what the screen needs.

        Of full screens only the topmost can be seen, through dialogues too; were one below it changed, Textual would
        paint everything anew.
        """
        self._due = None
        self._painted = self._clock()
        seen = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, BoardScreen)), None)
        if seen:
            seen.moment = Moment(self.board, self._painted)
        if self._source:
            self._source.want(seen.wants if seen else Wants())

    def on_shown(self, _message: Shown) -> None:
        """Bring a screen that was covered up to date."""
        self.repaint()

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Paint, and tell the screen which cells that wrote: what lies over them may be torn."""
        super()._display(screen, renderable)
        if isinstance(screen, BoardScreen) and renderable is not None:
            screen.note_painted(partial(_touches, renderable))

    def on_go(self, message: Go) -> None:
        """Show a view, a node or a camera."""
        self._go(message.target)

    def on_ask(self, message: Ask) -> None:
        """Have something done, once it is confirmed."""
        if message.confirmed:
            self._act(message.action)
            return
        from tui.screens.confirm import ConfirmScreen

        action = message.action
        self.push_screen(ConfirmScreen(str(action)), lambda yes: self._act(action) if yes else None)

    def on_plan(self, message: Plan) -> None:
        """Ask what the plan should be best at, show it, and apply it if it is wanted."""
        if self._source is None:
            return
        from tui.screens.plan import PlanScreen

        self.push_screen(
            PlanScreen(message.model, self._source.propose),
            lambda found: self._act(ApplyPlan(found)) if found else None,
        )

    def action_view(self, name: str) -> None:
        """Show one of the views."""
        self._go(Target("view", name))

    def action_jump(self) -> None:
        """Ask where to go."""
        from tui.screens.jump import JumpScreen

        self.push_screen(
            JumpScreen(list_targets(self.board.status)), lambda target: self._go(target) if target else None
        )

    def action_add_camera(self) -> None:
        """Ask for a new camera."""
        models = tuple(model.model for model in self.board.status.models) if self.board.status else ()
        if not models:
            self.notify("A camera needs a model, and none is known here yet.", severity="warning")
            return
        from tui.screens.add_camera import AddCameraScreen

        self.push_screen(AddCameraScreen(models), self._add)

    def action_hurry(self) -> None:
        """Connect now."""
        if self._source:
            self._source.hurry()

    def action_help(self) -> None:
        """Show the keys."""
        from tui.screens.help import HelpScreen, list_keys

        screen = self.screen
        keys = list_keys(
            (active.binding for active in screen.active_bindings.values()),
            {active.binding.key: self.get_key_display(active.binding) for active in screen.active_bindings.values()},
        )
        title = screen.HELP_TITLE if isinstance(screen, BoardScreen) else "this dialogue"
        self.push_screen(HelpScreen(title, keys))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer an action only where it applies."""
        if action == "hurry":
            return self.board.connection.phase is Phase.LOST
        if action == "view":
            return parameters != (self.current_mode,) or len(self.screen_stack) > 1
        return action != "add_camera" or self.board.status is not None

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """List what the command palette offers."""
        yield from super().get_system_commands(screen)
        yield SystemCommand("Add a camera", "Add a camera, or change one", self.action_add_camera)
        yield SystemCommand("Help", "Show the keys of this screen", self.action_help)
        for target in list_targets(self.board.status):
            yield SystemCommand(f"Go to {target}", f"Show {target}", lambda target=target: self._go(target))

    def _go(self, target: Target) -> None:
        """Show a view, or one thing above it, of which there is never more than one."""
        detail = isinstance(self.screen, BoardScreen) and len(self.screen_stack) > 1
        if target.kind == "view":
            if detail:
                self.pop_screen()
            self.switch_mode(target.name)
        else:
            screen = open_detail(target, colour=self._colour, graphics=self._graphics)
            if detail:
                self.switch_screen(screen)
            else:
                self.push_screen(screen)
        self.call_after_refresh(self.repaint)

    def _add(self, config: CameraConfig | None) -> None:
        if config:
            self._act(AddCamera(config))

    def _act(self, action: Action) -> None:
        self.run_worker(self._carry_out(action), name="action", group="action")

    async def _carry_out(self, action: Action) -> None:
        if self._source is None:
            return
        try:
            done = await self._source.act(action)
        except BrambleError as error:
            lines = [printable(line) for line in (error.message, error.remedy) if line]
            self.notify("\n".join(lines), title="Not done", severity="error", markup=False)
        else:
            self.notify(printable(done), markup=False)


def _touches(painted: RenderableType, region: Region) -> bool:
    """Tell whether an update of Textual's compositor wrote cells of a region; one that does not say wrote all."""
    spans: list[tuple[int, int, int]] | None = getattr(painted, "spans", None)
    if spans is None:
        return True
    return any(region.y <= y < region.bottom and start < region.right and end >= region.x for y, start, end in spans)


def list_binding_ids() -> frozenset[str]:
    """Return the ids of all bindings that can have other keys."""
    own = (each for owner in (TopApp, BoardTable) for each in owner.BINDINGS if isinstance(each, Binding))
    return frozenset(binding.id for binding in (*own, *list_screen_bindings()) if binding.id)
