from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given

from redsc.formats import load_model, write_tflite
from redsc.ir import Array, DType, Graph, parse_graph, print_graph, real_values, verify_graph
from redsc.ir.signatures import Signature
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.passes.quantize.dequantize import dequantize, real_samples, why_integer
from redsc.passes.quantize.quantize import quantize
from redsc.passes.quantize.tabulate import Tabulate
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples, signal_to_noise_db
from redsc.runtime.ports import dequantize_rows
from tests.conftest import Zoo
from tests.helpers import NetBuilder, small_net
from tests.op_samples import pure_cases, sample_graph, sample_inputs
from tests.strategies import graphs
from tests.zoo_models import FRONT_END, GENCPRUNEX, IN_TABLE, MLPERF, RECURRENT, ROUNDED_OTHERWISE

KEEPS_STATE = (*RECURRENT, FRONT_END)
INT8_MODELS = (
    *(
        name
        for name in IN_TABLE
        if ("int8" in name or "quant" in name or name.endswith("_q.tflite")) and name not in KEEPS_STATE
    ),
    f"{MLPERF}/kws_ref_model.tflite",
    f"{MLPERF}/str_ww_ref_model.tflite",
    "models/mit-han-lab+tinyengine/detection.tflite",
    ROUNDED_OTHERWISE[0],
)
WITH_DEAD_CHANNELS = (f"{GENCPRUNEX}/base_clean.int8io.tflite", f"{MLPERF}/vww_96_int8.tflite")
CHAIN = """graph @g {
  input %x: f32[1,4]
  %a: i8[1,4] q(0.5,3) = QUANTIZE(%x) @"first"
  %b: i8[1,4] q(0.25,0) = QUANTIZE(%a)
  %c: i8[1,4] q(0.25,0) = RELU6(%b)
  %d: f32[1,4] = DEQUANTIZE(%c)
  %e: f32[1,4] = EXP(%d)
  %f: i8[1,4] q(0.125,-128) = QUANTIZE(%e)
  %g: i8[1,4] q(0.125,-128) = QUANTIZE(%f)
  output %g
}
"""
CHAIN_FLOAT = """graph @g {
  input %x: f32[1,4]
  %a: f32[1,4] q(0.5,3) = CAST(%x) @"first"
  %b: f32[1,4] q(0.25,0) = CAST(%a)
  %c: f32[1,4] q(0.25,0) = RELU6(%b)
  %d: f32[1,4] = CAST(%c)
  %e: f32[1,4] = EXP(%d)
  %f: f32[1,4] q(0.125,-128) = CAST(%e)
  %g: f32[1,4] q(0.125,-128) = CAST(%f)
  output %g
}
"""
NUMBERS = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
TABLE = """graph @g {
  input %x: i8[1,4] q(0.5,3)
  const %half: i32[1] = [128]
  const %table: i8[256] q(0.25,0) = <numbers>
  %a: i8[1,4] q(0.25,0) = RELU(%x)
  %raw: i32[1,4] = CAST(%a)
  %index: i32[1,4] = ADD(%raw, %half) {activation=NONE}
  %b: i8[1,4] q(0.25,0) = GATHER(%table, %index) {axis=0, batch_dims=0}
  %y: i8[1,4] q(0.5,0) = RELU(%b)
  output %y
  output %b
}
"""
TABLE_FLOAT = """graph @g {
  input %x: f32[1,4] q(0.5,3)
  const %half: i32[1] = [128]
  const %table: f32[256] q(0.25,0) = <numbers>
  %a: f32[1,4] q(0.25,0) = RELU(%x)
  %a.int8: i8[1,4] q(0.25,0) = QUANTIZE(%a)
  %raw: i32[1,4] = CAST(%a.int8)
  %index: i32[1,4] = ADD(%raw, %half) {activation=NONE}
  %b: f32[1,4] q(0.25,0) = GATHER(%table, %index) {axis=0, batch_dims=0}
  %y: f32[1,4] q(0.5,0) = RELU(%b)
  output %y
  output %b
}
"""
SHORT = """graph @g {
  input %x: i16[1,4] q(0.5,0)
  %a: i8[1,4] q(0.25,0) = QUANTIZE(%x)
  %b: i8[1,4] q(0.5,0) = RELU(%a)
  output %b
}
"""
SHORT_FLOAT = """graph @g {
  input %x: i16[1,4] q(0.5,0)
  %a.int8: i8[1,4] q(0.25,0) = QUANTIZE(%x)
  %a: f32[1,4] q(0.25,0) = DEQUANTIZE(%a.int8)
  %b: f32[1,4] q(0.5,0) = RELU(%a)
  output %b
}
"""
DENSE = """graph @g {
  input %x: i8[1,2] q(0.5,3)
  const %w: i8[2,2] q(0.25,0) = [1,-128,4,2]
  const %b: i32[2] q(0.125,0) = [8,-16]
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"dense"
  output %y
}
"""


def round_trip(graph: Graph) -> Graph:
    found = dequantize(graph)
    verify_graph(found)
    return quantize(found, Log())


