"""Compare who cuts a picture into tiles: the nodes, each out of the whole picture, or the controller, once for all.

``python -m benchmarks.sliced_decode``: CPU times on one core and bytes on the wire for 1080p and 4K JPEGs, and what
the controller's second JPEG compression does to the pixels. Nothing is asserted: times are this machine's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from modelkit.manifest import InputSpec
from modelkit.picture import Pixels, decode_picture, encode_jpeg
from modelkit.preprocess import prepare_input
from modelkit.sliced import Box, cut_picture, decode_tile

SPEC = InputSpec(width=300, height=300, channels=3, mean=(127.5,) * 3, scale=(127.5,) * 3)
SIZES = ((1920, 1080), (3840, 2160))
GRIDS = ((2, 2), (3, 3))
REPEATS = 7


def make_picture(width: int, height: int) -> Pixels:
    """Noise at several scales: about as hard to compress as a street."""
    chance = np.random.default_rng(1)
    picture = np.zeros((height, width, 3))
    for scale, weight in ((64, 60), (16, 30), (4, 15), (1, 6)):
        coarse = chance.uniform(0, weight, (-(-height // scale), -(-width // scale), 3))
        picture += coarse.repeat(scale, axis=0).repeat(scale, axis=1)[:height, :width]
    return picture.clip(0, 255).astype(np.uint8)


def measure(work: Callable[[], object]) -> float:
    """CPU milliseconds, the median of some runs."""
    spent = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        spent.append((time.process_time() - started) * 1e3)
    return sorted(spent)[REPEATS // 2]


def cut_here(jpeg: bytes, tiles: tuple[Box, ...]) -> list[bytes]:
    """What the controller would do: decode once, cut, compress each tile again."""
    pixels = decode_picture(jpeg)
    return [encode_jpeg(pixels[tile.y0 : tile.y1, tile.x0 : tile.x1], quality=90) for tile in tiles]


def main() -> None:
    """Print the comparison."""
    table = Table("picture", "tiles", "each node: CPU", "controller: CPU", "then each node", "bytes: nodes cut",
                  "bytes: controller cuts", "pixels changed by", title="Who cuts a picture into tiles")  # fmt: skip
    for width, height in SIZES:
        jpeg = encode_jpeg(make_picture(width, height), quality=85)
        for columns, rows in GRIDS:
            tiles = cut_picture(width, height, columns=columns, rows=rows, overlap=0.2)
            sent = cut_here(jpeg, tiles)
            middle = len(tiles) // 2
            exact = prepare_input(decode_tile(jpeg, tiles[middle], SPEC), SPEC)
            again = prepare_input(sent[middle], SPEC)
            table.add_row(
                f"{width}x{height}, {len(jpeg) >> 10} KiB",
                f"{columns}x{rows}",
                f"{measure(lambda: decode_tile(jpeg, tiles[middle], SPEC)):.1f} ms",  # noqa: B023 - used at once
                f"{measure(lambda: cut_here(jpeg, tiles)):.1f} ms",  # noqa: B023 - used at once
                f"{measure(lambda: decode_tile(sent[middle], Box(0, 0, tiles[0].width, tiles[0].height), SPEC)):.1f} ms",  # noqa: B023, E501 - used at once
                f"{len(jpeg) * len(tiles) >> 10} KiB",
                f"{sum(map(len, sent)) >> 10} KiB",
                f"{np.abs(np.subtract(exact, again)).mean() * 127.5:.2f} of 255",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
