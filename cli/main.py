"""The ``bramble`` command: finds the subcommand, and turns every error into words and an exit code.

A subcommand's module is imported when it is used, so that ``--help`` and completion answer at once.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from cli.output import Exit, explain, has_closed_pipe, print_error
from wire.crashes import redact_crashes

# name: (module under cli.commands, attribute, what --help says)
_COMMANDS = {
    "access": ("access", "access", "Say who may do what: add and revoke people, nodes and cameras."),
    "audit": ("audit", "audit", "Show who did what, and prove that the record is whole."),
    "camera": ("cameras", "camera", "Add, change, list, try and remove cameras."),
    "cameras": ("cameras", "list_cameras", "List the cameras: the same as `camera list`."),
    "completion": ("completion", "completion", "Print the completion script for a shell."),
    "demo": ("demo", "demo", "Show a whole cluster on this machine, with a real clip and real models."),
    "doctor": ("doctor", "doctor", "Say what is wrong, and what to do about it."),
    "infer": ("infer", "infer", "Ask a model about pictures."),
    "jobs": ("jobs", "jobs", "List, show, export, cancel and retry durable jobs."),
    "local": ("local", "local", "Run a cluster on this machine until Ctrl-C."),
    "logs": ("logs", "logs", "Print what nodes and controllers logged last, in order of time."),
    "model": ("models", "model", "Build, add, push, list and remove models."),
    "nodes": ("nodes", "nodes", "List the nodes; drain and undrain one."),
    "plan": ("plan", "plan", "Say where each part of a model should run, and have it so."),
    "results": ("results", "results", "Print results as they come."),
    "status": ("status", "status", "Say in one line how the cluster is."),
    "submit": ("submit", "submit", "Submit pictures as durable jobs."),
    "top": ("top", "top", "Watch the cluster on a dashboard, in the terminal or a browser."),
}

_EPILOG = """\
Exit codes: 0 all went well; 1 something failed; 2 wrong usage; 3 the cluster cannot be reached; 130 interrupted.

The cluster is the one of --context, else NATS_CONTEXT, NATS_URL, the selected `nats` context, or 127.0.0.1:4222.
"""


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all subcommands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the subcommand; None when there is no such."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command = getattr(import_module(f"cli.commands.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"cli.commands.{module}.{attribute} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in sorted(_COMMANDS.items())])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a subcommand's name without importing any."""
        found = [
            CompletionItem(name, help=about)
            for name, (_, _, about) in sorted(_COMMANDS.items())
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bramble-edge", prog_name="bramble", message="%(prog)s %(version)s")
@click.option("--context", metavar="NAME|FILE", help="The `nats` context of the cluster; also after the subcommand.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the connection does, on stderr.")
def bramble(*, context: str | None, verbose: bool) -> None:  # noqa: ARG001 - subcommands inherit it
    """Turn a few small machines and some cameras into one inference machine."""
    from wire.logs import configure_logging  # noqa: PLC0415 - only once a subcommand runs

    configure_logging("info" if verbose else "critical", journal=True)


def main() -> NoReturn:
    """Run the command and exit with its code."""
    redact_crashes()
    try:
        code = bramble.main(prog_name="bramble", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = Exit.INTERRUPTED
    except Exception as error:
        known = explain(error)
        if known is not None:
            print_error(known)
            code = known.exit
        elif has_closed_pipe(error):  # the reader, such as `head`, has enough; click does the same outside of groups
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Exit.FAILED
        else:
            raise
    sys.exit(code if isinstance(code, int) else Exit.OK)


if __name__ == "__main__":
    main()
