from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from redsc.budgets import Budgets
from redsc.choices import Calibration, DenseScales
from redsc.errors import UsageError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import (
    DType,
    Graph,
    GraphBuilder,
    Quant,
    Value,
    parse_graph,
    print_graph,
    variable_nodes,
    verify_graph,
)
from redsc.options import Options, Quantization
from redsc.passes.base import Log
from redsc.passes.levels import Levels, choose_levels
from redsc.passes.quantize.int8 import without_annotations
from redsc.passes.quantize.ptq import Quantized, is_annotated, is_quantizable, quantize_network
from redsc.passes.realize import float_levels, realize_levels
from redsc.passes.slice.nested import plain_weights
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import random_samples
from redsc.runtime.evaluate.sqnr import measure_sqnr
from redsc.runtime.ports import quantize_samples
from tests.helpers import NetBuilder, residual_net, small_net, streaming_net
from tests.strategies import graphs

FLOOR_DB = 15.0
LEVELS = ("100", "75", "50", "25")


def quantized(graph: Graph, *keep_float: str, count: int = 16) -> Quantized:
    return quantize_network(graph, random_samples(graph, count), Quantization(keep_float=keep_float), Log())


def chosen_levels(network: Quantized) -> Levels:
    return choose_levels(network.graph, Options(levels=LEVELS, width_multiple=2, selector="uniform"))


def levels_of(network: Quantized) -> Levels:
    chosen = chosen_levels(network)
    cuts = float_levels(network.source, chosen.plan)
    return realize_levels(chosen, cuts, plain_weights(cuts), network, Budgets())


@given(graphs(DType.FLOAT32))
def test_a_random_network_in_int8_verifies_and_comes_close_to_float(graph: Graph) -> None:
    made = quantized(graph).graph
    verify_graph(made)
    assert not [value for value in made.values() if value.type.dtype is DType.FLOAT32]
    samples = random_samples(graph, 16)
    assert all(row.sqnr_db > FLOOR_DB for row in measure_sqnr(graph, made, samples) if row.is_output)


@pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
@given(graphs(DType.FLOAT32))
def test_litert_and_tflm_agree_on_a_random_network_in_int8(graph: Graph) -> None:
    made = quantized(graph).graph
    samples = quantize_samples(made, random_samples(graph, 4, seed=1))
    model = write_tflite(made)
    has_dense = any(node.op == "FULLY_CONNECTED" for node in made.nodes)  # known to differ by one step at times
    for row, other in zip(
        EXECUTORS["litert"].run(model, samples), EXECUTORS["tflm"].run(model, samples), strict=True
    ):
        for a, b in zip(row, other, strict=True):
            assert np.abs(a.astype(int) - b.astype(int)).max() <= has_dense


@pytest.mark.parametrize("net", [small_net, residual_net])
@pytest.mark.parametrize("dense", list(DenseScales))
def test_levels_share_integers(net: type, dense: DenseScales) -> None:
    graph: Graph = net(DType.FLOAT32)
    settings = Quantization(dense=dense)
    network = quantize_network(graph, random_samples(graph, 16), settings, Log())
    levels = levels_of(network)
    weights = [{v.name: v.data for v in g.constants() if v.type.dtype is DType.INT8} for g in levels.graphs]
    assert weights[0].keys() == weights[-1].keys()
    narrower = 0
    for slot in weights[1:]:
        for name, data in slot.items():
            whole = weights[0][name]
            assert data is not None
            assert whole is not None
            if name.startswith("fully") and whole.shape[1] != data.shape[1]:
                continue  # the columns of a flattened image are no prefix; test_slice has them
            assert np.array_equal(data, whole[tuple(slice(n) for n in data.shape)])
            narrower += data.shape != whole.shape
    assert narrower


def test_every_level_has_activation_scales_of_its_own_but_the_ports_of_slot_0() -> None:
    levels = levels_of(quantized(small_net(DType.FLOAT32)))
    first, last = levels.graphs[0], levels.graphs[-1]
    assert [v.type.quant for v in first.inputs] == [v.type.quant for v in last.inputs]
    assert [v.type.quant for v in first.outputs] == [v.type.quant for v in last.outputs]
    assert first.nodes[1].outputs[0].type.quant != last.nodes[1].outputs[0].type.quant


