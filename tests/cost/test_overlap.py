from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redsc.choices import TFLM_KERNELS, Kernels
from redsc.cost.arena import ArenaProblem, plan_arena
from redsc.cost.buffer import ALIGNMENT_BYTES, aligned
from redsc.cost.memory import arena_problem, measure_memory
from redsc.cost.overlap import MOST_REPLAYED, find_overlaps, overlap_distance, replay_limit
from redsc.cost.views import find_views
from redsc.formats import load_model, write_tflite
from redsc.ir import Array, DType, Graph, Node, Padding, parse_graph
from redsc.ir.signatures import Signature
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.helpers import NetBuilder, residual_net, small_net
from tests.op_samples import sample_graph, sample_inputs, signature_cases
from tests.zoo_models import GENCPRUNEX, MLPERF

needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
Event = tuple[str, int]


def taps(size: int, out: int, kernel: int, stride: int, dilation: int, pad: int) -> list[int]:
    """Return the places along one axis that a window reads, those in the image."""
    return [n for k in range(kernel) if 0 <= (n := out * stride - pad + k * dilation) < size]


def window_events(node: Node) -> Iterator[Event]:
    """Replay convolutions and pools as the loops of TFLite's reference kernels stand: y, x, channel, window."""
    _, height, width, channels = node.operand(0).type.shape
    _, out_h, out_w, out_c = node.outputs[0].type.shape
    attrs = node.attrs
    kernel = node.operand(1).type.shape[1:3] if len(node.inputs) > 1 else (attrs.filter_h, attrs.filter_w)
    strides, sizes, outs = (attrs.stride_h, attrs.stride_w), (height, width), (out_h, out_w)
    dilations = (getattr(attrs, "dilation_h", 1), getattr(attrs, "dilation_w", 1))
    pads = [
        max(0, (outs[i] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - sizes[i]) // 2
        if attrs.padding.value == "SAME"
        else 0
        for i in range(2)
    ]
    written = 0
    for y in range(out_h):
        for x in range(out_w):
            for channel in range(out_c):
                own = range(channels) if node.op == "CONV_2D" else [channel // (out_c // channels)]
                for row in taps(height, y, kernel[0], strides[0], dilations[0], pads[0]):
                    for column in taps(width, x, kernel[1], strides[1], dilations[1], pads[1]):
                        yield from (("read", (row * width + column) * channels + c) for c in own)
                yield "write", written
                written += 1


def pad_events(node: Node) -> Iterator[Event]:
    data = node.operand(1).data
    assert data is not None
    (top, _), (left, _) = data.tolist()[1:3]
    _, height, width, channels = node.operand(0).type.shape
    _, out_h, out_w, _ = node.outputs[0].type.shape
    written = 0
    for y in range(out_h):
        for x in range(out_w):
            for channel in range(channels):
                if top <= y < top + height and left <= x < left + width:
                    yield "read", ((y - top) * width + x - left) * channels + channel
                yield "write", written
                written += 1


def least_distance(events: list[Event]) -> int:
    """Return the least offset of the input less that of the output at which no write hits what is read later."""
    last_read = {place: step for step, (kind, place) in enumerate(events) if kind == "read"}
    hits = {
        written - place
        for step, (kind, written) in enumerate(events)
        if kind == "write"
        for place, last in last_read.items()
        if last > step
    }
    return max(hits, default=-len(events)) + 1


@st.composite
def windows(draw: st.DrawFn) -> Graph:
    op = draw(st.sampled_from(("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D")))
    net = NetBuilder()
    size, stride, padding = (
        draw(st.integers(3, 7)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from(("SAME", "VALID"))),
    )
    kernel, channels = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    x = net.input(1, size, draw(st.integers(3, 7)), channels)

    attrs = {"padding": Padding(padding), "stride_h": stride, "stride_w": stride}
    if op == "CONV_2D":
        return net.outputs(net.conv(x, draw(st.integers(1, 9)), kernel, **attrs))
    if op == "DEPTHWISE_CONV_2D":
        return net.outputs(net.depthwise(x, kernel, draw(st.integers(1, 2)), **attrs))
    return net.outputs(net.pool(x, op, kernel, **attrs))


@settings(max_examples=150, deadline=None)
@given(windows())
def test_the_distance_is_that_of_the_loops(graph: Graph) -> None:
    (node,) = graph.nodes
    least = least_distance(list(window_events(node)))
    expected = aligned(max(least, -node.operand(0).type.elements))
    assert overlap_distance(node, 0, Kernels.REFERENCE) == expected


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=4), st.integers(1, 5))
def test_the_distance_of_a_pad_is_that_of_its_loops(pads: list[int], channels: int) -> None:
    net = NetBuilder()
    padded = net.pad(net.input(1, 3, 4, channels), (0, 0), (pads[0], pads[1]), (pads[2], pads[3]), (0, 0))
    (node,) = net.outputs(padded).nodes
    assert overlap_distance(node, 0, Kernels.REFERENCE) == aligned(least_distance(list(pad_events(node))))


