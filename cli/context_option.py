"""``--context``, for every command that reaches a cluster; taking it connects to nothing and imports no network."""

from __future__ import annotations

import click


def inherit_context(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Take the context that was given to the command, or else to one of those it is a part of."""
    parent = ctx.parent
    while value is None and parent is not None:
        value = parent.params.get("context")
        parent = parent.parent
    return value


context_option = click.option(
    "--context",
    callback=inherit_context,
    metavar="NAME|FILE",
    help="The `nats` context of the cluster, or the path of a context file.",
)
