"""How exactly activations travel from one stage to the next: as they are, or in fewer bytes where a plan says so.

``f16`` halves floats and ``int8`` quarters them (an affine code over each tensor's own range); integers always travel
as they are. Only ``exact`` keeps a pipeline bit-identical to the whole model.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from wire.errors import InvalidTensorError
from wire.tensors import decode_tensors, encode_tensors, from_array, to_array

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.generic]

_STEPS = 255  # between the least and the greatest value of a tensor in int8's code


class Precision(StrEnum):
    """What becomes of the floats among activations on their way."""

    EXACT = "exact"
    F16 = "f16"
    INT8 = "int8"


def encode_activations(arrays: Sequence[Array], precision: Precision = Precision.EXACT) -> bytes:
    """Return the tensors as one payload (:mod:`wire.tensors`).

    ``int8`` sends two tensors for each: bytes of the same shape, then the least value and the step as two float32.

    Raises:
        InvalidTensorError: a type cannot be sent, or a number that has to be coded is not finite.

    """
    coded: list[Array] = []
    for array in arrays:
        match precision:
            case Precision.EXACT:
                coded.append(array)
            case Precision.F16:
                coded.append(_halve(array))
            case Precision.INT8:
                coded += _quantise(array)
    return encode_tensors([from_array(array) for array in coded])


def decode_activations(payload: bytes | memoryview, precision: Precision = Precision.EXACT) -> list[Array]:
    """Return what :func:`encode_activations` was given, floats as float32; ``exact`` arrays are views, not copies.

    Raises:
        InvalidTensorError: the payload is not of that precision.

    """
    import numpy as np  # noqa: PLC0415 - agents that only simulate never load numpy

    arrays = [to_array(tensor) for tensor in decode_tensors(payload)]
    match precision:
        case Precision.EXACT:
            return arrays
        case Precision.F16:
            return [array.astype(np.float32) if array.dtype == np.float16 else array for array in arrays]
        case Precision.INT8:
            return _dequantise(arrays)


def _halve(array: Array) -> Array:
    """A tensor with numbers beyond the range of float16 stays as it is: infinity would be another answer."""
    import numpy as np  # noqa: PLC0415 - as above

    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if np.isfinite(half).all() else array


def _quantise(array: Array) -> tuple[Array, ...]:
    import numpy as np  # noqa: PLC0415 - as above

    if array.dtype != np.float32:
        return array, np.empty(0, np.float32)
    real = array.astype(np.float64)
    low, high = (float(real.min()), float(real.max())) if real.size else (0.0, 0.0)
    if not np.isfinite([low, high]).all():
        raise InvalidTensorError("an activation is not finite and cannot be sent as int8", remedy="send it as exact")
    step = (high - low) / _STEPS or 1.0
    return np.rint((real - low) / step).astype(np.uint8), np.array([low, step], np.float32)


def _dequantise(arrays: Sequence[Array]) -> list[Array]:
    import numpy as np  # noqa: PLC0415 - as above

    found: list[Array] = []
    for coded, scale in zip(arrays[::2], arrays[1::2], strict=False):
        if scale.dtype != np.float32 or scale.shape not in ((0,), (2,)):
            raise InvalidTensorError(f"int8 activations came with a scale of {scale.dtype} {scale.shape}")
        if not scale.size:
            found.append(coded)
        elif coded.dtype != np.uint8:
            raise InvalidTensorError(f"int8 activations came as {coded.dtype}")
        else:
            found.append(coded.astype(np.float32) * scale[1] + scale[0])
    if len(arrays) % 2:
        raise InvalidTensorError(f"int8 activations came as {len(arrays)} tensors, which is no even number")
    return found