def test_an_elementwise_result_may_lie_over_its_operand_everywhere() -> None:
    net = NetBuilder()
    (node,) = net.outputs(net.unary("RELU", net.input(1, 8))).nodes
    assert [overlap_distance(node, 0, kernels) for kernels in TFLM_KERNELS] == [0, 0, 0]


def test_an_operand_that_is_broadcast_may_not_be_overwritten() -> None:
    text = "graph @g { input %x: f32[4,4] input %y: f32[4] %z: f32[4,4] = ADD(%x, %y) output %z }"
    (node,) = parse_graph(text).nodes
    assert [overlap_distance(node, index, Kernels.REFERENCE) for index in (0, 1)] == [0, None]


def test_narrower_elements_may_lie_over_wider_ones_in_reference_kernels_only() -> None:
    text = "graph @g { input %x: f32[64] %y: i8[64] q(1,0) = QUANTIZE(%x) output %y }"
    (node,) = parse_graph(text).nodes
    assert [overlap_distance(node, 0, kernels) for kernels in TFLM_KERNELS] == [None, 0, None]


@pytest.mark.parametrize(("kernel", "channels", "legal"), [(1, 8, False), (3, 8, True)], ids=["1x1", "3x3"])
def test_cmsis_nn_computes_pointwise_layers_channel_by_channel(kernel: int, channels: int, legal: bool) -> None:
    net = NetBuilder()
    (node,) = net.outputs(net.conv(net.input(1, 8, 8, channels), 8, kernel)).nodes
    assert (overlap_distance(node, 0, Kernels.CMSIS_NN) is not None) == legal


@pytest.mark.parametrize(("channels", "legal"), [(124, True), (128, False)])
def test_cmsis_nn_takes_wide_depthwise_layers_in_blocks(channels: int, legal: bool) -> None:
    net = NetBuilder()
    (node,) = net.outputs(net.depthwise(net.input(1, 4, 4, channels))).nodes
    assert (overlap_distance(node, 0, Kernels.CMSIS_NN) is not None) == legal


def pools(*sides: int) -> Graph:
    """Return poolings of an image to images with these sides, one after the other."""
    net = NetBuilder()
    x = net.input(1, sides[0], sides[0], 1)
    for side in sides:
        stride = x.type.shape[1] // side
        x = net.pool(x, size=1, stride_h=stride, stride_w=stride)
    return net.outputs(x)


def test_of_many_large_results_only_the_smallest_are_replayed() -> None:
    """There is time for 2048 * 2048 elements four times."""
    assert replay_limit(pools(*[2048] * 4)) == MOST_REPLAYED
    many = pools(*[2048] * 4, 64)
    assert replay_limit(many) == 2048 * 2048 - 1
    assert names(many) == [(many.nodes[-1].operand(0).name, many.outputs[0].name)]
    assert len(names(pools(2048, 64))) == 2


def names(graph: Graph, kernels: Kernels = Kernels.REFERENCE) -> list[tuple[str, str]]:
    return [(dying.name, born.name) for dying, born, _ in find_overlaps(graph, kernels, find_views(graph))]


def test_rule_1_an_operand_that_is_read_later_or_twice_stays() -> None:
    later = "graph @g { input %x: f32[4] %y: f32[4] = RELU(%x) %z: f32[4] = ADD(%x, %y) output %z }"
    twice = "graph @g { input %x: f32[4] %y: f32[4] = RELU(%x) %z: f32[4] = ADD(%y, %y) output %z %z }"
    assert names(parse_graph(later)) == [("x", "z"), ("y", "z")]
    assert names(parse_graph(twice.replace(" %z }", " }"))) == [("x", "y")]


