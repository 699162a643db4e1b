"""``bramble top``: the dashboard, in the terminal or in a browser."""

from __future__ import annotations

import shlex
import sys

import click

from cli.context_option import context_option
from cli.output import print_note
from wire.context import load_context
from wire.errors import BadRequestError


@click.command()
@context_option
@click.option("--demo", is_flag=True, help="Replay a recorded session; needs no cluster.")
@click.option("--web", is_flag=True, help="Serve the dashboard to browsers on this machine, behind a token.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="With --web: the port; default: a free one.",
)
def top(*, context: str | None, demo: bool, web: bool, port: int) -> None:
    """Watch the cluster: nodes, cameras, models, results and trends.

    Press ? for the keys of a screen, q to quit.
    """
    if port and not web:
        raise click.UsageError("--port goes with --web")
    if web:
        _serve(context, demo=demo, port=port)
        return
    from tui.graphics import Question  # noqa: PLC0415 - no other command needs it

    question = Question.ask()
    try:
        from tui import run  # noqa: PLC0415 - Textual takes half a second, in which the terminal answers

        chosen = None if demo else load_context(context)
    finally:
        graphics = question.settle()
    if chosen is None:
        run.run_demo(graphics)
    else:
        run.run_live(chosen, graphics)


def _serve(context: str | None, *, demo: bool, port: int) -> None:
    from tui.web import serve  # noqa: PLC0415 - likewise

    if not demo:
        load_context(context)  # a mistake is told here and now, not in every browser tab
    command = [sys.executable, "-m", "cli.main", "top", *(["--demo"] if demo else [])]
    command += ["--context", context] if context and not demo else []
    try:
        serve(shlex.join(command), port=port, announce=_announce)
    except OSError as error:
        raise BadRequestError(
            f"port {port} cannot be used: {error.strerror}", remedy="leave --port out to get a free one"
        ) from error


def _announce(address: str) -> None:
    print_note("Open this address in a browser on this machine; Ctrl-C ends it. From elsewhere: ssh -L.")
    click.echo(address)
