"""``python -m tests.tui_testing.terminals FOLDER``: the dashboard in real terminals, as pictures to look at.

Each terminal that is installed here runs ``bramble top --demo`` on a display of its own in memory (Xvfb). A person has
to look: what must be seen is that a camera's picture is whole, gives way to a question, comes back after it, is gone on
leaving, and that the shell gets a clean terminal back. On Debian this needs xvfb, xdotool, imagemagick, kitty, xterm
and tmux, for foot also foot and weston.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCREEN = "1280x800x24"
START_S, STEP_S = 15.0, 4.0
"""What a busy machine needs: nothing tells from outside when a terminal has painted."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal, and how it runs a command for the shell; ``needs`` are the programs that must be installed."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...]
    within: str = ""  # what runs the command in turn
    environment: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()  # ends what would outlive it


_XTERM = ("xterm", "-fa", "Monospace", "-fs", "11", "-tn", "xterm-256color", "-geometry", "110x36")
_KITTY = ("kitty", "--config", "NONE", "-o", "initial_window_width=1200", "-o", "initial_window_height=760",
          "-o", "remember_window_size=no")  # fmt: skip
# foot speaks Wayland alone: a compositor in a window of X, which shows nothing else and goes with it.
_FOOT = """
export XDG_RUNTIME_DIR="$(mktemp -d)"
weston --backend=x11-backend.so --shell=kiosk-shell.so --socket=look --width=1200 --height=760 --no-config \\
    --idle-time=0 & compositor=$!
trap 'kill $compositor' EXIT
trap exit TERM
until [ -S "$XDG_RUNTIME_DIR/look" ]; do sleep 0.2; done
WAYLAND_DISPLAY=look foot --config=/dev/null "$@" &
wait $!
"""
TERMINALS = (
    Terminal("kitty", _KITTY, ("kitty",), environment=(("LIBGL_ALWAYS_SOFTWARE", "1"),)),
    Terminal("foot", ("sh", "-c", _FOOT, "foot"), ("foot", "weston")),
    Terminal("xterm-sixel", (*_XTERM, "-ti", "vt340", "-e"), ("xterm",)),
    Terminal("xterm-80x24", (*_XTERM[:-1], "80x24", "-e"), ("xterm",)),
    Terminal("xterm-no-colour", (*_XTERM, "-e"), ("xterm",), environment=(("NO_COLOR", "1"),)),
    Terminal(
        "tmux-in-xterm",
        (*_XTERM, "-ti", "vt340", "-e"),
        ("xterm", "tmux"),
        within="tmux -L bramble-look -f /dev/null new",
        after=("tmux", "-L", "bramble-look", "kill-server"),
    ),
)
STEPS = (
    ("camera", ("Tab", "Return")),
    ("question", ("x",)),
    ("after-question", ("n",)),
    ("left", ("Escape",)),
    ("logs", ("9",)),
    ("shell", ("q",)),
)  # fmt: skip


@contextmanager
def open_display() -> Iterator[str]:
    """Run an X server without a screen on a display that nobody has."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN], pass_fds=(writing,), stderr=subprocess.DEVNULL
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def show(terminal: Terminal, folder: Path) -> None:
    """Walk through the dashboard in a terminal, and take a picture after each step."""
    top = f"{shlex.quote(sys.executable)} -m cli.main top --demo; stty -a | head -1; read _"
    with open_display() as display:
        environment = {**os.environ, "DISPLAY": display, **dict(terminal.environment)}
        wrapped = f"{terminal.within} {shlex.quote(top)}" if terminal.within else top
        process = subprocess.Popen([*terminal.command, "sh", "-c", wrapped], env=environment, stderr=subprocess.DEVNULL)
        try:
            time.sleep(START_S)
            take(environment, folder / f"{terminal.name}-overview.png")
            for step, keys in STEPS:
                subprocess.run(["xdotool", "key", "--delay", "100", *keys], env=environment, check=True)
                time.sleep(STEP_S)
                take(environment, folder / f"{terminal.name}-{step}.png")
        finally:
            process.terminate()
            process.wait()
            if terminal.after:
                subprocess.run(terminal.after, stderr=subprocess.DEVNULL, check=False)


def take(environment: dict[str, str], file: Path) -> None:
    """Take a picture of all of the display."""
    subprocess.run(["import", "-window", "root", str(file)], env=environment, check=True)
    sys.stdout.write(f"{file}\n")


def main() -> None:
    """Show what is installed; say what is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.tui_testing.terminals", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for terminal in TERMINALS:
        missing = [each for each in (*terminal.needs, "Xvfb", "xdotool", "import") if shutil.which(each) is None]
        if missing:
            sys.stdout.write(f"{terminal.name}: {', '.join(missing)} not installed here\n")
        else:
            show(terminal, folder)


if __name__ == "__main__":
    main()
