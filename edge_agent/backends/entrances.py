"""How a payload gets into a model: as a picture, or as what the stage before sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.backends.base import Prepared, TensorSpec
from edge_agent.backends.part import Part
from edge_agent.gathering import split_pieces
from modelkit.manifest import InputSpec, Manifest
from modelkit.picture import decode_picture, read_picture_info
from modelkit.preprocess import WHOLE, Placement, decode_bounds, place, prepare_input
from modelkit.sliced import Box, decode_tile, place_tile
from modelkit.slicing import Tensor
from modelkit.tiling import Grid, merge
from wire.errors import BadRequestError, InvalidTensorError, ModelRejectedError
from wire.headers import PICTURE, WorkOrder
from wire.precision import decode_activations
from wire.tensors import MAGIC, decode_tensors, to_array
from wire.tiles import Region

if TYPE_CHECKING:
    from edge_agent.backends.base import Array


class PictureEntrance:
    """Takes pictures, and input tensors as they are.

    Raises ModelRejectedError where the model's input is not the manifest's.
    """

    def __init__(self, manifest: Manifest, inputs: Sequence[TensorSpec], crop: Region | None = None) -> None:
        whole = manifest.input.shape
        x0, y0, x1, y1 = crop or (0, 0, whole[2], whole[1])
        shapes = tuple(spec.shape for spec in inputs)
        if shapes != ((1, y1 - y0, x1 - x0, whole[3]),) or x1 > whole[2] or y1 > whole[1]:
            of = "" if crop is None else f", of which this part is to see {crop}"
            raise ModelRejectedError(
                f"the model {manifest.name} takes {shapes}, its manifest says {whole}{of}",
                remedy="correct [input] in the manifest",
            )
        self._spec: InputSpec = manifest.input
        self._wanted = TensorSpec(whole, inputs[0].dtype, inputs[0].quantization)
        self._seen = (slice(None), slice(y0, y1), slice(x0, x1))

    def check(self, payload: bytes) -> None:
        """Read the size from the header before anything is decoded."""
        if not payload.startswith(MAGIC):
            read_picture_info(payload)

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:
        """Decode a picture, or the region of it, no larger than needed, and make the input of it.

        Input tensors are taken as they were sent.
        """
        if payload.startswith(MAGIC):
            return self._accept_tensors(payload)
        started = time.perf_counter()
        spec = self._spec
        info = read_picture_info(payload)
        if order.region is None:
            min_width, min_height = decode_bounds(info, spec)
            pixels = decode_picture(payload, min_width=min_width, min_height=min_height)
        else:
            pixels = decode_tile(payload, Box(*order.region), spec)
        decoded = time.perf_counter()
        tensor = prepare_input(pixels, spec, dtype=self._wanted.dtype, quantization=self._wanted.quantization)
        return Prepared(
            info.width,
            info.height,
            decode_ms=(decoded - started) * 1e3,
            preprocess_ms=(time.perf_counter() - decoded) * 1e3,
            tensors=(self._crop(tensor),),
            placement=_place(info.width, info.height, order, spec),
        )

    def prepare_blank(self) -> Prepared:
        """Return the input of a gray picture, to try the model on."""
        spec = self._spec
        gray = np.full((spec.height, spec.width, 3), 128, np.uint8)
        tensor = prepare_input(gray, spec, dtype=self._wanted.dtype, quantization=self._wanted.quantization)
        return Prepared(spec.width, spec.height, 0.0, 0.0, tensors=(self._crop(tensor),), placement=WHOLE)

    def _crop(self, tensor: Array) -> Array:
        """Cut out of the model's input what this part of the picture sees; all of it where there are no parts."""
        return np.ascontiguousarray(tensor[self._seen])

    def _accept_tensors(self, payload: bytes) -> Prepared:
        started = time.perf_counter()
        arrays = [to_array(tensor) for tensor in decode_tensors(payload)]
        check_tensors(arrays, (self._wanted,))
        spent = (time.perf_counter() - started) * 1e3
        seen = tuple(self._crop(array) for array in arrays)
        return Prepared(self._spec.width, self._spec.height, spent, 0.0, tensors=seen, placement=WHOLE)


