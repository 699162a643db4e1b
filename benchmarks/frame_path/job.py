"""The job that every contender does: one picture through MobileNetV2, with Bramble's own code for it.

Decode, resize, infer and read the classes: about 10 ms on one core, of which decode and resize are 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks.frame_path.meter import Meter, open_meter
from benchmarks.picture import make_picture
from cli.library import build_model, open_library
from edge_agent.backends.base import Findings, Servable
from edge_agent.backends.litert import LitertBackend
from modelkit.library import Library
from modelkit.manifest import Manifest
from wire.headers import WorkOrder

MODEL = "mobilenet_v2"
VARIANT = "cpu-f32"
SIZE = (640, 480)
QUALITY = 86  # 88 KiB
_ORDER = WorkOrder(frame="bench", digest="", itinerary=(), deadline_ms=10_000)

Job = Callable[[bytes], bytes]


def make_frame() -> bytes:
    """Return the picture."""
    return make_picture(*SIZE, quality=QUALITY)


def find_library() -> Library:
    """Return the library that BRAMBLE_LIBRARY names, or the user's own."""
    given = os.environ.get("BRAMBLE_LIBRARY")
    return open_library(Path(given) if given else None)


def build_job(library: Library) -> Manifest:
    """Return the model's manifest with one artefact, so that nobody chooses another; build it if it is not there."""
    manifest = build_model(MODEL, library, lambda line: print(line, file=sys.stderr))
    artefacts = tuple(each for each in manifest.artefacts if each.variant == VARIANT)
    return msgspec.structs.replace(manifest, artefacts=artefacts)


def load_job() -> Servable:
    """Load the model, which must have been built."""
    library = find_library()
    manifest = build_job(library)
    return LitertBackend().serve(manifest, VARIANT, library.path(manifest.artefacts[0].sha256), threads=1)


def open_job(meter: Meter | None = None) -> Job:
    """Return the job as a function of a JPEG, metered, which returns its classes as JSON."""
    model = load_job()
    meter = meter or open_meter()

    def work(picture: bytes) -> Findings:
        prepared = model.prepare(picture, _ORDER)
        found = model.interpret(prepared, model.infer(prepared), _ORDER)
        assert isinstance(found, Findings)  # a whole model has no activations to hand on
        return found

    def run(picture: bytes) -> bytes:
        found = meter.time(lambda: work(picture), ends=True)
        return msgspec.json.encode(found.classes)

    return run
