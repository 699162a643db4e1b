from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkit.errors import ModelRejectedError
from models import checkpoint
from models.checkpoint import read_checkpoint


class _Name:
    """Pickles as a global name of a module that is not here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Stored:
    """Pickles as a tensor over a storage, the way PyTorch writes one."""

    def __init__(self, key: str, values: np.ndarray) -> None:
        self.key, self.values = key, values


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes what PyTorch before 1.6 wrote, without PyTorch."""

    def persistent_id(self, obj: object) -> Any:
        if isinstance(obj, tuple) and obj and obj[0] == "storage":
            return obj
        return None

    def save(self, obj: object, save_persistent_id: bool = True) -> None:  # noqa: FBT001, FBT002 - pickle's own
        if isinstance(obj, _Name):
            self.write(f"c{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Stored):
            strides = tuple(step // obj.values.itemsize for step in obj.values.strides)
            storage = ("storage", _Name("torch", "FloatStorage"), obj.key, "cpu", obj.values.size, None)
            self.save(_Name("torch._utils", "_rebuild_tensor_v2"))
            self.save((storage, 0, obj.values.shape, strides, False, OrderedDict()))
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def write_checkpoint(tensors: dict[str, np.ndarray], magic: int = checkpoint._MAGIC) -> bytes:
    file = io.BytesIO()
    stored = OrderedDict((name, _Stored(str(at), values)) for at, (name, values) in enumerate(tensors.items()))
    for part in (magic, 1001, {"little_endian": True}, stored, [tensor.key for tensor in stored.values()]):
        _Pickler(file, protocol=2).dump(part)
    for values in tensors.values():
        file.write(values.size.to_bytes(8, "little") + values.astype("<f4").tobytes())
    return file.getvalue()


TENSORS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.float32([7, 8])}
FILE = write_checkpoint(TENSORS)


def test_tensors_come_back_by_name() -> None:
    read = read_checkpoint(FILE)
    assert list(TENSORS) == list(read)
    for name, values in TENSORS.items():
        assert np.array_equal(values, read[name])


class _Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def test_a_pickle_that_asks_for_a_function_is_refused() -> None:
    with pytest.raises(ModelRejectedError, match=r"asks for posix\.system"):
        read_checkpoint(pickle.dumps(_Attack()))


def test_another_magic_number_is_refused() -> None:
    with pytest.raises(ModelRejectedError, match="not a checkpoint"):
        read_checkpoint(write_checkpoint(TENSORS, magic=1))


@given(st.floats(0, 0.999))
def test_a_truncated_checkpoint_is_refused(share: float) -> None:
    with pytest.raises(ModelRejectedError):
        read_checkpoint(FILE[: int(share * len(FILE))])


def test_a_tensor_that_is_not_contiguous_is_refused() -> None:
    with pytest.raises(ModelRejectedError, match="strides"):
        read_checkpoint(write_checkpoint({"a": TENSORS["a.weight"].T}))