def test_rule_1_a_graph_output_stays() -> None:
    text = "graph @g { input %x: f32[4] %y: f32[4] = RELU(%x) %z: f32[4] = TANH(%y) output %y output %z }"
    assert names(parse_graph(text)) == [("x", "y")]


def test_rule_2_what_a_live_view_shares_stays() -> None:
    text = """graph @g {
      input %x: f32[4]
      %v: f32[2,2] = RESHAPE(%x) {new_shape=[2,2]}
      %y: f32[2,2] = RELU(%v)
      %z: f32[4] = TANH(%x)
      output %y
      output %z
    }"""
    assert names(parse_graph(text)) == [("x", "z")]  # v is read in the step of y, but x is still needed


@needs_tflm
@pytest.mark.parametrize(("name", "row"), list(signature_cases()))
def test_every_kernel_answers_the_same_under_an_overlapping_plan(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    assert_same_under_plan(graph, Kernels.REFERENCE, sample_inputs(graph))


@needs_tflm
@pytest.mark.parametrize("kernels", TFLM_KERNELS)
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
@pytest.mark.parametrize("net", [small_net, residual_net])
def test_networks_answer_the_same_under_every_profile(net: type, dtype: DType, kernels: Kernels) -> None:
    graph = net(dtype)
    assert_same_under_plan(graph, kernels, random_samples(graph, 4))


def assert_same_under_plan(graph: Graph, kernels: Kernels, samples: list[list[Array]]) -> None:
    planned = write_tflite(graph, offsets_of(graph, arena_problem(graph, kernels)))
    run = EXECUTORS["tflm"].run
    assert difference(run(write_tflite(graph), samples), run(planned, samples)) is None


def offsets_of(graph: Graph, problem: ArenaProblem) -> dict[str, int]:
    plan = plan_arena(problem)
    return {value.name: offset for value, offset in zip(graph.activations(), plan.offsets, strict=False)}


def closer(problem: ArenaProblem) -> ArenaProblem:
    """Return a problem whose distances are one alignment too short."""
    overlaps = tuple(replace(item, distance=item.distance - ALIGNMENT_BYTES) for item in problem.overlaps)
    return replace(problem, overlaps=overlaps)


HEADS = {
    f"{MLPERF}/vww_96_int8.tflite": (73_728, 55_296, 36_880),
    f"{MLPERF}/pretrainedResnet_quant.tflite": (49_152, 49_152, 33_312),
    f"{MLPERF}/kws_ref_model.tflite": (16_000, 16_000, 9_792),
    f"{MLPERF}/str_ww_ref_model.tflite": (6_656, 6_656, 3_840),
    f"{GENCPRUNEX}/base_clean.int8io.tflite": (75_280, 75_280, 38_416),
}


@needs_tflm
@pytest.mark.parametrize("file", HEADS)
def test_the_heads_of_known_models(zoo: Zoo, file: str) -> None:
    from redsc.runtime.tflm import measure_arena

    graph = load_model(zoo(file)).graph
    samples = random_samples(graph, 32)
    run = EXECUTORS["tflm"].run
    alone = run(write_tflite(graph), samples)
    for kernels, head in zip((Kernels.SAFE, Kernels.REFERENCE), HEADS[file][1:], strict=True):
        memory = measure_memory(graph, kernels)
        planned = write_tflite(graph, memory.offsets)
        assert (memory.greedy_head_bytes, memory.head_bytes, memory.status) == (HEADS[file][0], head, "optimal")
        assert measure_arena(planned).head_bytes == head
        assert difference(alone, run(planned, samples)) is None


@needs_tflm
@pytest.mark.parametrize("file", HEADS)
def test_distances_that_are_16_bytes_too_short_corrupt_the_answers(zoo: Zoo, file: str) -> None:
    graph = load_model(zoo(file)).graph
    samples = random_samples(graph, 32)
    offsets = offsets_of(graph, closer(arena_problem(graph, Kernels.REFERENCE)))
    run = EXECUTORS["tflm"].run
    assert difference(run(write_tflite(graph), samples), run(write_tflite(graph, offsets), samples)) is not None
