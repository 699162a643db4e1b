"""Putting a model into a cluster: its files into the object store, then its manifest."""

from __future__ import annotations

from collections.abc import Callable

from cli.cluster import Cluster
from modelkit.library import Library
from modelkit.manifest import Manifest
from wire.messages import Done
from wire.subjects import MODELS_STORE

Report = Callable[[str], None]


async def push_model(cluster: Cluster, manifest: Manifest, library: Library | None, report: Report) -> Done:
    """Upload what the cluster does not have yet, then have the model served.

    Args:
        cluster: where to.
        manifest: the model.
        library: where its files are; None will do for a model that has none.
        report: gets a line for every file.

    Raises:
        UnknownModelError: a file is not in the library.
        BusError: the cluster cannot be reached, or could not store a file.

    """
    files = {artefact.sha256: artefact.file for artefact in manifest.artefacts}
    if manifest.known_answer is not None:
        files[manifest.known_answer.sha256] = manifest.known_answer.file
    if files and library is not None:
        store = await cluster.bus.blobs(MODELS_STORE)
        for digest, name in files.items():
            if await store.has(digest):
                continue
            report(f"uploading {manifest.name} {name}")
            await store.put_file(digest, library.path(digest))
    return await cluster.add_model(manifest)
