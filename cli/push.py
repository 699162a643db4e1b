"""Putting a model into a cluster: its files into the object store, then its manifest."""

from __future__ import annotations

from collections.abc import Callable

from cli.cluster import Cluster
from modelkit.digest import sha256_bytes
from modelkit.library import Library
from modelkit.manifest import Manifest, encode_manifest
from modelkit.signature import sign
from wire.messages import Done
from wire.subjects import MODELS_STORE, SIGNATURE_BLOB

Report = Callable[[str], None]


async def push_model(
    cluster: Cluster,
    manifest: Manifest,
    library: Library | None,
    report: Report,
    *,
    key: bytes | None,
    promote: bool = True,
) -> Done:
    """Upload what the cluster does not have yet, then have the model served.

    Args:
        cluster: where to.
        manifest: the model.
        library: where its files are; None will do for a model that has none.
        report: gets a line for every file.
        key: the private key to sign with; None: unsigned.
        promote: put it into force; else it is only kept beside what serves.

    Raises:
        UnknownModelError: a file is not in the library.
        ModelRejectedError: the key cannot be used.
        BusError: the cluster cannot be reached, or could not store a file.

    """
    files = {artefact.sha256: artefact.file for artefact in manifest.artefacts}
    if manifest.known_answer is not None:
        files[manifest.known_answer.sha256] = manifest.known_answer.file
    if files and library is not None:
        store = await cluster.bus.blobs(MODELS_STORE, create=False)
        for digest, name in files.items():
            if await store.has(digest):
                continue
            report(f"uploading {manifest.name} {name}")
            await store.put_file(digest, library.path(digest))
        if key is not None:
            name = SIGNATURE_BLOB.build(manifest=sha256_bytes(encode_manifest(manifest)))
            await store.put_bytes(name, sign(manifest, key))
    return await (cluster.add_model(manifest) if promote else cluster.keep_model(manifest))
