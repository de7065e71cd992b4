from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import DType, Quant, TensorType


@pytest.mark.parametrize(
    ("dtype", "itemsize"),
    [("f32", 4), ("i8", 1), ("i16", 2), ("i32", 4), ("i64", 8), ("u8", 1), ("i1", 1)],
)
def test_element_types_have_their_size(dtype: str, itemsize: int) -> None:
    assert DType(dtype).itemsize == itemsize


@pytest.mark.parametrize("dtype", list(DType))
def test_an_array_knows_its_element_type(dtype: DType) -> None:
    assert DType.of(np.zeros(2, dtype.numpy)) is dtype


def test_bytes_are_elements_times_size() -> None:
    tensor = TensorType((1, 7, 5, 3), DType.FLOAT32)
    assert (tensor.elements, tensor.nbytes) == (105, 420)


def test_a_scalar_has_one_element() -> None:
    assert TensorType((), DType.INT64).nbytes == 8


def test_types_are_compared_by_content() -> None:
    assert TensorType((2,), DType.INT8, Quant.per_tensor(0.5)) == TensorType((2,), DType.INT8, Quant((0.5,), (0,)))
    assert TensorType((2,), DType.INT8) != TensorType((2,), DType.UINT8)
    assert len({TensorType((2,), DType.INT8), TensorType((2,), DType.INT8)}) == 1


def test_a_scale_is_rounded_to_float32() -> None:
    assert Quant.per_tensor(0.1).scale == float(np.float32(0.1)) != 0.1


def test_per_channel_means_more_than_one_scale() -> None:
    assert Quant((0.5, 0.25), (0,), 3).is_per_channel
    assert not Quant((0.5,), (3,)).is_per_channel
    assert Quant((0.5,), (3,)).zero_point == 3
