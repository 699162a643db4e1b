"""``bramble completion``: the script that teaches a shell to complete ``bramble``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the completion script for SHELL.

    For bash put `eval "$(bramble completion bash)"` into ~/.bashrc.
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click does not know {shell}")
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "bramble", "_BRAMBLE_COMPLETE").source())