def test_a_level_has_the_memory_with_which_it_was_chosen() -> None:
    network = quantized(residual_net(DType.FLOAT32))
    chosen, made = chosen_levels(network), levels_of(network)
    assert [item.memory for item in made.networks] == [item.memory for item in chosen.networks]


def test_a_level_of_full_width_is_the_network_itself() -> None:
    network = quantized(small_net(DType.FLOAT32))
    chosen = chosen_levels(network)
    cuts = float_levels(network.source, chosen.plan)
    made = realize_levels(chosen, cuts, plain_weights(cuts), network, Budgets())
    assert made.graphs[0] is chosen.graphs[0]


def test_an_island_is_reported_with_its_reason() -> None:
    network = quantized(small_net(DType.FLOAT32), "conv_2d3")
    (note,) = network.diagnostics
    assert note.message == "1 of 7 float operators stay float"
    assert note.evidence == ("CONV_2D 'conv_2d3': it is kept float by request",)
    assert [node.op for node in network.graph.nodes].count("DEQUANTIZE") == 1
    verify_graph(network.graph)


def test_levels_of_a_network_with_an_island_verify() -> None:
    levels = levels_of(quantized(residual_net(DType.FLOAT32), "conv_2d1"))
    for graph in levels.graphs:
        verify_graph(graph)
        assert [node.op for node in graph.nodes].count("DEQUANTIZE") == 1


def test_an_op_without_an_int8_kernel_is_an_island() -> None:
    builder = GraphBuilder()
    x, other = builder.input("x", (1, 4)), builder.input("other", (1, 4))
    graph = builder.output(builder.op("FLOOR_MOD", builder.op("RELU", x, name="r"), other, name="y"))
    network = quantized(graph)
    assert network.diagnostics[0].evidence == ("FLOOR_MOD 'y': there is no int8 kernel for FLOOR_MOD",)
    ops = [node.op for node in network.graph.nodes]
    assert ops == ["RELU", "DEQUANTIZE", "DEQUANTIZE", "FLOOR_MOD", "QUANTIZE"]
    assert network.graph.outputs[0].type.dtype is DType.INT8


def test_a_float_function_of_one_tensor_is_a_table() -> None:
    builder = GraphBuilder()
    x = builder.input("x", (1, 4))
    graph = builder.output(builder.op("SIN", builder.op("RELU", x, name="r"), name="y"))
    network = quantized(graph)
    assert network.diagnostics == ()
    assert [node.op for node in network.graph.nodes] == ["CAST", "ADD", "GATHER"]
    assert network.graph.outputs[0].type.dtype is DType.INT8


def test_a_cast_is_an_island_as_its_kernel_converts_raw_integers() -> None:
    builder = GraphBuilder()
    x = builder.input("x", (1, 4))
    graph = builder.output(builder.op("CAST", x, name="y", dtype=DType.INT32))
    assert [node.op for node in quantized(graph).graph.nodes] == ["DEQUANTIZE", "CAST"]


def test_a_prescribed_output_that_joins_a_wider_one_is_requantised() -> None:
    network = quantized(gated())
    assert [node.op for node in network.graph.nodes] == ["LOGISTIC", "QUANTIZE", "MAXIMUM"]
    verify_graph(network.graph)
    rows = measure_sqnr(gated(), network.graph, random_samples(gated(), 16))
    assert rows[-1].sqnr_db > 30


def gated() -> Graph:
    builder = GraphBuilder()
    x = builder.input("x", (1, 64))
    return builder.output(builder.op("MAXIMUM", builder.op("LOGISTIC", x, name="l"), x, name="y"))


@pytest.mark.parametrize("calibration", list(Calibration))
def test_a_pool_that_is_padded_with_the_lowest_float_keeps_its_precision(calibration: Calibration) -> None:
    net = NetBuilder(DType.FLOAT32)
    pads = np.array([(0, 0), (1, 1), (1, 1), (0, 0)], np.int32)
    made = net.conv(net.input(1, 8, 8, 3), 6)
    padded = net.node("PADV2", made, pads, np.array(np.finfo(np.float32).min))
    graph = net.outputs(net.conv(net.pool(padded, "MAX_POOL_2D", 3), 4, 1))
    samples = random_samples(graph, 32)
    made_int8 = quantize_network(graph, samples, Quantization(calibration=calibration), Log()).graph
    floor_db = 10 if calibration is Calibration.ENTROPY else 30
    assert measure_sqnr(graph, made_int8, samples)[-1].sqnr_db > floor_db


