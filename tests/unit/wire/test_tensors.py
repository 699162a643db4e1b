from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import InvalidTensorError
from wire.tensors import _BITS, MAGIC, Tensor, TensorType, decode_tensors, encode_tensors, from_array, to_array

shapes = st.lists(st.integers(0, 4), max_size=6).map(tuple)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    kind = draw(st.sampled_from(TensorType))
    shape = draw(shapes)
    bits = _BITS.get(kind)
    size = draw(st.integers(0, 40)) if bits is None else (math.prod(shape) * bits + 7) // 8
    return Tensor(kind, shape, draw(st.binary(min_size=size, max_size=size)))


@given(st.lists(tensors(), max_size=5))
def test_any_tensors_come_back_as_they_were_sent(sent: list[Tensor]) -> None:
    back = decode_tensors(encode_tensors(sent))
    assert [(t.type, t.shape, bytes(t.data)) for t in back] == [(t.type, t.shape, bytes(t.data)) for t in sent]


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda b: MAGIC + b)))
def test_any_bytes_are_tensors_or_an_invalid_tensor(data: bytes) -> None:
    try:
        found = decode_tensors(data)
    except InvalidTensorError:
        return
    assert encode_tensors(found) == data


@given(st.lists(tensors(), min_size=1, max_size=3), st.data())
def test_a_payload_with_a_piece_missing_or_added_is_refused(sent: list[Tensor], data: st.DataObject) -> None:
    whole = encode_tensors(sent)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(InvalidTensorError):
        decode_tensors(whole[:cut])
    with pytest.raises(InvalidTensorError):
        decode_tensors(whole + b"\0")


@pytest.mark.parametrize("kind", [k for k in TensorType if k.name not in ("STRING", "INT4", "BFLOAT16")])
def test_an_array_of_every_element_type_comes_back_equal(kind: TensorType) -> None:
    zero = to_array(Tensor(kind, (), bytes(_BITS[kind] // 8)))
    array = np.arange(6).reshape(1, 2, 3).astype(zero.dtype)
    back = to_array(decode_tensors(encode_tensors([from_array(array)]))[0])
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    assert not back.flags.writeable


def test_scalars_empty_and_transposed_arrays_keep_shape_and_values() -> None:
    arrays = [np.float32(2.5).reshape(()), np.zeros((0, 3), np.int8), np.arange(6, dtype=np.int32).reshape(2, 3).T]
    back = [to_array(t) for t in decode_tensors(encode_tensors([from_array(a) for a in arrays]))]
    assert all(b.shape == a.shape and np.array_equal(a, b) for a, b in zip(arrays, back, strict=True))


def test_a_claim_of_terabytes_costs_no_memory() -> None:
    claim = MAGIC + b"\x01\x00" + b"\x00\x01" + (1 << 39).to_bytes(8, "little") + b"\xff\xff\xff\xff"
    with pytest.raises(InvalidTensorError, match="the payload has"):
        decode_tensors(claim)


def test_a_size_that_belies_the_shape_is_refused() -> None:
    with pytest.raises(InvalidTensorError, match="cannot have 3 bytes"):
        Tensor(TensorType.FLOAT32, (1,), b"abc")


def test_element_types_that_litert_lacks_are_refused() -> None:
    with pytest.raises(InvalidTensorError, match="cannot be sent"):
        from_array(np.array(["a"]))
