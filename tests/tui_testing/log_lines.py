"""Lines of logs, and what the dashboard is told of them."""

from __future__ import annotations

from tests.tui_testing.boards import AT
from tui.updates import LogsTaken
from wire.log_lines import LogLevel, LogLine, Mute, Program, Reading, Told

NODE, CONTROLLER = Program("node", "node-1"), Program("controller", "c1")


def make_told(
    number: int,
    text: str = "an event",
    *,
    level: LogLevel = LogLevel.INFO,
    program: Program = NODE,
    **fields: str,
) -> Told:
    """Make a line; the number gives the second that it came in."""
    line = LogLine(number=number, at=AT + number, level=level, logger="bramble.test", text=text, fields=fields)
    return Told(program, "run", line)


def take(*lines: Told, mute: tuple[Mute, ...] = (), lost: int = 0) -> LogsTaken:
    """Make an update of lines."""
    return LogsTaken(Reading(lines, mute, ((NODE, lost),) if lost else ()))
