"""``bramble model``: what is in the library on this machine, and what of it the cluster serves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.commands import shards, tiles, versions
from cli.commands.signing import make_signing_key
from cli.connection import open_cluster, run
from cli.context_option import context_option
from cli.library import build_model, library_option, list_recipes, open_library
from cli.model_list import COLUMNS, describe_manifest, merge, row
from cli.output import Exit, Failure, json_option, print_error, print_json, print_note
from cli.push import push_model
from cli.signing import key_option, take_key
from cli.tables import Table, print_table
from modelkit.errors import UnknownModelError
from modelkit.library import Library
from modelkit.manifest import DetectSpec, Manifest, Task
from wire.errors import BadRequestError, BusError, NotAuthorisedError
from wire.ids import check_token
from wire.messages import Done
from wire.policies import ServingPolicy
from wire.status import ModelStatus

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers between commas, such as ``123.7,116.3,103.5``."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Read them."""
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 127.5,127.5,127.5", param, ctx)


@click.group()
def model() -> None:
    """Build, add, push, promote, list, cut and remove models."""


model.add_command(shards.list_cuts)
model.add_command(shards.slice_model)
model.add_command(tiles.list_tiles)
model.add_command(make_signing_key)
model.add_command(versions.list_versions)
model.add_command(versions.promote_version)
model.add_command(versions.roll_back_version)


@model.command("list")
@context_option
@library_option
@json_option
def list_models(*, context: str | None, library_root: Path | None, as_json: bool) -> None:
    """List the models in the library, those that can be built, and those that the cluster serves."""
    library = open_library(library_root)
    served: tuple[ModelStatus, ...] | None
    try:
        served = run(_list_served(context))
    except (BusError, NotAuthorisedError) as error:
        print_note(f"the cluster cannot be asked: {error}")
        served = None
    entries = merge([library.manifest(name) for name in library.names()], list_recipes(), served or ())
    if as_json:
        for entry in entries:
            print_json(entry)
    else:
        print_table(Table(COLUMNS, tuple(row(entry, asked=served is not None) for entry in entries)))


@model.command("show")
@click.argument("name")
@library_option
@json_option
def show_model(*, name: str, library_root: Path | None, as_json: bool) -> None:
    """Tell all that the library knows about model NAME."""
    manifest = _find(open_library(library_root), name)
    if as_json:
        print_json(manifest)
    else:
        click.echo("\n".join(describe_manifest(manifest)))


@model.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@library_option
@json_option
def verify_models(*, names: tuple[str, ...], library_root: Path | None, as_json: bool) -> None:
    """Read every file of the models again and hold its digest against the manifest; all models by default."""
    library = open_library(library_root)
    found = []
    for name in names or library.names():
        findings = library.verify(_find(library, name).name)
        found += findings
        if as_json:
            print_json({"name": name, "ok": not findings, "findings": [finding._asdict() for finding in findings]})
        elif not findings:
            click.echo(f"{name}: whole")
    if not as_json:
        for finding in found:
            print_error(Failure(f"{finding.subject}: {finding.problem}", finding.remedy, Exit.FAILED))
    if found:
        sys.exit(Exit.FAILED)


@model.command("build")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@library_option
def build_models(*, names: tuple[str, ...], library_root: Path | None) -> None:
    """Fetch and build models into the library; all that Bramble knows by default."""
    library = open_library(library_root)
    for name in names or list_recipes():
        manifest = build_model(name, library, print_note)
        click.echo(f"{manifest.name} {manifest.version}: {', '.join(manifest.variants)}")


@model.command("add")
@click.argument("file", type=_FILE)
@click.option("--task", required=True, type=click.Choice(["classify", "detect"]), help="What the model does.")
@click.option("--labels", "labels_file", required=True, type=_FILE, metavar="FILE", help="One label a line.")
@click.option("--name", metavar="NAME", help="The model's name; default: the file's.")
@click.option("--version", metavar="TEXT", help="The model's version; default: 1.")
@click.option("--licence", metavar="TEXT", help="Under which licence the weights may be used.")
@click.option("--mean", type=_Numbers(), help="A pixel becomes (pixel - mean) / scale; a number for each channel.")
@click.option("--scale", type=_Numbers(), help="See --mean.")
@click.option("--colour", type=click.Choice(["rgb", "bgr"]), help="The order of the channels.")
@click.option("--resize", type=click.Choice(["stretch", "letterbox", "crop"]), help="How a picture is made to fit.")
@click.option("--softmax", is_flag=True, help="The classifier puts out logits.")
@click.option("--detect", type=_FILE, metavar="TOML",
              help="How raw boxes read; not needed after a TFLite_Detection_PostProcess.")  # fmt: skip
