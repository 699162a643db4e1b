"""The file of a model that is to be cut, and the files that come of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import click

from modelkit.errors import UnknownModelError
from modelkit.library import Library
from wire.errors import BadRequestError

_PREFERENCE = ("cpu-int8", "cpu-f32", "edgetpu")  # what agents serve first; `onnx` and `simulated` are no .tflite

model_argument = click.argument("model")
variant_option = click.option(
    "--variant", metavar="NAME", help="Which of the model's files; default: as agents choose."
)


class Source(NamedTuple):
    """The file to cut."""

    name: str
    file: Path


def find_source(library: Library, model: str, variant: str | None) -> Source:
    """Return a file of a model in the library, or the file itself where the name is a path."""
    path = Path(model)
    if path.suffix == ".tflite":
        if not path.is_file():
            raise UnknownModelError(f"there is no file {path}", remedy="give a .tflite file or a model of the library")
        return Source(path.stem, path)
    manifest = library.manifest(model)
    chosen = variant or next((each for each in _PREFERENCE if each in manifest.variants), _PREFERENCE[0])
    if chosen not in _PREFERENCE:
        raise BadRequestError(f"variant {chosen} is no .tflite", remedy=f"choose one of {', '.join(_PREFERENCE)}")
    return Source(f"{model}-{chosen}", library.path(manifest.artefact(chosen)))


def write_file(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            return beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise BadRequestError(f"{path} cannot be written: {error.strerror}", remedy="choose another place") from error
