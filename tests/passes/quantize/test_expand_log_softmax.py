from __future__ import annotations

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import Graph, parse_graph, verify_graph
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.expand_log_softmax import ExpandLogSoftmax
from redsc.passes.quantize.ptq import quantize_network
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from redsc.runtime.evaluate.sqnr import measure_sqnr
from redsc.runtime.observe.ranges import Range

NET = 'graph @g { input %x: f32[2,5] %y: f32[2,5] = LOG_SOFTMAX(%x) @"head" output %y }'
PARTS = ["REDUCE_MAX", "SUB", "EXP", "MEAN", "MUL", "LOG", "SUB"]
NARROW = {"y": Range(-3.0, 0.0)}


def expand(text: str, ranges: dict[str, Range], *keep_float: str) -> Graph:
    graph = parse_graph(text)
    ExpandLogSoftmax(ranges, keep_float).run(graph, Log())
    verify_graph(graph)
    return graph


def test_the_parts_compute_the_same() -> None:
    whole, parts = parse_graph(NET), expand(NET, NARROW)
    samples = random_samples(whole, 8)
    for row, other in zip(
        *(EXECUTORS["litert"].run(write_tflite(g), samples) for g in (whole, parts)), strict=True
    ):
        np.testing.assert_allclose(row[0], other[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("low", "fires"), [(-3.9, True), (-4.0, False), (-16.0, False), (-16.1, True)])
def test_rule_1_fires_where_the_fixed_scale_does_not_suit(low: float, fires: bool) -> None:
    ops = [node.op for node in expand(NET, {"y": Range(low, 0.0)}).nodes]
    assert ops == (PARTS if fires else ["LOG_SOFTMAX"])


@pytest.mark.parametrize(
    ("text", "ranges", "keep_float"),
    [
        (NET, NARROW, ("head",)),
        (NET.replace("%y: f32[2,5]", "%y: f32[2,5] q(0.5,0)"), NARROW, ()),
        (NET, {}, ()),
        (NET.replace("2,5", "1,1,1,2,5"), NARROW, ()),
    ],
    ids=["kept-float", "of-the-user", "unobserved", "five-axes"],
)
def test_rules_2_and_3_leave_a_node_alone(text: str, ranges: dict[str, Range], keep_float: tuple[str, ...]) -> None:
    assert [node.op for node in expand(text, ranges, *keep_float).nodes] == ["LOG_SOFTMAX"]


@pytest.mark.parametrize(("gain", "floor_db"), [(0.1, 40.0), (12.0, 30.0)])
def test_int8_is_close_where_the_kernel_is_not(gain: float, floor_db: float) -> None:
    text = NET.replace(
        "%y: f32[2,5] =", f"const %gain: f32[1] = [{gain}] %s: f32[2,5] = MUL(%x, %gain) %y: f32[2,5] ="
    )
    graph = parse_graph(text.replace("LOG_SOFTMAX(%x)", "LOG_SOFTMAX(%s)"))
    samples = random_samples(graph, 100)
    made = quantize_network(graph, samples, Quantization(), Log())
    (row,) = (row for row in measure_sqnr(graph, made.graph, samples) if row.is_output)
    assert row.sqnr_db > floor_db
    assert not [node for node in made.graph.nodes if node.op in ("EXP", "LOG", "DEQUANTIZE", "QUANTIZE")]
