"""Models as people read of them: in the library, buildable, served."""

from __future__ import annotations

import msgspec

from cli.tables import NONE, format_bytes
from modelkit.manifest import Manifest
from wire.status import ModelStatus

COLUMNS = ("MODEL", "VERSION", "TASK", "VARIANTS", "LIBRARY", "CLUSTER", "LICENCE")
SHOWN_LABELS = 5
UNKNOWN = "?"


class Entry(msgspec.Struct, frozen=True):
    """A model as `model list` tells of it."""

    name: str
    library: bool
    recipe: bool  # it can be built
    nodes_ready: tuple[str, ...] | None  # None: not in the cluster, or the cluster could not be asked
    version: str = ""
    task: str = ""
    variants: tuple[str, ...] = ()
    licence: str = ""


def merge(manifests: list[Manifest], recipes: tuple[str, ...], served: tuple[ModelStatus, ...]) -> tuple[Entry, ...]:
    """Return one entry for each model that is known anywhere, sorted by name."""
    local = {manifest.name: manifest for manifest in manifests}
    remote = {status.model: status for status in served}
    entries = []
    for name in sorted({*local, *recipes, *remote}):
        known = local.get(name) or remote.get(name)
        status = remote.get(name)
        entry = Entry(
            name=name,
            library=name in local,
            recipe=name in recipes,
            nodes_ready=status.nodes_ready if status else None,
        )
        if known is not None:
            facts = {"version": known.version, "task": known.task, "licence": known.licence}
            entry = msgspec.structs.replace(entry, **facts, variants=tuple(known.variants))
        entries.append(entry)
    return tuple(entries)


def row(entry: Entry, *, asked: bool) -> tuple[str, ...]:
    """Return an entry as a row under COLUMNS; ``asked`` tells whether the cluster answered."""
    absent = NONE if asked else UNKNOWN
    return (
        entry.name,
        entry.version or NONE,
        entry.task or NONE,
        ", ".join(entry.variants) or NONE,
        "yes" if entry.library else "to build" if entry.recipe else NONE,
        absent if entry.nodes_ready is None else f"{len(entry.nodes_ready)} nodes ready",
        entry.licence or NONE,
    )


def describe_manifest(manifest: Manifest) -> list[str]:
    """Return a manifest as lines for people."""
    spec = manifest.input
    labels = ", ".join(manifest.labels[:SHOWN_LABELS]) + (", …" if len(manifest.labels) > SHOWN_LABELS else "")
    known = manifest.known_answer
    lines = [
        f"name       {manifest.name}",
        f"version    {manifest.version}",
        f"task       {manifest.task}",
        f"about      {manifest.description}",
        f"licence    {manifest.licence}",
        f"origin     {manifest.origin}",
        f"input      {spec.width}x{spec.height} {spec.colour}, {spec.resize}",
        f"labels     {len(manifest.labels)}: {labels}",
        f"proved by  {known.file if known else NONE}",
    ]
    lines += [f"{each.variant:<10} {each.file} {format_bytes(each.bytes)} {each.sha256}" for each in manifest.artefacts]
    if manifest.simulated is not None:
        lines.append(f"simulated  {manifest.simulated.seconds * 1000:g} ms a picture")
    return lines