def refusals(graph: Graph) -> list[str]:
    log = Log()
    dequantize(graph, log)
    return [entry.text for entry in log.entries if entry.is_refusal]


def is_law_kept(graph: Graph) -> bool:
    return print_graph(round_trip(graph)) == print_graph(graph)


def run(graph: Graph, samples: list[list[Array]], executor: str = "litert") -> list[list[Array]]:
    return EXECUTORS[executor].run(write_tflite(graph), samples)


def int8_rows() -> Iterator[tuple[str, Signature]]:
    for name, row in pure_cases():
        if DType.INT8 in (*row.inputs, row.output):
            yield name, row


def has_no_float_form(name: str, row: Signature) -> bool:
    is_wide = name == "QUANTIZE" and row.inputs[0] in (DType.INT16, DType.INT32)
    return is_wide or name == "CAST" or (name == "SOFTMAX" and row.output is DType.INT16)


@pytest.mark.parametrize(("name", "row"), list(int8_rows()), ids=lambda item: item if isinstance(item, str) else "")
def test_every_op_becomes_float_and_int8_again(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    assert is_law_kept(graph)
    stay = graph.nodes if has_no_float_form(name, row) else []
    assert [node for node in graph.nodes if why_integer(node)] == stay
    assert stay or not any(value.type.dtype is DType.INT8 for value in dequantize(graph).values())


@pytest.mark.parametrize(
    ("name", "row"),
    [case for case in int8_rows() if case[0] != "DIV"],  # its kernels take 0.12 / 3.25 for infinity, both runtimes'
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_every_op_answers_in_float_as_in_int8(name: str, row: Signature) -> None:
    """Within a step of the result's scale: that is what the rounding of int8 kernels is worth."""
    graph = sample_graph(name, row)
    samples, made = sample_inputs(graph), dequantize(graph)
    for expected, found in zip(run(graph, samples), run(made, real_samples(graph, samples)), strict=True):
        for value, wanted, got in zip(graph.outputs, expected, found, strict=True):
            kind = value.type
            is_int8 = kind.dtype is DType.INT8 and kind.quant is not None
            steps = np.rint(got / kind.quant.scale) + kind.quant.zero_point if is_int8 and kind.quant else got
            apart = np.abs(np.clip(steps, -128, 127) - wanted) if is_int8 else np.abs(got * 1.0 - wanted * 1.0)
            assert apart.max() <= 1


@given(graphs(DType.INT8))
def test_random_networks_become_float_and_int8_again(graph: Graph) -> None:
    assert is_law_kept(graph)
    assert refusals(graph) == []


@pytest.mark.parametrize("name", INT8_MODELS, ids=lambda name: name.rpartition("/")[2])
def test_models_become_float_and_int8_again(name: str, zoo: Zoo) -> None:
    graph = load_model(zoo(name)).graph
    run_passes(graph, [load_pass(where) for where in SIMPLIFY.values()], Log())
    made = dequantize(graph)
    assert is_law_kept(graph)
    assert refusals(graph) == []
    assert {value.type.dtype for value in made.activations()} == {DType.FLOAT32}
    assert find_channel_groups(made) == find_channel_groups(graph)


@pytest.mark.parametrize("name", WITH_DEAD_CHANNELS, ids=lambda name: name.rpartition("/")[2])
def test_the_huge_biases_of_dead_channels_are_refused_and_do_no_harm(name: str, zoo: Zoo) -> None:
    graph = load_model(zoo(name)).graph
    assert refusals(graph)
    samples, back = random_samples(graph, 2), round_trip(graph)
    for executor in filter(installed, ("litert", "tflm")):
        assert difference(run(graph, samples, executor), run(back, samples, executor)) is None


def test_the_float_network_answers_like_the_int8_one() -> None:
    graph = small_net()
    samples = [[sample // 8 for sample in row] for row in random_samples(graph, 16)]  # so that nothing saturates
    found = run(dequantize(graph), real_samples(graph, samples))
    assert signal_to_noise_db(found, dequantize_rows(graph, run(graph, samples))) > 30


def test_samples_may_be_in_the_types_of_a_file() -> None:
    graph = parse_graph(DENSE)
    rows: list[Array] = [
        np.array([[3, 13]], np.int8),
        np.array([[131, 141]], np.uint8),
        np.array([[0.0, 5.0]], np.float32),
    ]
    assert [row[0].tolist() for row in real_samples(graph, [[row] for row in rows])] == [[[0.0, 5.0]]] * 3


def test_rule_1_weights_of_minus_128_stay_and_rounded_ones_stop_at_minus_127() -> None:
    graph = parse_graph(DENSE)
    assert is_law_kept(graph)
    made = dequantize(graph)
    made.nodes[0].operand(1).data = np.array([[0.25, -32.01], [1, 0.5]], np.float32)
    assert "const %w: i8[2,2] q(0.25,0) = [1,-127,4,2]" in print_graph(quantize(made, Log()))


def test_rule_2_a_bias_counts_in_the_steps_of_its_kernel() -> None:
    text = DENSE.replace("i32[2] q(0.125,0)", "i32[2] q(0.126,0)")
    graph, made = parse_graph(text), dequantize(parse_graph(text))
    assert real_values(made.nodes[0].operand(2)).tolist() == [1.0, -2.0]
    assert print_graph(quantize(made, Log())) == DENSE
    samples = random_samples(graph, 4)
    assert difference(run(graph, samples), run(quantize(made, Log()), samples)) is None


def with_bias(*numbers: int) -> Graph:
    """Return the dense layer with scales that are no powers of two, and this bias."""
    text = DENSE.replace("q(0.25,0)", "q(0.26,0)").replace("[8,-16]", str(list(numbers)))
    return parse_graph(text.replace("q(0.125,0)", f"q({np.float32(0.26) * np.float32(0.5)},0)"))


def test_rule_2_a_bias_within_23_bits_is_exact() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        graph = with_bias(*(int(i) for i in random.integers(-(2**23), 2**23, 2)))
        assert refusals(graph) == []
        assert is_law_kept(graph)


def test_rule_2_the_log_says_which_biases_float32_cannot_hold() -> None:
    graph = with_bias(2**26 + 1, -17)
    assert refusals(graph) == ["float32 does not hold 1 of the integers of 'b'"]
    found = round_trip(graph).nodes[0].operand(2).data
    assert found is not None
    assert 0 < abs(int(found[0]) - (2**26 + 1)) <= 8
    assert found[1] == -17


def test_rule_2_a_bias_of_two_layers_becomes_one_for_each() -> None:
    net = NetBuilder()
    x = net.input(1, 4, 4, 2)
    left, right = net.conv(x, 3), net.conv(net.unary("LEAKY_RELU", x), 3)
    graph = net.outputs(left, right)
    first, second = left.producer, right.producer
    assert first is not None
    assert second is not None
    graph.set_input(second, 2, first.operand(2))
    back, samples = round_trip(graph), random_samples(graph, 3)
    for executor in filter(installed, ("litert", "tflm")):
        assert difference(run(graph, samples, executor), run(back, samples, executor)) is None
    assert len({value.name for value in dequantize(graph).constants()}) == 4


def test_rule_3_conversions_become_casts() -> None:
    graph = parse_graph(CHAIN)
    assert print_graph(dequantize(graph)).replace(" {}", "") == CHAIN_FLOAT
    assert is_law_kept(graph)
    samples = random_samples(graph, 3)
    assert difference(run(graph, samples), run(round_trip(graph), samples)) is None


def filled(text: str, numbers: Array) -> str:
    return text.replace("<numbers>", f'base64"{base64.b64encode(numbers.tobytes()).decode()}"')


def test_rule_4_an_index_stays_and_the_log_says_why() -> None:
    graph = parse_graph(filled(TABLE, NUMBERS))
    made = dequantize(graph)
    assert refusals(graph) == ["CAST reads or writes the integers themselves"]
    assert print_graph(made) == filled(TABLE_FLOAT, NUMBERS.astype(np.float32) / 4)
    assert is_law_kept(graph)


def test_rule_4_what_a_node_over_integers_gives_becomes_float_after_it() -> None:
    assert print_graph(dequantize(parse_graph(SHORT))) == SHORT_FLOAT
    assert is_law_kept(parse_graph(SHORT))


def test_rule_4_what_tabulate_makes_becomes_float_and_int8_again() -> None:
    text = CHAIN.replace("  %g: i8[1,4] q(0.125,-128) = QUANTIZE(%f)\n  output %g", "  output %f")
    graph = parse_graph(text)
    assert Tabulate().run(graph, Log())
    assert "GATHER" in print_graph(graph)
    assert is_law_kept(graph)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            DENSE.replace("  const %w: i8[2,2] q(0.25,0) = [1,-128,4,2]", "  input %w: i8[2,2] q(0.25,0)"),
            "no constant",
        ),
        (CHAIN.replace("%c: i8[1,4] q(0.25,0)", "%c: i8[1,4] q(0.2500001,0)"), "its scales differ"),
    ],
)
def test_rule_4_what_quantize_would_make_otherwise_stays(text: str, reason: str) -> None:
    graph = parse_graph(text)
    (found,) = refusals(graph)
    assert reason in found
    assert is_law_kept(graph)


def test_rule_5_int8_ports_become_float_also_where_only_integers_are_read() -> None:
    text = "graph @g {\n  input %x: i8[1,4] q(0.5,3)\n  %y: i32[1,4] = CAST(%x)\n  output %y\n}\n"
    made = dequantize(parse_graph(text))
    assert made.inputs[0].type.dtype is DType.FLOAT32
    assert is_law_kept(parse_graph(text))


def test_rule_6_what_was_float_stays_float() -> None:
    graph = parse_graph(CHAIN.replace("%e: f32[1,4]", "%e: f32[1,4] q(0.5,0)"))
    assert print_graph(round_trip(graph)) == CHAIN
