"""Small models and pictures that tests make themselves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from modelkit.digest import sha256_bytes
from modelkit.manifest import Artefact, InputSpec, Manifest, SimulatedSpec
from models.tflite_writer import Graph
from wire import subjects
from wire.bus import Bus


def make_jpeg(width: int = 64, height: int = 48) -> bytes:
    """Return a small picture with something in it."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8))
    out = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()


def claim_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Return the picture with another size in its header (the SOF0 segment)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2) + width.to_bytes(2) + jpeg[at + 4 :]


def simulated_manifest(
    name: str = "sim",
    seconds: float = 0.01,
    *,
    labels: Sequence[str] = ("a", "b"),
    version: str = "1",
    operators: int = 1,
    activation_bytes: int = 0,
) -> Manifest:
    """Return a model that can only be played."""
    return Manifest(
        name=name,
        version=version,
        task="classify",
        description="",
        licence="MIT",
        origin="made by a test",
        labels=tuple(labels),
        input=InputSpec(width=32, height=24),
        simulated=SimulatedSpec(seconds=seconds, operators=operators, activation_bytes=activation_bytes),
    )


class SmallClassifier:
    """A real ``.tflite`` of three operators, 32x24 pixels in and four classes out, and what it is made of."""

    def __init__(self, weight: float = 1.0) -> None:
        self.graph = Graph("small", "a small classifier")
        picture = self.graph.input("picture", (1, 24, 32, 3))
        mean = self.graph.average(picture, "mean")
        weights = weight * np.eye(4, 3, dtype=np.float32)
        self.connected = self.graph.connect(mean, "connect", weights, np.zeros(4, np.float32))
        self.shares = self.graph.softmax(self.connected, "shares")

    def finish(self) -> bytes:
        """Return the file."""
        return self.graph.finish(self.shares)

    def finish_crashing(self) -> bytes:
        """Return a file that crashes LiteRT while it allocates: its weights are said to be left out."""
        operators = self.graph._subgraph.operators
        operators[1].inputs[1] = -1  # "optional tensor" in the TFLite schema; the kernel does not expect it here
        return self.finish()


def make_vast() -> bytes:
    """Return a classifier like the small one, whose picture is put into a frame first: 4.8 GB of zeros."""
    graph = Graph("vast", "a classifier that wants more than most machines have")
    picture = graph.pad(graph.input("picture", (1, 24, 32, 3)), "framed", 10_000)
    connected = graph.connect(
        graph.average(picture, "mean"), "connect", np.eye(4, 3, dtype=np.float32), np.zeros(4, np.float32)
    )
    return graph.finish(graph.softmax(connected, "shares"))


def small_manifest(tflite: bytes, *, name: str = "small", version: str = "1", **changes: object) -> Manifest:
    """Return the manifest that goes with a small classifier's file."""
    artefact = Artefact(variant="cpu-f32", file="small.tflite", sha256=sha256_bytes(tflite), bytes=len(tflite))
    fields: dict[str, object] = {
        "name": name,
        "version": version,
        "task": "classify",
        "description": "",
        "licence": "MIT",
        "origin": "made by a test",
        "labels": ("red", "green", "blue", "other"),
        "input": InputSpec(width=32, height=24, scale=(255.0, 255.0, 255.0)),
        "artefacts": (artefact,),
    }
    return Manifest(**(fields | changes))


async def push_blob(bus: Bus, data: bytes, tmp_path: Path, *, digest: str = "") -> None:
    """Put bytes into the object store, under another digest if told to."""
    file = tmp_path / "blob"
    file.write_bytes(data)
    store = await bus.blobs(subjects.MODELS_STORE)
    await store.put_file(digest or sha256_bytes(data), file)
