from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redsc.errors import UsageError
from redsc.formats import Model, load_model, write_tflite
from redsc.ir import DType
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from redsc.runtime.dataset import load_data
from redsc.runtime.quality import measure_levels
from tests.helpers import small_net


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    return load_model(tmp_path / "net.tflite")


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def images(model: Model, count: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    return np.concatenate([row[0] for row in random_samples(model.graph, count)])


def test_accuracy_counts_right_answers(tmp_path: Path, model: Model) -> None:
    rows = EXECUTORS["litert"].run(write_tflite(model.graph), random_samples(model.graph, 6))
    labels = np.array([int(np.argmax(row[0])) for row in rows])
    labels[:2] += 1
    data = load_data(save(tmp_path / "d.npz", x=images(model), y=labels), model)
    (quality,) = measure_levels(model.graph, [model.graph], data)
    assert (quality.metric, quality.samples) == ("accuracy", 6)
    assert quality.value == pytest.approx(4 / 6, abs=1e-6)


def test_without_labels_levels_are_compared_with_the_original(tmp_path: Path, model: Model) -> None:
    data = load_data(save(tmp_path / "d.npz", x=images(model)), model)
    same, other = measure_levels(model.graph, [model.graph, small_net(seed=9)], data)
    assert (same.metric, same.value) == ("agreement", 1.0)
    assert other.value < 1.0


def test_data_is_in_the_files_own_layout() -> None:
    example = Path(__file__).resolve().parents[2] / "examples"
    model = load_model(example / "fashion_dscnn.onnx")
    data = load_data(example / "fashion_eval.npz", model)
    assert data.samples[0][0].shape == (1, 28, 28, 1)
    assert data.labels is not None
    assert len(data.samples) == len(data.labels) == 1000


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"z": np.zeros(3)}, "no array 'x'"),
        ({"x": np.zeros((6, 8, 8, 3), np.float32)}, "is float32[6, 8, 8, 3]"),
        ({"x": np.zeros((6, 8, 8, 4), np.int8)}, "is int8[6, 8, 8, 4]"),
        ({"x": np.zeros((), np.int8)}, "is int8[]"),
        ({"x": np.zeros((0, 8, 8, 3), np.int8)}, "has no samples"),
        ({"x": np.zeros((6, 8, 8, 3), np.int8), "y": np.zeros(5)}, "one class number for each of 6 samples"),
        ({"x": np.zeros((6, 8, 8, 3), np.int8), "y": np.zeros((6, 5))}, "one class number for each of 6 samples"),
        (
            {"x": np.zeros((6, 8, 8, 3), np.int8), "y": np.array(["a"] * 6)},
            "one class number for each of 6 samples",
        ),
        ({"x": np.zeros((6, 8, 8, 3), np.int8), "y": np.full(6, 5)}, "classes from 0 to 4"),
        ({"x": np.zeros((6, 8, 8, 3), np.int8), "y": np.full(6, 0.5)}, "classes from 0 to 4"),
        ({"x": np.array([{}], dtype=object)}, "cannot read"),
    ],
)
def test_data_that_does_not_fit_is_a_usage_error(
    tmp_path: Path, model: Model, arrays: dict[str, object], words: str
) -> None:
    assert model.graph.inputs[0].type.dtype is DType.INT8
    with pytest.raises(UsageError) as caught:
        load_data(save(tmp_path / "d.npz", **arrays), model)
    assert words in caught.value.diagnostic.message


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged"])
def test_a_damaged_archive_is_a_usage_error(tmp_path: Path, model: Model, content: bytes) -> None:
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(UsageError, match="of plain arrays"):
        load_data(tmp_path / "d.npz", model)


def test_a_single_array_is_a_usage_error(tmp_path: Path, model: Model) -> None:
    np.save(tmp_path / "x.npy", np.zeros((6, 8, 8, 3), np.int8))
    with pytest.raises(UsageError, match="no archive of named arrays"):
        load_data(tmp_path / "x.npy", model)
