from __future__ import annotations

import json
from dataclasses import asdict
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redsc.errors import UsageError
from redsc.formats import Model, load_model, write_tflite
from redsc.ir import Array, DType, Graph, parse_graph
from redsc.passes.slice.nested import replace_constants
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from redsc.runtime.data.dataset import DataSet, load_data
from redsc.runtime.evaluate.quality import measure_levels, wilson_interval
from redsc.runtime.ports import dequantize_rows
from tests.helpers import NetBuilder, samples_of, small_net


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    return load_model(tmp_path / "net.tflite")


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def run(graph: Graph, samples: list[list[Array]]) -> list[list[Array]]:
    return EXECUTORS["litert"].run(write_tflite(graph), samples)


def classes(graph: Graph, samples: list[list[Array]]) -> Array:
    return np.array([int(np.argmax(row[0])) for row in run(graph, samples)])


def images(model: Model, count: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    return samples_of(model.graph, count)


def nats(wanted: Array, found: Array) -> float:
    """Return the mean divergence of softmaxes, none of them below 1e-7."""
    p, q = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (wanted, found))
    return float((p * np.log(p / np.maximum(q, 1e-7))).sum(axis=1).mean())


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
    assert (same.metric, same.value, same.loss, same.sqnr_db) == ("agreement", 1.0, 0.0, None)
    assert other.value is not None
    assert other.value < 1.0
    assert other.loss == pytest.approx(1 - other.value)
    assert other.sqnr_db is not None
    wanted, found = (
        np.array([row[0][0] for row in dequantize_rows(graph, run(graph, data.samples))], np.float64)
        for graph in (model.graph, small_net(seed=9))
    )
    assert same.divergence == 0.0
    assert other.divergence == pytest.approx(nats(wanted, found), abs=1e-4)


def test_the_loss_is_paired_with_the_originals_own_accuracy(model: Model) -> None:
    other, samples = small_net(seed=9), random_samples(model.graph, 40)
    labels = classes(model.graph, samples)
    labels[:10] = (labels[:10] + 1) % 5
    own, found = measure_levels(model.graph, [model.graph, other], DataSet(samples, labels))
    assert (own.value, own.loss) == (0.75, 0.0)
    accuracy = float(np.mean(classes(other, samples) == labels))
    assert found.value == accuracy
    assert found.loss == pytest.approx(0.75 - accuracy)


def test_sqnr_is_that_of_real_outputs(model: Model) -> None:
    other, data = small_net(seed=9), DataSet(random_samples(model.graph, 8), None)
    (found,) = measure_levels(model.graph, [other], data)
    wanted, got = (
        np.array([row[0] for row in dequantize_rows(graph, run(graph, data.samples))], np.float64)
        for graph in (model.graph, other)
    )
    assert found.sqnr_db == pytest.approx(10 * np.log10((wanted**2).sum() / ((wanted - got) ** 2).sum()), abs=0.01)


def test_a_regression_is_measured_in_decibels() -> None:
    net = NetBuilder()
    x = net.input(1, 8, 8, 3)
    graph = net.outputs(net.conv(x, 4), net.depthwise(x))
    other = replace_constants(graph, {graph.nodes[0].operand(2).name: np.zeros(4, np.int32)})
    same, found = measure_levels(graph, [graph, other], DataSet(random_samples(graph, 6), None))
    assert (same.metric, same.value, same.interval, same.loss) == ("sqnr_db", None, None, 0.0)
    assert found.value == found.sqnr_db
    assert found.loss is not None
    assert 0 < found.loss < 0.5


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_report_of_a_constant_that_is_missed_is_valid_json(constant: float) -> None:
    text = f"""graph @g {{
  input %x: f32[1,1]
  const %zero: f32[1] = [0]
  const %c: f32[1] = [{constant}]
  %n: f32[1,1] = MUL(%x, %zero) {{activation=NONE}}
  %y: f32[1,1] = ADD(%n, %c) {{activation=NONE}}
  output %y
}}
"""
    other = parse_graph(text.replace(f"[{constant}]", "[1]"))
    samples = [[np.full((1, 1), number, np.float32)] for number in range(4)]
    found = measure_levels(parse_graph(text), [parse_graph(text), other], DataSet(samples, None))
    assert json.loads(json.dumps([asdict(item) for item in found], allow_nan=False))[0]["value"] is None
    assert found[1].loss is None
    assert found[1].value == (-300 if constant == 0 else pytest.approx(10 * np.log10(9 / 4), abs=0.01))


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombes_table(hits: int, count: int, low: float, high: float) -> None:
    """R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3."""
    assert wilson_interval(hits, count) == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(count - hits, count) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.93])
def test_intervals_hold_the_fraction_in_95_percent_of_experiments(fraction: float) -> None:
    """Brown, Cai, DasGupta 2001: Wilson's coverage wavers about 95 %. Here it is summed over all outcomes."""
    covers = []
    for count in range(40, 60):
        hits = np.arange(count + 1)
        inside = [low <= fraction <= high for low, high in (wilson_interval(int(i), count) for i in hits)]
        chances = [comb(count, int(i)) * fraction**i * (1 - fraction) ** (count - i) for i in hits]
        covers.append(float(np.dot(chances, inside)))
    assert 0.94 < np.mean(covers) < 0.965


def test_a_level_says_its_interval(model: Model) -> None:
    samples = random_samples(model.graph, 20)
    labels = classes(model.graph, samples)
    labels[:5] = (labels[:5] + 1) % 5
    (found,) = measure_levels(model.graph, [model.graph], DataSet(samples, labels))
    assert found.interval == pytest.approx(wilson_interval(15, 20), abs=1e-6)
    assert found.margin == pytest.approx((wilson_interval(15, 20)[1] - wilson_interval(15, 20)[0]) / 2, abs=1e-6)


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
    with pytest.raises(UsageError, match=r"no \.npz of plain arrays"):
        load_data(tmp_path / "x.npy", model)
