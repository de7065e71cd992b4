from __future__ import annotations

import pytest

from redsc.formats import load_model
from redsc.ir import DType, Graph, parse_graph
from redsc.runtime.evaluate.task import Task, find_task, output_op
from tests.conftest import Zoo
from tests.helpers import NetBuilder
from tests.zoo_models import MLPERF, TFLM

SOFTMAX = """graph @g {
  input %x: f32[1,4,5]
  %p: f32[1,4,5] = SOFTMAX(%x) {beta=1}
  %q: i8[1,4,5] q(0.00390625,-128) = QUANTIZE(%p)
  %r: i8[1,20] q(0.00390625,-128) = RESHAPE(%q) {new_shape=[1,20]}
  %y: f32[1,20] = DEQUANTIZE(%r)
  output %y
}
"""


def dense(units: int, *more: int) -> Graph:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 6)
    return net.outputs(net.dense(x, units), *(net.dense(x, size) for size in more))


def image(*shape: int, op: str | None = None) -> Graph:
    net = NetBuilder(DType.FLOAT32)
    x = net.reshape(net.input(1, 7, 80), *shape)
    return net.outputs(net.softmax(x) if op else net.node("ABS", x))


@pytest.mark.parametrize(
    ("graph", "task"),
    [
        (dense(2), Task.CLASSIFY),
        (dense(1000), Task.CLASSIFY),
        (dense(1), Task.REGRESS),
        (dense(6), Task.REGRESS),  # as many as the input has
        (dense(1001), Task.REGRESS),
        (dense(10, 4), Task.REGRESS),
        (image(1, 1, 1, 560), Task.REGRESS),
        (image(1, 1, 1, 560, op="SOFTMAX"), Task.CLASSIFY),
        (image(1, 7, 8, 10), Task.REGRESS),
        (image(1, 7, 8, 10, op="SOFTMAX"), Task.REGRESS),
    ],
    ids=lambda item: "" if isinstance(item, Graph) else item.value,
)
def test_the_output_tells_what_a_network_is_for(graph: Graph, task: Task) -> None:
    assert find_task(graph, has_labels=False) is task


def test_labels_make_a_classifier() -> None:
    assert find_task(dense(6), has_labels=True) is Task.CLASSIFY


def test_class_numbers_are_no_scores() -> None:
    graph = parse_graph(SOFTMAX.replace("%y: f32[1,20] = DEQUANTIZE", "%y: i32[1,20] = CAST"))
    assert find_task(graph, has_labels=False) is Task.REGRESS


def test_conversions_and_reshapes_hide_no_softmax() -> None:
    assert output_op(parse_graph(SOFTMAX)) == "SOFTMAX"
    assert output_op(parse_graph("graph @g {\n  input %x: f32[1,4]\n  output %x\n}\n")) is None


@pytest.mark.parametrize(
    ("name", "task"),
    [
        (f"{MLPERF}/kws_ref_model.tflite", Task.CLASSIFY),
        (f"{MLPERF}/vww_96_int8.tflite", Task.CLASSIFY),
        (f"{MLPERF}/ad01_int8.tflite", Task.REGRESS),
        (f"{TFLM}/hello_world_float.tflite", Task.REGRESS),
        ("models/google-coral+test_data/mobilenet_v1_0.25_128_quant.tflite", Task.CLASSIFY),
        ("models/mit-han-lab+tinyengine/detection.tflite", Task.REGRESS),
    ],
)
def test_models_are_what_they_are_known_for(name: str, task: Task, zoo: Zoo) -> None:
    assert find_task(load_model(zoo(name)).graph, has_labels=False) is task
