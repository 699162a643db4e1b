"""Says on a terminal that something takes a while; elsewhere a line on stderr does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from cli.output import print_note, printable


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show that work goes on for the time of a ``with``."""
    console = Console(stderr=True)
    if not console.is_terminal:
        print_note(text)
        yield
        return
    with console.status(printable(text)):
        yield
