"""The library of really built models, and what of it the tests push to their brokers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelkit.library import Library
from modelkit.manifest import Manifest
from modelkit.picture import decode_picture, encode_jpeg
from models import recipes
from wire import subjects
from wire.bus import Bus

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def library() -> Library:
    """The models, built if they are not there yet."""
    library = Library(Path(os.environ.get("BRAMBLE_LIBRARY") or ROOT / ".cache" / "library"))
    for name in ("mobilenet_v2", "ssd_mobilenet_v2"):
        recipes.build(name, library, lambda _: None)
    return library


@pytest.fixture(scope="session")
def cat_jpeg(library: Library) -> bytes:
    """The known picture of mobilenet_v2, a cat, as a camera would send it."""
    known = library.manifest("mobilenet_v2").known_answer
    assert known is not None
    return encode_jpeg(decode_picture(library.path(known.sha256).read_bytes()))


@pytest.fixture
def as_on_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide aiohttp from agents: nodes do not have it, and where it is nats-py loads it, which takes 10 MiB."""
    (tmp_path / "aiohttp.py").write_text("raise ImportError('not on a node')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


async def push(bus: Bus, library: Library, name: str) -> Manifest:
    """Put a model's files into the object store, as ``bramble model push`` does, and return its manifest."""
    manifest = library.manifest(name)
    store = await bus.blobs(subjects.MODELS_STORE)
    known = manifest.known_answer
    for digest in [*(artefact.sha256 for artefact in manifest.artefacts), *([known.sha256] if known else [])]:
        await store.put_file(digest, library.path(digest))
    return manifest


@pytest.fixture
async def mobilenet(bus: Bus, library: Library) -> Manifest:
    """mobilenet_v2, pushed."""
    return await push(bus, library, "mobilenet_v2")


@pytest.fixture
async def ssd(bus: Bus, library: Library) -> Manifest:
    """ssd_mobilenet_v2, pushed."""
    return await push(bus, library, "ssd_mobilenet_v2")
