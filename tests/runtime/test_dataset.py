from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redsc.errors import UsageError
from redsc.formats import Model, load_model, write_tflite
from redsc.ir import DType, parse_graph
from redsc.passes.losses.sensitivity import spread
from redsc.runtime.data.dataset import DataSet, data_warnings, load_data
from tests.helpers import small_net

QUANTIZED_INPUT = """graph @g {
  input %x: f32[1,4]
  %q: i8[1,4] q(0.0078125,0) = QUANTIZE(%x)
  %y: f32[1,4] = DEQUANTIZE(%q)
  output %y
}
"""


def model_of(path: Path, text: str | None = None) -> Model:
    graph = small_net(DType.FLOAT32) if text is None else parse_graph(text)
    path.write_bytes(write_tflite(graph))
    return load_model(path)


def load(folder: Path, model: Model, x: Any) -> DataSet:
    np.savez(folder / "d.npz", x=x)
    return load_data(folder / "d.npz", model)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_is_a_usage_error(tmp_path: Path, number: float) -> None:
    with pytest.raises(UsageError, match="holds NaN or infinity"):
        load(tmp_path, model_of(tmp_path / "n.tflite"), np.full((9, 8, 8, 3), number, np.float32))


def test_a_shape_mismatch_says_what_came_and_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, model_of(tmp_path / "n.tflite"), np.zeros((9, 8, 8, 4), np.float32))
    words = "array 'x' is float32[9, 8, 8, 4], input 'x' takes float32[1, 8, 8, 3] per sample"
    assert caught.value.diagnostic.message == words


@pytest.mark.parametrize(("shape", "wanted", "fits"), [
    ((4, 6, 3), "1,4,6,3", True),
    ((1, 4, 6, 3), "1,4,6,3", True),
    ((72,), "1,4,6,3", True),
    ((4, 6, 3), "1,72", True),
    ((4, 6), "1,4,6,1", True),
    ((3, 4, 6), "1,4,6,3", False),
    ((6, 4, 3), "1,4,6,3", False),
    ((24, 3), "1,4,6,3", False),
])  # fmt: skip
def test_samples_of_the_right_size_in_another_layout_are_refused(
    tmp_path: Path, shape: tuple[int, ...], wanted: str, fits: bool
) -> None:
    relu = f"graph @g {{\n  input %x: f32[{wanted}]\n  %y: f32[{wanted}] = RELU(%x)\n  output %y\n}}\n"
    model = model_of(tmp_path / "n.tflite", relu)
    x = np.random.default_rng(0).standard_normal((9, *shape)).astype(np.float32)
    if fits:
        assert len(load(tmp_path, model, x).samples) == 9
    else:
        with pytest.raises(UsageError, match="per sample"):
            load(tmp_path, model, x)


def test_the_hint_for_channels_that_come_first_makes_data_that_fit(tmp_path: Path) -> None:
    model = model_of(tmp_path / "n.tflite")
    x = np.random.default_rng(0).standard_normal((9, 3, 8, 8)).astype(np.float32)
    with pytest.raises(UsageError) as caught:
        load(tmp_path, model, x)
    hint = "numpy.moveaxis(x, 1, -1) puts the channels where the model file has them"
    assert caught.value.diagnostic.hint == hint
    assert len(load(tmp_path, model, np.moveaxis(x, 1, -1)).samples) == 9


@pytest.mark.parametrize("scale", [255.0, 1 / 255])
def test_a_range_mismatch_says_what_came_and_what_was_expected(tmp_path: Path, scale: float) -> None:
    model = model_of(tmp_path / "n.tflite", QUANTIZED_INPUT)
    x = (np.linspace(0, 1, 36).reshape(9, 4) * scale).astype(np.float32)
    with pytest.raises(UsageError, match=r"has numbers from 0 to .*, input 'x' is made for -1 to 0.992188"):
        load(tmp_path, model, x)
    assert len(load(tmp_path, model, x / scale).samples) == 9
    assert len(load(tmp_path, model, x * 0).samples) == 9  # silence is legal


def test_good_data_give_no_warning(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((8, 8, 8, 3)).astype(np.float32)
    assert data_warnings(load(tmp_path, model_of(tmp_path / "n.tflite"), x)) == []


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.random.default_rng(0).standard_normal((7, 8, 8, 3)), "the data file has 7 samples only"),
        (np.broadcast_to(np.random.default_rng(0).standard_normal((8, 8, 3)), (9, 8, 8, 3)), "are equal"),
        (np.broadcast_to(np.arange(9)[:, None, None, None], (9, 8, 8, 3)), "is one number repeated"),
    ],
)
def test_poor_data_give_a_warning(tmp_path: Path, x: Any, words: str) -> None:
    (found,) = data_warnings(load(tmp_path, model_of(tmp_path / "n.tflite"), x.astype(np.float32)))
    assert words in found.message


def numbered(count: int, *, has_labels: bool = True) -> DataSet:
    samples = [[np.full((1, 2), number, np.float32)] for number in range(count)]
    return DataSet(samples, np.arange(count) if has_labels else None)


def numbers(data: DataSet) -> list[int]:
    return [int(row[0][0, 0]) for row in data.samples]


@pytest.mark.parametrize("count", [5, 6, 9, 10, 512])
def test_a_fifth_of_the_samples_is_held_back_with_their_labels(count: int) -> None:
    fit, held_back = numbered(count).split()
    assert sorted(numbers(fit) + numbers(held_back)) == list(range(count))
    assert len(held_back.samples) == count // 5
    assert numbers(numbered(count).split()[1]) == numbers(held_back)
    for part in (fit, held_back):
        assert part.labels is not None
        assert part.labels.tolist() == numbers(part)


def test_of_many_samples_a_thousand_are_held_back() -> None:
    fit, held_back = numbered(12_345).split()
    assert len(held_back.samples) == 1000
    assert sorted(numbers(fit) + numbers(held_back)) == list(range(12_345))


@pytest.mark.parametrize("classes", [2, 5, 10])
def test_both_parts_have_every_class_where_classes_come_in_turn(classes: int) -> None:
    count = 50 * classes
    for part in numbered(count).split():
        for few in (part, DataSet([list(row) for row in spread(part.samples, count // 10)], None)):
            shares = np.bincount(np.array(numbers(few)) % classes, minlength=classes) * classes / len(few.samples)
            assert shares.min() > 0.2
            assert shares.max() < 2.2


def test_fewer_than_five_samples_are_both_parts() -> None:
    for count in range(1, 5):
        fit, held_back = numbered(count).split()
        assert numbers(fit) == numbers(held_back) == list(range(count))


def test_a_part_of_data_without_labels_has_none() -> None:
    assert [part.labels for part in numbered(10, has_labels=False).split()] == [None, None]
