"""The options with which a picture is looked at in tiles."""

from __future__ import annotations

import click

from wire.tiles import DEFAULT_OVERLAP, MAX_OVERLAP, Tiles, read_tiles

tiles_option = click.option(
    "--tiles",
    "grid",
    metavar="COLUMNSxROWS",
    help="Look at the picture in that many tiles too, such as 2x2: finds smaller things.",
)
overlap_option = click.option(
    "--overlap",
    type=click.FloatRange(0, MAX_OVERLAP),
    default=DEFAULT_OVERLAP,
    show_default=True,
    help="With --tiles: the share of a tile that its neighbour sees too.",
)
only_option = click.option("--tiles-only", is_flag=True, help="With --tiles: leave the whole picture out.")


def make_tiles(grid: str | None, overlap: float, *, tiles_only: bool) -> Tiles | None:
    """Read the options; None where no tiles are wanted.

    Raises:
        BadRequestError: they cannot be read.

    """
    return None if grid is None else read_tiles(grid, overlap, whole=not tiles_only)
