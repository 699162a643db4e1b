# ruff: noqa: INP001 - run by ansible as a script, in no package
"""Makes a cluster serve the models and cameras that are declared, and tells what it changed.

    python reconcile.py --context NAME --library DIR [--check] < desired.json

The desired state is ``{"models": ["mobilenet_v2"], "cameras": [{"camera": "door", "url": "rtsp://…", "models": […]}],
"remove": false}``; with ``remove``, whatever else the cluster has is taken out. It comes on standard input because a
camera's URL may hold a password. Runs where the ``bramble`` command is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from cli.cluster import Cluster
from cli.connection import open_cluster
from cli.library import open_library
from cli.push import push_model
from cli.signing import take_key
from modelkit.errors import ModelkitError
from modelkit.library import Library
from modelkit.manifest import Manifest, encode_manifest
from wire import subjects
from wire.cameras import CameraConfig
from wire.crashes import redact_crashes
from wire.errors import BrambleError
from wire.messages import decode
from wire.redact import redact_url

READ_S = 15.0


class Change(NamedTuple):
    """One thing to do; ``verb`` is add, change or remove, ``noun`` model or camera."""

    verb: str
    noun: str
    name: str


def plan(noun: str, wanted: Mapping[str, bytes], found: Mapping[str, bytes], *, remove: bool) -> list[Change]:
    """Return what turns ``found`` into ``wanted``; both map a name to its whole configuration."""
    changes = [
        Change("change" if name in found else "add", noun, name)
        for name, value in sorted(wanted.items())
        if found.get(name) != value
    ]
    return changes + [Change("remove", noun, name) for name in sorted(found.keys() - wanted.keys()) if remove]


def order(models: Sequence[Change], cameras: Sequence[Change]) -> list[Change]:
    """Return the changes so that no camera ever asks for a model that is not there."""
    leaving = [change for change in models if change.verb == "remove"]
    return [change for change in models if change.verb != "remove"] + list(cameras) + leaving


async def read_bucket(cluster: Cluster, subject: subjects.Subject, field: str) -> dict[str, bytes]:
    """Return the configurations in the cluster by name."""
    bucket = await cluster.bus.bucket(subjects.CONFIG_BUCKET, create=False)
    state = await asyncio.wait_for(anext(bucket.follow(subject.wildcard())), READ_S)
    return {tokens[field]: value for key, value in state.items() if (tokens := subject.parse(key))}


async def carry_out(cluster: Cluster, change: Change, manifests: Mapping[str, Manifest], library: Library,
                    cameras: Mapping[str, CameraConfig]) -> None:  # fmt: skip
    """Make one change."""
    match change:
        case Change("remove", "model", name):
            await cluster.remove_model(name)
        case Change("remove", "camera", name):
            await cluster.remove_camera(name)
        case Change(_, "model", name):
            await push_model(cluster, manifests[name], library, lambda _: None, key=take_key(None))
        case Change(_, _, name):
            await cluster.add_camera(cameras[name])


async def reconcile(context: str, library: Library, desired: Mapping[str, object], *, check: bool) -> list[Change]:
    """Find the changes and, unless ``check``, make them."""
    cameras = {
        each.camera: each for each in map(read_camera, msgspec.convert(desired["cameras"], list[dict[str, object]]))
    }
    manifests = {name: library.manifest(name) for name in msgspec.convert(desired["models"], list[str])}
    remove = bool(desired["remove"])
    async with open_cluster(context) as cluster:
        found = await read_bucket(cluster, subjects.MODEL_KEY, "model")
        wanted = {name: encode_manifest(manifest) for name, manifest in manifests.items()}
        models = plan("model", wanted, found, remove=remove)
        found = await read_bucket(cluster, subjects.CAMERA_KEY, "camera")
        # Through the type, so that a default spelled out and one left out are the same.
        found = {name: msgspec.json.encode(decode(value, CameraConfig)) for name, value in found.items()}
        wanted = {name: msgspec.json.encode(config) for name, config in cameras.items()}
        changes = order(models, plan("camera", wanted, found, remove=remove))
        if not check:
            for change in changes:
                await carry_out(cluster, change, manifests, library, cameras)
    return changes


def read_camera(fields: dict[str, object]) -> CameraConfig:
    """Return a declared camera, checked."""
    return decode(msgspec.json.encode(fields), CameraConfig)


def main() -> None:
    """Reconcile; print ``{"changes": ["add model mobilenet_v2"]}``."""
    redact_crashes()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--context", required=True)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing, only tell what would be")
    found = parser.parse_args()
    try:
        desired = json.load(sys.stdin)
        changes = asyncio.run(reconcile(found.context, open_library(found.library), desired, check=found.check))
    except (BrambleError, ModelkitError) as error:
        sys.exit(redact_url(f"error: {error}\nremedy: {error.remedy or 'see the journal of the controller'}"))
    except (ValueError, TypeError, KeyError) as error:
        sys.exit(redact_url(f"error: the declared state cannot be read: {error}"))
    print(json.dumps({"changes": [" ".join(change) for change in changes]}))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
