"""Tiles on the wire: how a picture is to be cut for detection, which part a node is to look at, and what came of it."""

from __future__ import annotations

import math
import re
from typing import Annotated

import msgspec
from msgspec import Meta

from wire.errors import BadRequestError
from wire.ids import Digest, Token

MAX_SIDE = 8
MAX_TILES = 32
MAX_OVERLAP = 0.8
DEFAULT_OVERLAP = 0.2

Region = tuple[int, int, int, int]
"""Part of a picture in its own pixels: columns [x0, x1), rows [y0, y1) as x0, y0, x1, y1."""

GridSides = tuple[Annotated[int, Meta(ge=1, le=MAX_SIDE)], Annotated[int, Meta(ge=1, le=MAX_SIDE)]]
"""Rows and columns of the parts into which the front of a network is divided."""

_GRID = re.compile(r"([1-9])x([1-9])", re.ASCII)
_REGION = re.compile(r"(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})", re.ASCII)


class Tiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Into what a picture is cut: `columns` across and `rows` down, neighbours sharing `overlap` of a tile's side."""

    columns: Annotated[int, Meta(ge=1, le=MAX_SIDE)]
    rows: Annotated[int, Meta(ge=1, le=MAX_SIDE)]
    overlap: Annotated[float, Meta(ge=0, le=MAX_OVERLAP)] = DEFAULT_OVERLAP
    whole: bool = True  # the whole picture is looked at too: what is larger than a tile is seen best there

    def __post_init__(self) -> None:
        """Bound their number."""
        if self.columns * self.rows > MAX_TILES:
            raise ValueError(f"{self.columns}x{self.rows} tiles are more than {MAX_TILES}")

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"


class TileReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of one tile of a frame."""

    region: Region
    node: Token
    digest: Digest  # of the artefact that ran
    found: Annotated[int, Meta(ge=0)]  # before the answers were made one
    busy_ms: Annotated[float, Meta(ge=0)]  # the node's own time
    redone: bool = False


def read_tiles(grid: str, overlap: float = DEFAULT_OVERLAP, *, whole: bool = True) -> Tiles:
    """Read tiles as people write them: ``3x2`` is three across and two down.

    Raises:
        BadRequestError: it is written otherwise, or out of range.

    """
    found = _GRID.fullmatch(grid)
    if found is None:
        raise BadRequestError(
            f"{grid[:20]!r} is not a number of tiles", remedy=f"give columns x rows up to {MAX_SIDE}x4, such as 3x2"
        )
    columns, rows = int(found[1]), int(found[2])
    try:
        return msgspec.convert(
            {"columns": columns, "rows": rows, "overlap": overlap if math.isfinite(overlap) else -1, "whole": whole},
            Tiles,
        )
    except msgspec.ValidationError as error:
        raise BadRequestError(
            f"{grid} tiles with an overlap of {overlap:g} cannot be: {error}",
            remedy=f"give at most {MAX_TILES} tiles, and 0 to {MAX_OVERLAP} of overlap",
        ) from error


def write_region(region: Region) -> str:
    """Write a region as a header holds it."""
    return ",".join(map(str, region))


def read_region(text: str) -> Region:
    """Read a region out of a header; whether it lies in the picture is for who has the picture.

    Raises:
        BadRequestError: it is no region.

    """
    found = _REGION.fullmatch(text)
    x0, y0, x1, y1 = map(int, found.groups()) if found else (0, 0, 0, 0)
    if not (x0 < x1 and y0 < y1):
        raise BadRequestError(f"{text[:40]!r} is not a part of a picture", remedy="give pixels x0,y0,x1,y1")
    return x0, y0, x1, y1
