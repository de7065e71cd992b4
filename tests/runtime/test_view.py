"""What a level sees of an image: parts, and means of areas."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import Array
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.data.view import WHOLE, View, average_areas


def images(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_a_size_that_divides_gives_means_of_blocks() -> None:
    image = images(2, 8, 12, 3)
    blocks = image.reshape(2, 4, 2, 4, 3, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(average_areas(image, (4, 4)), blocks, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(3, 5), (7, 11), (1, 1), (8, 12)], ids=str)
def test_a_pixel_counts_by_the_part_of_it_that_lies_in_the_area(size: tuple[int, int]) -> None:
    image, (height, width) = images(1, 8, 12, 2), size
    fine = image.repeat(height, axis=1).repeat(width, axis=2)  # every pixel as height x width equal ones
    blocks = fine.reshape(1, height, 8, width, 12, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(average_areas(image, size), blocks, rtol=1e-5, atol=1e-6)


def test_integers_are_rounded_and_keep_their_type() -> None:
    image = np.array([-128, 127, 3, 4], np.int8).reshape(1, 2, 2, 1)
    found = average_areas(image, (1, 2))
    assert found.dtype == np.int8
    assert found.reshape(-1).tolist() == [round((-128 + 3) / 2), round((127 + 4) / 2)]


def test_a_view_cuts_first_and_scales_then() -> None:
    image = images(1, 8, 8, 1)
    assert View((2, 1, 4, 6)).input_size == (4, 6)
    assert View((2, 1, 4, 6), (2, 3)).input_size == View(size=(2, 3)).input_size == (2, 3)
    assert WHOLE.input_size is None
    np.testing.assert_array_equal(View((2, 1, 4, 6)).of(image), image[:, 2:6, 1:7])
    np.testing.assert_array_equal(View((2, 1, 4, 6), (2, 3)).of(image), average_areas(image[:, 2:6, 1:7], (2, 3)))


def test_other_inputs_of_a_sample_stay() -> None:
    labels = np.array([1], np.int64)
    data = DataSet([[images(1, 4, 4, 1), images(1, 7)]], labels)
    seen = View(size=(2, 2)).of_data(data)
    assert [array.shape for array in seen.samples[0]] == [(1, 2, 2, 1), (1, 7)]
    assert seen.labels is labels
    assert WHOLE.of_data(data) is data