def test_keeping_an_unknown_name_is_a_usage_error_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean conv_2d3"):
        quantized(small_net(DType.FLOAT32), "conv2d3")


def test_data_that_overflow_are_a_usage_error() -> None:
    builder = GraphBuilder()
    x = builder.input("x", (1, 4))
    graph = builder.output(builder.op("EXP", x, name="y"))
    with pytest.raises(UsageError, match="'y' becomes infinite"):
        quantize_network(graph, [[np.full((1, 4), 100, np.float32)]], Quantization(), Log())


@pytest.mark.parametrize(
    ("calibration", "floor_db"),
    [(Calibration.MINMAX, 25), (Calibration.PERCENTILE, 25), (Calibration.ENTROPY, 10)],  # it wants far more data
)
def test_every_method_comes_close_to_float(calibration: Calibration, floor_db: float) -> None:
    graph = small_net(DType.FLOAT32)
    samples = random_samples(graph, 32)
    made = quantize_network(graph, samples, Quantization(calibration=calibration), Log()).graph
    assert measure_sqnr(graph, made, samples)[-1].sqnr_db > floor_db


def annotated(value: Value, quant: Quant) -> None:
    value.type = replace(value.type, quant=quant)


def test_a_model_that_brings_its_scales_needs_no_data() -> None:
    graph = gated()
    assert not is_quantizable(graph, False, Quantization())
    annotated(graph.inputs[0], Quant.per_tensor(0.03, 1))
    annotated(graph.outputs[0], Quant.per_tensor(0.02, 2))
    assert is_quantizable(graph, False, Quantization())
    made = quantize_network(graph, [], Quantization(), Log()).graph
    assert made.inputs[0].type.quant == Quant.per_tensor(0.03, 1)
    assert made.outputs[0].type.quant == Quant.per_tensor(0.02, 2)
    assert [node.op for node in made.nodes] == ["LOGISTIC", "QUANTIZE", "QUANTIZE", "MAXIMUM"]


def test_what_is_not_quantised() -> None:
    assert not is_quantizable(small_net(DType.INT8), True, Quantization())
    assert not is_quantizable(small_net(DType.FLOAT32), True, Quantization(enabled=False))
    assert not is_quantizable(small_net(DType.FLOAT32), False, Quantization())
    assert is_quantizable(small_net(DType.FLOAT32), True, Quantization())


def test_a_float_network_that_shall_stay_float_forgets_its_int8_form() -> None:
    graph = parse_graph(
        "graph @main {\n  input %x: f32[1,2] q(0.5,0)\n  %y: f32[1,2] q(0.5,-128) = RELU(%x)\n  output %y\n}\n"
    )
    plain = without_annotations(graph)
    assert is_annotated(graph)
    assert not is_annotated(plain)
    assert print_graph(read_tflite(write_tflite(plain))).count("q(") == 0


def test_a_variable_has_one_scale_for_what_is_read_and_assigned() -> None:
    graph = streaming_net(DType.FLOAT32)
    made = quantized(graph).graph
    assert not [value for value in made.values() if value.type.dtype is DType.FLOAT32]
    for read, assign in variable_nodes(made):
        assert read.operand(0).type.quant == read.outputs[0].type.quant == assign.operand(0).type.quant


def test_a_variable_that_is_kept_float_is_so_on_both_ends() -> None:
    graph = streaming_net(DType.FLOAT32)
    (kept, _), *_ = variable_nodes(graph)
    made = quantized(graph, kept.name).graph
    kinds = [(read.outputs[0].type.dtype, assign.operand(0).type.dtype) for read, assign in variable_nodes(made)]
    assert kinds == [(DType.FLOAT32, DType.FLOAT32), (DType.INT8, DType.INT8)]
