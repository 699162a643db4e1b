"""``bramble model tiles``: the picture divided over nodes, exactly, and what that costs at every cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.library import library_option, open_library
from cli.model_file import find_source, model_argument, variant_option, write_file
from cli.output import json_option, print_json, print_note
from cli.tables import Table, format_bytes, print_table
from modelkit.library import Library
from modelkit.tiling import Grid, Option, Part, Piece, Tiling, survey, tile
from wire.errors import BadRequestError

_MAX_SIDE = 64
_BAR = 24  # characters


@click.command("tiles")
@model_argument
@click.option(
    "--bands", type=click.IntRange(1, _MAX_SIDE), default=2, show_default=True, help="Parts from top to bottom."
)
@click.option(
    "--columns", type=click.IntRange(1, _MAX_SIDE), default=1, show_default=True, help="Parts from left to right."
)
@click.option("--at", type=int, metavar="N", help="Divide the operators before this one, and write the parts.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="With --at: where to write the parts; default: the library, by digest.")  # fmt: skip
@variant_option
@library_option
@json_option
def list_tiles(
    *,
    model: str,
    bands: int,
    columns: int,
    at: int | None,
    out: Path | None,
    variant: str | None,
    library_root: Path | None,
    as_json: bool,
) -> None:
    """Divide the front of MODEL, a name in the library or a .tflite, by area: exactly, with halos.

    Without --at, list every cut before which the picture can be divided, and what that costs.
    """
    if out is not None and at is None:
        raise BadRequestError("--out without --at", remedy="choose the cut with --at; the list shows what each costs")
    library = open_library(library_root)
    source = find_source(library, model, variant)
    data, grid = source.file.read_bytes(), Grid(bands, columns)
    if at is None:
        _print_survey(survey(data, grid), as_json=as_json)
        return
    tiling = tile(data, at, grid)
    files = [_store(tiling, part, source.name, library, out) for part in tiling.parts]
    if as_json:
        for part, file in zip(tiling.parts, files, strict=True):
            print_json({"part": part.index, "file": str(file), **_describe_part(part)})
    else:
        print_table(_tabulate_parts(tiling, files))


def _store(tiling: Tiling, part: Part, name: str, library: Library, out: Path | None) -> Path:
    """Keep a part under a name that its content decides."""
    if out is None:
        return library.path(library.add_blob(part.data).sha256)
    place = f"{tiling.at}-{tiling.grid}-{part.index}"
    return write_file(out / f"{name}-{place}-{part.digest[:12]}.tflite", part.data)


def _print_survey(options: tuple[Option, ...], *, as_json: bool) -> None:
    if as_json:
        for option in options:
            print_json(_describe_option(option))
        return
    possible = [option for option in options if not option.problem]
    print_table(_tabulate_options(possible))
    refused = [option for option in options if option.problem]
    for place, option in enumerate(refused):
        if place == 0 or option.problem != refused[place - 1].problem:
            print_note(f"not at {option.at}: {option.problem}")


def _describe_option(option: Option) -> dict[str, Any]:
    return {
        "at": option.at, "after": option.after, "macs": option.macs, "bytes_in": option.bytes_in,
        "bytes_out": option.bytes_out, "halo": round(option.halo, 4), "front_share": round(option.front_share, 4),
        "path_share": round(option.path_share, 4), "problem": option.problem,
    }  # fmt: skip


def _describe_part(part: Part) -> dict[str, Any]:
    return {
        "digest": part.digest, "bytes": len(part.data),
        "inputs": [_describe_piece(piece) for piece in part.inputs],
        "outputs": [_describe_piece(piece) for piece in part.outputs],
    }  # fmt: skip


def _describe_piece(piece: Piece) -> dict[str, Any]:
    tensor = piece.tensor
    return {
        "tensor": tensor.index, "name": tensor.name, "shape": piece.shape, "dtype": tensor.dtype,
        "rows": piece.region.rows, "columns": piece.region.columns,
    }  # fmt: skip


def _tabulate_options(options: list[Option]) -> Table:
    rows = tuple(
        (
            str(option.at),
            option.after,
            f"{option.front_share:.1%}",
            f"{option.halo:.1%}",
            f"{option.path_share:.1%}",
            format_bytes(max(option.bytes_in)),
            format_bytes(max(option.bytes_out)),
            "█" * max(1, round(option.path_share * _BAR)),
        )
        for option in options
    )
    return Table(("CUT", "AFTER", "FRONT", "HALO", "PATH", "PART IN", "PART OUT", "WORK THAT A FRAME WAITS FOR"), rows)


def _tabulate_parts(tiling: Tiling, files: list[Path]) -> Table:
    rows = tuple(
        (
            str(part.index),
            "; ".join(str(piece.region) for piece in part.inputs),
            format_bytes(len(part.data)),
            format_bytes(sum(piece.bytes for piece in part.inputs)),
            format_bytes(sum(piece.bytes for piece in part.outputs)),
            part.digest,
            str(file),
        )
        for part, file in zip(tiling.parts, files, strict=True)
    )
    return Table(("PART", "OF THE PICTURE", "SIZE", "IN", "OUT", "SHA-256", "FILE"), rows)
