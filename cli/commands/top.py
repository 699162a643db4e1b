"""``bramble top``: the dashboard."""

from __future__ import annotations

import click

from cli.connection import context_option
from wire.errors import BadRequestError


@click.command()
@context_option
def top(*, context: str | None) -> None:
    """Watch the cluster: nodes, cameras, models, results and trends.

    Press ? for the keys.
    """
    from tui.app import TopApp  # noqa: PLC0415 - Textual costs half a second
    from wire.context import load_context

    found = load_context(context)

    def make():
        from tui.feed import LiveFeed
        return LiveFeed(found)

    TopApp(make).run()