@library_option
def add_model(
    *,
    file: Path,
    task: Task,
    labels_file: Path,
    name: str | None,
    softmax: bool,
    detect: Path | None,
    library_root: Path | None,
    **options: Any,
) -> None:
    """Take a .tflite of your own into the library; input size and type are read out of the file."""
    from modelkit.adopt import adopt, parse_labels  # noqa: PLC0415 - used here alone, and it brings a parser

    given = {key: value for key, value in options.items() if value is not None}
    if softmax:
        given["activation"] = "softmax"
    if detect is not None:
        given["detect"] = _read_detect(detect)
    try:
        labels = parse_labels(labels_file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRequestError(f"{labels_file} is not UTF-8: {error}", remedy="write one label a line") from error
    manifest = adopt(open_library(library_root), file, name=name or file.stem, task=task, labels=labels, **given)
    click.echo(f"{manifest.name} {manifest.version}: {', '.join(manifest.variants)}")
    click.echo(f"serve it with: bramble model push {manifest.name}")


def _read_detect(path: Path) -> DetectSpec:
    try:
        return msgspec.toml.decode(path.read_bytes(), type=DetectSpec)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"{path} does not describe a detector: {error}") from error


@model.command("push")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@key_option
@click.option("--allow-unsigned", is_flag=True, help="Do not sign; only nodes that allow it serve such a model.")
@click.option("--no-promote", is_flag=True, help="Keep the version beside what serves; `promote` puts it into force.")
@context_option
@library_option
def push_models(
    *,
    names: tuple[str, ...],
    key_file: Path | None,
    allow_unsigned: bool,
    no_promote: bool,
    context: str | None,
    library_root: Path | None,
) -> None:
    """Sign models of the library and put them into the cluster; nodes fetch, check, prove and serve them."""
    library = open_library(library_root)
    manifests = [_find(library, name) for name in names]
    key = None if allow_unsigned else take_key(key_file)
    if key is None:
        print_note(f"NOT SIGNED: {', '.join(names)}")
    for done in run(_push(context, manifests, library, key, promote=not no_promote)):
        click.echo(done.text)


@model.command("primary")
@click.argument("name")
@click.argument("nodes", nargs=-1)
@click.option("--none", "nobody", is_flag=True, help="Let all nodes serve it alike again.")
@context_option
def set_primary(*, name: str, nodes: tuple[str, ...], nobody: bool, context: str | None) -> None:
    """Have NODES serve model NAME while all others stand by.

    The others take over at once when the last of NODES is lost, and hand back once one has been there for a while.
    """
    if bool(nodes) == nobody:
        raise click.UsageError("give the nodes that are to serve it, or --none")
    policy = ServingPolicy(model=check_token(name, "model"), primary=tuple(check_token(n, "node") for n in nodes))
    click.echo(run(_set_policy(context, policy)).text)


@model.command("remove")
@click.argument("name")
@context_option
def remove_model(*, name: str, context: str | None) -> None:
    """Stop serving model NAME in the cluster; the library keeps it."""
    click.echo(run(_remove(context, name)).text)


async def _list_served(context: str | None) -> tuple[ModelStatus, ...]:
    async with open_cluster(context) as cluster:
        return (await cluster.status()).models


async def _push(
    context: str | None, manifests: list[Manifest], library: Library, key: bytes | None, *, promote: bool
) -> list[Done]:
    async with open_cluster(context) as cluster:
        return [
            await push_model(cluster, manifest, library, print_note, key=key, promote=promote) for manifest in manifests
        ]


async def _set_policy(context: str | None, policy: ServingPolicy) -> Done:
    async with open_cluster(context) as cluster:
        return await cluster.set_policy(policy)


async def _remove(context: str | None, name: str) -> Done:
    async with open_cluster(context) as cluster:
        return await cluster.remove_model(name)


def _find(library: Library, name: str) -> Manifest:
    """Return the manifest; where the model could be built, say how."""
    try:
        return library.manifest(name)
    except UnknownModelError as error:
        if name not in list_recipes():
            raise
        raise UnknownModelError(str(error), remedy=f"bramble model build {name}") from error
