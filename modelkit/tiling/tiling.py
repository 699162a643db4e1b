"""The front of a model, divided: a .tflite for each part of the picture, and how their outputs go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from modelkit.digest import sha256_bytes
from modelkit.errors import InvalidTensorError
from modelkit.slicing.graph import Tensor
from modelkit.slicing.model import read_model
from modelkit.tiling.assembly import write_part
from modelkit.tiling.layout import Front, find_front, lay_out
from modelkit.tiling.region import COLUMNS, ROWS, Grid, Region

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a tensor."""

    tensor: Tensor  # of the whole model
    region: Region

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the part."""
        return self.region.shape(self.tensor.shape)

    @property
    def bytes(self) -> int:
        """The size of the part; 0 where elements have no fixed size."""
        return (self.tensor.bytes or 0) * self.region.area // (self.tensor.shape[ROWS] * self.tensor.shape[COLUMNS])

    def cut(self, whole: Array) -> Array:
        """This part of the whole tensor, without copying."""
        (top, bottom), (left, right) = self.region
        return whole[:, top:bottom, left:right]


@dataclass(frozen=True)
class Part:
    """One part of the picture: operators `[0, at)` on a region and its halo."""

    index: int
    data: bytes  # a .tflite; equal models, cuts and grids give equal bytes
    inputs: tuple[Piece, ...]  # in the order of the file's inputs: the part and its halo
    outputs: tuple[Piece, ...]  # in the order of the file's outputs: what no other part hands on

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256_bytes(self.data)


@dataclass(frozen=True)
class Tiling:
    """The operators before cut `at`, divided. What the parts hand on, put together, is what crosses the cut."""

    at: int
    grid: Grid
    parts: tuple[Part, ...]
    crossing: tuple[Tensor, ...]


def tile(data: bytes, at: int, grid: Grid) -> Tiling:
    """Divide the operators before cut `at` of a .tflite.

    Raises ModelRejectedError where the file is malformed or cannot be cut, and TilingRefusedError, with the operator
    named, where parts could not give the whole model's answers.
    """
    return tile_front(find_front(read_model(data)), at, grid)


def tile_front(front: Front, at: int, grid: Grid) -> Tiling:
    """The same for a model that has been looked at."""
    tensors = front.graph.tensors
    layouts = lay_out(front, at, grid)
    parts = tuple(
        Part(
            index=index,
            data=write_part(front.model, at, layout),
            inputs=tuple(
                Piece(tensors[tensor], layout.regions[tensor])
                for tensor in front.graph.inputs
                if tensor in layout.regions
            ),
            outputs=tuple(Piece(tensors[tensor], region) for tensor, region in layout.pieces.items()),
        )
        for index, layout in enumerate(layouts)
    )
    return Tiling(at, grid, parts, tuple(piece.tensor for piece in parts[0].outputs))


def merge(tensor: Tensor, pieces: Sequence[tuple[Region, Array]]) -> Array:
    """Put the parts of a tensor together.

    Raises InvalidTensorError where they overlap, leave something out, or are not of the tensor's shape and type.
    """
    whole = np.empty(tensor.shape, tensor.dtype)
    area = tensor.shape[ROWS] * tensor.shape[COLUMNS]
    seen = np.zeros((tensor.shape[ROWS], tensor.shape[COLUMNS]), np.bool_)
    for region, values in pieces:
        rows, columns = (slice(span.start, span.end) for span in region)
        if values.dtype != whole.dtype or values.shape != region.shape(tensor.shape):
            raise InvalidTensorError(
                f"{region} of {tensor} came as {list(values.shape)} {values.dtype}",
                remedy="divide the model anew, and use parts of one division only",
            )
        whole[:, rows, columns] = values
        seen[rows, columns] = True
    covered = sum(region.area for region, _ in pieces)
    if covered != area or not seen.all():
        raise InvalidTensorError(
            f"{len(pieces)} parts of {tensor} cover {covered} of {area} positions",
            remedy="give every part of the division once",
        )
    return whole
