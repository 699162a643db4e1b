"""Small models and pictures that tests make themselves."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from modelkit.manifest import InputSpec, Manifest, SimulatedSpec


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
    name: str = "sim", seconds: float = 0.01, *, labels: Sequence[str] = ("a", "b"), version: str = "1"
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
        simulated=SimulatedSpec(seconds=seconds),
    )
