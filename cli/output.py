"""What commands print: results on stdout, as tables for people or JSON lines for programs; all else on stderr."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one value a line.")


class Exit(IntEnum):
    """What the process's exit code means."""

    OK = 0
    FAILED = 1  # the cluster or a file said no
    USAGE = 2  # click's own
    UNREACHABLE = 3  # no server, or no controller, answers
    INTERRUPTED = 130  # by Ctrl-C, as shells count it


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as its user reads it."""

    what: str
    remedy: str
    exit: Exit


def explain(error: BaseException) -> Failure | None:
    """Put an error that was foreseen into words; None for a fault of ours, which deserves its traceback."""
    from modelkit.errors import ModelkitError  # noqa: PLC0415 - not needed until something fails
    from wire.errors import BrambleError, BusError  # noqa: PLC0415 - likewise

    if isinstance(error, BaseExceptionGroup):
        found = [known for inner in error.exceptions if (known := explain(inner))]
        return found[0] if found else None
    if isinstance(error, BusError):
        return Failure(error.message, error.remedy, Exit.UNREACHABLE)
    if isinstance(error, (BrambleError, ModelkitError)):
        return Failure(str(error), error.remedy, Exit.FAILED)
    return None


def has_closed_pipe(error: BaseException) -> bool:
    """Tell whether whoever read our output went away."""
    if isinstance(error, BaseExceptionGroup):
        return any(has_closed_pipe(inner) for inner in error.exceptions)
    return isinstance(error, BrokenPipeError)


def print_error(failure: Failure) -> None:
    """Say on stderr what happened and what to do."""
    click.echo(f"error: {printable(failure.what)}", err=True)
    if failure.remedy:
        click.echo(f"remedy: {printable(failure.remedy)}", err=True)


def print_note(text: str) -> None:
    """Tell progress on stderr."""
    click.echo(printable(text), err=True)


def print_json(value: Any) -> None:
    """Print one value as one line of JSON, at once: a program may be waiting for it."""
    import msgspec  # noqa: PLC0415 - commands that print no JSON start faster

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """Replace what could steer a terminal; names and texts from the network may hold anything."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
