from __future__ import annotations

import pytest

from redsc.formats import write_tflite
from redsc.ir import Graph, parse_graph, print_graph, verify_graph
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.ptq import quantize_network
from redsc.passes.simplify.restore_clipping import RestoreClipping
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples

CONV = """\
graph @main {{
  input %x: f32[1,2,2,1] q(0.5,0)
  const %w: f32[1,1,1,1] = [1.0]
  const %b: f32[1] = [0.5]
  %y: f32[1,2,2,1] {quant} = CONV_2D(%x, %w, %b) @"conv"
  output %y
}}
"""


def run(quant: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(CONV.format(quant=quant)), Log()
    changed = RestoreClipping().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


@pytest.mark.parametrize(
    ("quant", "activation"), [("q(0.1,-128)", "RELU"), ("q(0.023529412,-128)", "RELU6"), ("q(0.0240,-128)", "RELU")]
)
def test_rule_1_integers_that_saturate_at_zero_imply_an_activation(quant: str, activation: str) -> None:
    graph, log, changed = run(quant)
    assert changed
    assert f"activation={activation}}}" in print_graph(graph)
    assert [entry.place for entry in log.entries] == ["conv"]
    assert not RestoreClipping().run(graph, log)


@pytest.mark.parametrize("quant", ["", "q(0.1,-127)", "q(0.1,127)"])
def test_rule_2_other_results_are_left_alone(quant: str) -> None:
    before = print_graph(parse_graph(CONV.format(quant=quant)))
    graph, _, changed = run(quant)
    assert not changed
    assert print_graph(graph) == before


@pytest.mark.parametrize("quant", ["q(0.1,-128)", "q(0.023529412,-128)"])
def test_the_integers_are_the_same_with_the_activation_and_without(quant: str) -> None:
    answers = []
    for source in (parse_graph(CONV.format(quant=quant)), run(quant)[0]):
        graph = quantize_network(source, [], Quantization(), Log()).graph
        samples = random_samples(graph, 8)
        answers.append([EXECUTORS[name].run(write_tflite(graph), samples) for name in ("litert", "tflm")])
    assert difference(answers[0][0], answers[1][0]) is None
    assert difference(answers[0][1], answers[1][1]) is None
