from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wire.errors import InvalidTensorError
from wire.precision import Precision, decode_activations, encode_activations
from wire.tensors import encode_tensors, from_array

shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
floats = arrays.arrays(np.float32, shapes, elements=st.floats(-1e9, 1e9, width=32))
integers = arrays.arrays(st.sampled_from([np.int8, np.uint8, np.int32, np.int64, np.bool_]), shapes)
activations = st.lists(floats | integers, max_size=4)


@given(activations, st.sampled_from(Precision))
def test_activations_come_back_in_their_shapes_and_types_and_integers_in_their_values(
    sent: list[np.ndarray], precision: Precision
) -> None:
    back = decode_activations(encode_activations(sent, precision), precision)
    assert [(each.shape, each.dtype) for each in back] == [(each.shape, each.dtype) for each in sent]
    for one, other in zip(sent, back, strict=True):
        if precision is Precision.EXACT or one.dtype != np.float32:
            assert one.tobytes() == other.tobytes()


@given(floats)
def test_int8_is_off_by_at_most_half_a_step_of_the_range_of_the_tensor(sent: np.ndarray) -> None:
    (back,) = decode_activations(encode_activations([sent], Precision.INT8), Precision.INT8)
    if sent.size:
        step = (float(sent.max()) - float(sent.min())) / 255
        slack = 1e-6 * float(np.abs(sent).max()) + 1e-30
        assert np.abs(back.astype(np.float64) - sent).max() <= step / 2 + 3 * slack


def test_f16_halves_floats_and_int8_quarters_them() -> None:
    activation = np.linspace(-1, 6, 25_088, dtype=np.float32).reshape(1, 14, 14, 128)
    sizes = [len(encode_activations([activation], precision)) for precision in Precision]
    assert [round(sizes[0] / size, 2) for size in sizes] == [1.0, 2.0, 3.99]


def test_numbers_beyond_float16_travel_exactly() -> None:
    sent = np.array([1e6, 0.1], np.float32)
    (back,) = decode_activations(encode_activations([sent], Precision.F16), Precision.F16)
    assert back.tobytes() == sent.tobytes()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_cannot_be_sent_as_int8(number: float) -> None:
    with pytest.raises(InvalidTensorError, match="not finite"):
        encode_activations([np.array([0, number], np.float32)], Precision.INT8)


@pytest.mark.parametrize(
    "parts",
    [
        [np.zeros(3, np.uint8)],
        [np.zeros(3, np.uint8), np.zeros(3, np.float32)],
        [np.zeros(3, np.float32), np.zeros(2, np.float32)],
        [np.zeros(3, np.uint8), np.zeros(2, np.int32)],
    ],
)
def test_tensors_that_are_no_int8_activations_are_refused(parts: list[np.ndarray]) -> None:
    with pytest.raises(InvalidTensorError, match="int8 activations"):
        decode_activations(encode_tensors([from_array(part) for part in parts]), Precision.INT8)


@given(st.binary(max_size=200), st.sampled_from(Precision))
def test_any_bytes_are_activations_or_an_invalid_tensor(payload: bytes, precision: Precision) -> None:
    try:
        decode_activations(b"BRT1" + payload, precision)
    except InvalidTensorError:
        return