class ActivationEntrance:
    """Takes what the stage before sent, in the precision that the itinerary says."""

    def __init__(self, manifest: Manifest, inputs: Sequence[TensorSpec], stage: int) -> None:
        self._spec: InputSpec = manifest.input
        self._inputs = tuple(inputs)
        self._stage = stage

    def check(self, payload: bytes) -> None:
        """Refuse what is no tensors, such as a picture that was sent to a later stage."""
        if not payload.startswith(MAGIC):
            raise InvalidTensorError(
                f"stage {self._stage} takes tensors, not {payload[:8]!r}", remedy="send pictures to stage 0"
            )

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:
        """Read the tensors and hold them against the shard's inputs."""
        if order.picture is None:
            raise BadRequestError(f"the header {PICTURE} is missing", remedy="send the picture's size along")
        started = time.perf_counter()
        arrays = decode_activations(payload, order.itinerary[self._stage - 1].wire)
        check_tensors(arrays, self._inputs)
        width, height = order.picture
        spent = (time.perf_counter() - started) * 1e3
        return Prepared(
            width, height, spent, 0.0, tensors=tuple(arrays), placement=_place(width, height, order, self._spec)
        )

    def prepare_blank(self) -> Prepared:
        """Return zeros, to try the shard on."""
        zeros = tuple(np.zeros(spec.shape, spec.dtype) for spec in self._inputs)
        return Prepared(self._spec.width, self._spec.height, 0.0, 0.0, tensors=zeros, placement=WHOLE)


def _place(width: int, height: int, order: WorkOrder, spec: InputSpec) -> Placement:
    """Where the model's input lies in the picture, also when only a region of it is looked at."""
    if order.region is None:
        return place(width, height, spec)
    return place_tile(width, height, Box(*order.region), spec)


class GatheringEntrance(ActivationEntrance):
    """Takes what the parts of a picture became, and puts it together."""

    def __init__(self, manifest: Manifest, inputs: Sequence[TensorSpec], part: Part) -> None:
        super().__init__(manifest, inputs, part.stage)
        assert part.grid is not None  # parts are gathered only where there are some
        grid = Grid(*part.grid)
        self._parts = grid.parts
        self._cells = []
        for number, spec in enumerate(inputs):
            if len(spec.shape) != _RANK:
                raise ModelRejectedError(
                    f"input {number} of shape {spec.shape} has no rows: it cannot come in parts",
                    remedy="cut the model again: `bramble plan`",
                )
            self._cells.append(grid.cells(spec.shape[1], spec.shape[2]))

    def prepare(self, payload: bytes, order: WorkOrder) -> Prepared:
        """Read the tensors of every part, merge them and hold them against the shard's inputs."""
        if order.picture is None:
            raise BadRequestError(f"the header {PICTURE} is missing", remedy="send the picture's size along")
        started = time.perf_counter()
        pieces = [
            decode_activations(piece, order.itinerary[part].wire)
            for part, piece in enumerate(split_pieces(payload, self._parts))
        ]
        if any(len(piece) != len(self._inputs) for piece in pieces):
            raise InvalidTensorError(
                f"parts came with {[len(piece) for piece in pieces]} tensors instead of {len(self._inputs)}",
                remedy="send what a part of this cut put out",
            )
        arrays = [
            merge(
                Tensor(number, f"input {number}", spec.shape, spec.dtype, None, stored=False, variable=False),
                [(cells[part], piece[number]) for part, piece in enumerate(pieces)],
            )
            for number, (spec, cells) in enumerate(zip(self._inputs, self._cells, strict=True))
        ]
        check_tensors(arrays, self._inputs)
        width, height = order.picture
        spent = (time.perf_counter() - started) * 1e3
        placement = _place(width, height, order, self._spec)
        return Prepared(width, height, spent, 0.0, tensors=tuple(arrays), placement=placement)


Entrance = PictureEntrance | ActivationEntrance

_RANK = 4


def check_tensors(arrays: Sequence[Array], wanted: Sequence[TensorSpec]) -> None:
    """Hold tensors from outside against what a model takes; runtimes accept NaN silently.

    Raises:
        InvalidTensorError: their number, a shape or a type is another, or a number is not finite.

    """
    found = [(tuple(array.shape), array.dtype.name) for array in arrays]
    expected = [(spec.shape, spec.dtype) for spec in wanted]
    if found != expected:
        raise InvalidTensorError(
            f"the tensors are {found[:4]}, the model takes {expected[:4]}",
            remedy="send the tensors that the model takes",
        )
    check_finite(arrays)


def check_finite(arrays: Sequence[Array]) -> None:
    """Refuse NaN and infinity.

    Raises:
        InvalidTensorError: one is there.

    """
    for index, array in enumerate(arrays):
        if np.issubdtype(array.dtype, np.inexact) and not np.isfinite(array).all():
            raise InvalidTensorError(f"tensor {index} holds a number that is not finite", remedy="send finite numbers")
