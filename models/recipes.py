"""Building the models that Bramble knows, into a library."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

from modelkit.digest import sha256_bytes
from modelkit.errors import ModelRejectedError, UnknownModelError
from modelkit.library import Library
from modelkit.manifest import Manifest, Strict, Text
from models.packages import Report
from models.recipe import FOLDER, KNOWN_PICTURE, Built, Recipe, Sources, load_recipe, load_toml, recipe_names

CLIP = "clip"  # the demo clip's name among the library's assets


class _Clip(Strict, frozen=True, kw_only=True):
    """`clip.toml`: where the demo clip comes from."""

    description: Text
    licence: Text
    sources: Sources


def names() -> tuple[str, ...]:
    """Every model that can be built, sorted."""
    return recipe_names()


def build(name: str, library: Library, report: Report) -> Manifest:
    """Fetch, build, check and store a model; one that is already there and whole is kept.

    `report` gets a line at each step. Packages are kept under the library's root, in `downloads/`.
    Raises UnknownModelError, PackageUnavailableError, and ModelRejectedError where a file is not the pinned one.
    """
    recipe = load_recipe(name)
    kept = _kept(recipe, library)
    if kept is not None:
        report(f"{name} is in the library")
        return kept
    members = recipe.sources.fetch(_cache(library), report)
    report(f"building {name}")
    built = _builder(name)(members)
    manifest = recipe.manifest(built.labels)
    for artefact in manifest.artefacts:
        _store(library, name, artefact.file, artefact.sha256, built.files[artefact.variant])
    _store(library, name, recipe.known_answer.file, recipe.known_answer.sha256, members[KNOWN_PICTURE])
    library.save(manifest)
    return manifest


def fetch_clip(library: Library, report: Report) -> Path:
    """The demo clip: where it is in the library, fetched at the first call. Raises PackageUnavailableError."""
    clip = load_toml(FOLDER / "clip.toml", _Clip)
    digest = clip.sources.members[CLIP].sha256
    if not library.has(digest):
        library.add_blob(clip.sources.fetch(_cache(library), report)[CLIP])
    return library.name_asset(CLIP, digest)


def _kept(recipe: Recipe, library: Library) -> Manifest | None:
    """The library's own manifest, if it is what the recipe would make and its blobs are whole."""
    try:
        manifest = library.manifest(recipe.name)
    except (UnknownModelError, ModelRejectedError):
        return None
    same = manifest == recipe.manifest(manifest.labels)
    return manifest if same and not library.verify(recipe.name) else None


def _cache(library: Library) -> Path:
    return library.root / "downloads"


def _builder(name: str) -> Callable[[Mapping[str, bytes]], Built]:
    """The `build` function of the model's folder, imported only now: it needs the packages of the extra `models`."""
    try:
        builder: Callable[[Mapping[str, bytes]], Built] = importlib.import_module(f"models.{name}.build").build
    except ModuleNotFoundError as error:
        raise ModelRejectedError(
            f"{error.name} is needed to build {name}", remedy="install the extra: pip install 'bramble-edge[models]'"
        ) from error
    return builder


def _store(library: Library, name: str, file: str, expected: str, data: bytes) -> None:
    """Keep a built file, if it is the one that was pinned."""
    digest = sha256_bytes(data)
    if digest != expected:
        raise ModelRejectedError(
            f"building {name} made {file} with SHA-256 {digest}, expected {expected}",
            remedy="install the versions of numpy, flatbuffers, ai-edge-litert and ai-edge-quantizer in requirements/",
        )
    library.add_blob(data)
