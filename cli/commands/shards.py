"""``bramble model cuts`` and ``bramble model slice``: where a model can be cut, and the shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.cut_picture import draw_cuts
from cli.library import library_option, open_library
from cli.model_file import find_source, model_argument, variant_option, write_file
from cli.output import json_option, print_json, print_note
from cli.prefix_times import measure_prefixes
from cli.tables import NONE, Table, format_bytes, format_ms, print_table
from modelkit.library import Library
from modelkit.slicing import FRAME, Cut, Pipeline, Shard, Stage, Tensor, cuts, read_graph, split
from wire.errors import BadRequestError

_BAR = 24  # characters


class _Cuts(click.ParamType[tuple[int, ...]]):
    """Numbers of operators between commas, such as ``16,40``."""

    name = "cuts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Read them."""
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of operators such as 16,40", param, ctx)


@click.command("cuts")
@model_argument
@variant_option
@click.option("--measure", is_flag=True, help="Time every prefix here, on one thread, in a process of its own.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.svg", help="Draw the cuts.")
@library_option
@json_option
def list_cuts(
    *, model: str, variant: str | None, measure: bool, picture: Path | None, library_root: Path | None, as_json: bool
) -> None:
    """List every cut of MODEL, a name in the library or a .tflite: what crosses it, and how much is done before it."""
    if picture is not None and picture.suffix != ".svg":
        raise BadRequestError(f"{picture} is not named as an SVG", remedy="give a name that ends in .svg")
    source = find_source(open_library(library_root), model, variant)
    found = cuts(read_graph(source.file.read_bytes()))
    times: tuple[float | None, ...] = (None,) * len(found)
    if measure:
        measured = measure_prefixes(source.file, tuple(cut.at for cut in found))
        print_note(
            f"measured with {measured.runtime}, one thread: {format_ms(measured.seconds[-1] * 1e3)} for the whole"
        )
        times = tuple(seconds / measured.seconds[-1] for seconds in measured.seconds[:-1])
    if picture is not None:
        write_file(picture, draw_cuts(source.name, found, times).encode())
        print_note(f"drawn in {picture}")
    if as_json:
        for cut, share in zip(found, times, strict=True):
            print_json(_describe_cut(cut) | ({} if share is None else {"time_share": round(share, 4)}))
    else:
        print_table(_tabulate_cuts(found, times))


@click.command("slice")
@model_argument
@click.option("--at", required=True, type=_Cuts(), metavar="N,...", help="Cut before each of these operators.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Where to write the shards; default: the library, by digest.")  # fmt: skip
@variant_option
@library_option
@json_option
def slice_model(
    *, model: str, at: tuple[int, ...], out: Path | None, variant: str | None, library_root: Path | None, as_json: bool
) -> None:
    """Cut MODEL, a name in the library or a .tflite, into shards that together give the same answers bit for bit."""
    library = open_library(library_root)
    source = find_source(library, model, variant)
    pipeline = split(source.file.read_bytes(), at)
    files = [_store(stage.shard, source.name, library, out) for stage in pipeline.stages]
    if as_json:
        for number, (stage, file) in enumerate(zip(pipeline.stages, files, strict=True)):
            print_json({"stage": number, "file": str(file), **_describe_stage(stage)})
    else:
        print_table(_tabulate_stages(pipeline, files))


def _store(shard: Shard, name: str, library: Library, out: Path | None) -> Path:
    """Keep a shard under a name that its content decides."""
    if out is None:
        return library.path(library.add_blob(shard.data).sha256)
    return write_file(out / f"{name}-{shard.start}-{shard.end}-{shard.digest[:12]}.tflite", shard.data)


def _describe_cut(cut: Cut) -> dict[str, Any]:
    return {
        "at": cut.at, "after": cut.after, "tensors": cut.tensors, "bytes": cut.bytes,
        "macs_share": round(cut.macs_share, 4), "parameters_share": round(cut.parameters_share, 4),
        "problem": cut.problem,
    }  # fmt: skip


def _describe_stage(stage: Stage) -> dict[str, Any]:
    shard = stage.shard
    return {
        "start": shard.start, "end": shard.end, "digest": shard.digest, "bytes": len(shard.data),
        "inputs": [_describe_tensor(tensor) for tensor in shard.inputs],
        "outputs": [_describe_tensor(tensor) for tensor in shard.outputs],
        "arrives": [
            {"tensor": arrival.tensor.index, "from": None if arrival.origin == FRAME else arrival.origin}
            for arrival in stage.arrives
        ],
        "leaves": [tensor.index for tensor in stage.leaves],
        "passes": [tensor.index for tensor in stage.passes],
    }  # fmt: skip


def _describe_tensor(tensor: Tensor) -> dict[str, Any]:
    return {"tensor": tensor.index, "name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype}


def _tabulate_cuts(found: tuple[Cut, ...], times: tuple[float | None, ...]) -> Table:
    most = max((cut.bytes for cut in found), default=1) or 1
    timed = any(share is not None for share in times)
    rows = []
    for cut, share in zip(found, times, strict=True):
        time = (NONE if share is None else f"{share:.1%}",) if timed else ()
        shares = (f"{cut.macs_share:.1%}", f"{cut.parameters_share:.1%}", *time)
        bar = "█" * max(1, round(cut.bytes / most * _BAR)) if cut.bytes else ""
        rows.append((str(cut.at), cut.after, str(cut.tensors), format_bytes(cut.bytes), *shares, cut.problem or bar))
    before = ("MACS", "WEIGHTS", "TIME") if timed else ("MACS", "WEIGHTS")
    return Table(("CUT", "AFTER", "TENSORS", "BYTES", *before, "CROSSING"), tuple(rows))


def _tabulate_stages(pipeline: Pipeline, files: list[Path]) -> Table:
    rows = tuple(
        (
            str(number),
            f"{stage.shard.start}-{stage.shard.end}",
            format_bytes(len(stage.shard.data)),
            format_bytes(sum(arrival.tensor.bytes or 0 for arrival in stage.arrives)),
            format_bytes(sum(tensor.bytes or 0 for tensor in stage.leaves)),
            str(len(stage.passes)),
            stage.shard.digest,
            str(file),
        )
        for number, (stage, file) in enumerate(zip(pipeline.stages, files, strict=True))
    )
    return Table(("STAGE", "OPERATORS", "SIZE", "ARRIVES", "LEAVES", "PASSES", "SHA-256", "FILE"), rows)
