"""Reading weights out of a PyTorch checkpoint without PyTorch.

The format is the one of `torch.save` before 1.6 (torch/serialization.py, `_legacy_save`): four pickles (magic number,
protocol, system, the object), the list of storage keys, then each storage as a count and raw little-endian numbers.
"""

import io
import math
import pickle
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from modelkit.errors import ModelRejectedError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_REMEDY = "fetch the package again; this reader knows state dictionaries saved by PyTorch before 1.6"

Array = npt.NDArray[np.generic]


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_checkpoint(data: bytes) -> dict[str, Array]:
    """The tensors of a state dictionary by name. Raises ModelRejectedError."""
    file = io.BytesIO(data)
    try:
        magic, protocol, _ = (_Unpickler(file).load() for _ in range(3))
        if magic != _MAGIC or protocol != _PROTOCOL:
            raise ModelRejectedError(f"not a checkpoint: magic {magic!r}, protocol {protocol!r}", remedy=_REMEDY)
        tensors: dict[str, _Tensor] = _Unpickler(file).load()
        keys: list[str] = _Unpickler(file).load()
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        contents = {key: _read_storage(file, storages[key]) for key in keys}
        return {name: _view(tensor, contents[tensor.storage.key]) for name, tensor in tensors.items()}
    except (pickle.UnpicklingError, AttributeError, EOFError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelRejectedError(f"the checkpoint cannot be read: {error!r}", remedy=_REMEDY) from error


def _read_storage(file: io.BytesIO, storage: _Storage) -> Array:
    count = int.from_bytes(file.read(8), "little")
    if count != storage.length:
        raise ValueError(f"storage {storage.key} holds {count} numbers instead of {storage.length}")
    return np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype, count)


def _view(tensor: _Tensor, content: Array) -> Array:
    contiguous = tuple(math.prod(tensor.shape[axis + 1 :]) for axis in range(len(tensor.shape)))
    if tensor.strides != contiguous:
        raise ValueError(f"a tensor has strides {tensor.strides}, only contiguous ones are known")
    size = math.prod(tensor.shape)
    return content[tensor.offset : tensor.offset + size].reshape(tensor.shape)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Unpickler(pickle.Unpickler):
    """Resolves the four names that a state dictionary needs, and refuses all others: a pickle is a program."""

    _ALLOWED = {  # noqa: RUF012 - a constant
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """Look a global name up, in the table alone."""
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the checkpoint asks for {module}.{name}") from None

    def persistent_load(self, pid: Any) -> _Storage:
        """Storages are named here and follow after the pickles."""
        kind, dtype, key, _, count, _ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"the checkpoint refers to {kind!r}")
        return _Storage(key, dtype, count)
