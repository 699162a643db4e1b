"""Which node is to serve which artefact of which model. Pure.

Every node gets the whole of every model, in the best variant that it can run and the model has: replicas answer a
frame without a hop, and any node can stand in for any other.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelkit.manifest import Manifest
from wire.messages import Assignment, Shard

PREFERENCE = ("edgetpu", "cpu-int8", "cpu-f32", "onnx", "simulated")
"""Best first: by speed on small machines; a node only simulates what it cannot run."""


def choose_variant(manifest: Manifest, runnable: Iterable[str]) -> str | None:
    """Return the best variant that the model has and a node can run, if any."""
    possible = set(manifest.variants) & set(runnable)
    return next((variant for variant in PREFERENCE if variant in possible), None)


def assign(node: str, runnable: Iterable[str], manifests: Iterable[Manifest]) -> Assignment:
    """Return what a node is to serve, in the order of the models' names."""
    variants = tuple(runnable)
    shards = []
    for manifest in sorted(manifests, key=lambda each: each.name):
        variant = choose_variant(manifest, variants)
        if variant is not None:
            shards.append(
                Shard(
                    model=manifest.name,
                    version=manifest.version,
                    variant=variant,
                    digest=manifest.digest(variant),
                )
            )
    return Assignment(node=node, shards=tuple(shards))
