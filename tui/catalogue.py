"""Every full screen by name. Each is imported when it is first shown: the first one does not wait for the others."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from textual.binding import Binding
from textual.screen import Screen

import tui.screens
from tui.graphics import Graphics
from tui.jump import Target
from tui.screens.board_screen import BoardScreen


def open_view(name: str) -> BoardScreen:  # noqa: PLR0911 - one arm a view
    """Make the screen of a view, one of :data:`tui.jump.VIEWS`."""
    match name:
        case "overview":
            from tui.screens.overview import OverviewScreen

            return OverviewScreen()
        case "findings":
            from tui.screens.findings import FindingsScreen

            return FindingsScreen()
        case "plans":
            from tui.screens.plans import PlansScreen

            return PlansScreen()
        case "jobs":
            from tui.screens.jobs import JobsScreen

            return JobsScreen()
        case "controllers":
            from tui.screens.controllers import ControllersScreen

            return ControllersScreen()
        case "events":
            from tui.screens.logs import EventsScreen

            return EventsScreen()
        case "results":
            from tui.screens.logs import ResultsScreen

            return ResultsScreen()
        case "trends":
            from tui.screens.trends import TrendsScreen

            return TrendsScreen()
        case "logs":
            from tui.screens.log_lines import LogsScreen

            return LogsScreen()
        case _:
            raise ValueError(f"there is no view {name!r}")


def open_detail(target: Target, *, colour: bool, graphics: Graphics) -> BoardScreen:
    """Make the screen of one thing: a node, a camera, a model, a batch, or a program's log."""
    match target.kind:
        case "node":
            from tui.screens.node import NodeScreen

            return NodeScreen(target.name)
        case "camera":
            from tui.screens.camera import CameraScreen

            return CameraScreen(target.name, colour=colour, graphics=graphics)
        case "batch":
            from tui.screens.jobs import BatchScreen

            return BatchScreen(target.name)
        case "logs":
            from tui.screens.log_lines import ProgramLogsScreen

            return ProgramLogsScreen(target.name)
        case "model":
            from tui.screens.model import ModelScreen

            return ModelScreen(target.name)
        case "view":
            return open_view(target.name)


def list_screen_bindings() -> tuple[Binding, ...]:
    """Return the bindings of all screens, dialogues among them."""
    modules = [import_module(f"tui.screens.{found.name}") for found in pkgutil.iter_modules(tui.screens.__path__)]
    classes = [each for module in modules for each in vars(module).values() if isinstance(each, type)]
    screens = [each for each in classes if issubclass(each, Screen)]
    return tuple(each for screen in screens for each in screen.BINDINGS if isinstance(each, Binding))
