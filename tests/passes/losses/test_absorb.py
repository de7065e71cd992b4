from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import OPS, Activation, Array, DType, Graph, Padding, op_def, print_graph, verify_graph
from redsc.ir.rules import Produces
from redsc.passes.losses.absorb import RIDGE, absorb_cut
from redsc.passes.slice.nested import replace_constants
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.consumers import row_lengths
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import ChannelGroups, kept_indices
from redsc.runtime.compare import random_samples
from redsc.runtime.litert import run
from redsc.runtime.observe.moments import observe_moments
from tests.helpers import NetBuilder
from tests.strategies import graphs

Samples = list[list[Array]]


def _through_depthwise(net: NetBuilder) -> Graph:
    x = net.conv(net.input(1, 6, 6, 3), 8, activation=Activation.RELU)
    x = net.depthwise(x, padding=Padding.SAME, activation=Activation.RELU6)
    return net.outputs(net.conv(x, 5, 1))


def _through_a_depth_multiplier(net: NetBuilder) -> Graph:
    x = net.depthwise(net.conv(net.input(1, 6, 6, 3), 8), multiplier=2)
    return net.outputs(net.conv(net.unary("RELU", x), 5, 3, padding=Padding.SAME))


def _into_a_flattened_image(net: NetBuilder) -> Graph:
    x = net.conv(net.input(1, 5, 4, 2), 8, activation=Activation.RELU)
    return net.outputs(net.dense(x, 6))


def _into_a_reshaped_image(net: NetBuilder) -> Graph:
    x = net.conv(net.input(1, 5, 4, 2), 8, activation=Activation.RELU)
    return net.outputs(net.dense(net.reshape(net.pool(x, padding=Padding.VALID), 1, 2 * 2 * 8), 6))


def _beside_others(net: NetBuilder) -> Graph:
    x = net.input(1, 5, 5, 3)
    joined = net.concat(net.conv(x, 4), net.conv(x, 8), net.conv(x, 3))
    return net.outputs(net.conv(net.prelu(joined), 4), net.dense(joined, 3))


def _in_both_halves(net: NetBuilder) -> Graph:
    x = net.conv(net.input(1, 5, 5, 3), 8)
    return net.outputs(net.conv(net.concat(x, net.unary("RELU", x)), 4))


def _around_a_shortcut(net: NetBuilder) -> Graph:
    stem = net.conv(net.input(1, 6, 6, 3), 8, padding=Padding.SAME)
    branch = net.conv(net.conv(stem, 6, padding=Padding.SAME), 8, padding=Padding.SAME)
    x = net.add(stem, branch, activation=Activation.RELU)
    return net.outputs(net.dense(net.mean(net.conv(x, 8, 1), 1, 2), 4))


def _through_a_gate(net: NetBuilder) -> Graph:
    x = net.gate(net.conv(net.input(1, 5, 5, 3), 8, activation=Activation.RELU))
    return net.outputs(net.conv(x, 4, 1))


def _into_a_transposed_convolution(net: NetBuilder) -> Graph:
    x = net.conv(net.input(1, 5, 5, 3), 8, activation=Activation.RELU)
    return net.outputs(net.transpose_conv(x, 4))


def _into_rows(net: NetBuilder) -> Graph:
    x = net.mean(net.conv(net.input(1, 5, 5, 3), 8, activation=Activation.RELU), 1)
    return net.outputs(net.dense(x, 4))


NETS: list[Callable[[NetBuilder], Graph]] = [
    _through_depthwise,
    _through_a_depth_multiplier,
    _into_a_flattened_image,
    _into_a_reshaped_image,
    _beside_others,
    _in_both_halves,
    _around_a_shortcut,
    _through_a_gate,
    _into_a_transposed_convolution,
    _into_rows,
]


def _made(graph: Graph, groups: ChannelGroups, space: str, source: Array) -> Graph:
    """Return the graph with channels of a space made alike: channel c is computed as channel `source[c]` was."""
    sizes = {item.id: item.size for item in groups.spaces}
    (number,) = (item.id for item in groups.spaces if item.name == space)
    read = {
        node.operand(rule.weight).name: rule.in_axis
        for node in graph.nodes
        if isinstance(rule := op_def(node.op).channels, Produces)
    }
    arrays = {}
    for value in graph.constants():
        data = value.data
        for axis, layout in groups.axes.get(value.name, {}).items():
            if axis != read.get(value.name):
                assert data is not None
                data = data.take(kept_indices(layout, {number: source}, sizes), axis)
        arrays[value.name] = data
    return replace_constants(graph, {name: data for name, data in arrays.items() if data is not None})


def _outputs(graph: Graph, samples: Samples) -> list[Array]:
    rows = run(write_tflite(graph), samples, optimized=True)
    return [np.stack(column).astype(np.float64) for column in zip(*rows, strict=True)]


def _error(whole: Graph, cut: Graph, samples: Samples) -> float:
    """Return the greatest share of an output's variance that the cut network gets wrong."""
    pairs = zip(_outputs(whole, samples), _outputs(cut, samples), strict=True)
    return max(float(np.square(a - b).mean() / a.var()) for a, b in pairs)


def _absorbed(graph: Graph, groups: ChannelGroups, widths: Mapping[str, int], samples: Samples) -> Graph:
    found = absorb_cut(graph, groups, widths, observe_moments(graph, samples, row_lengths(graph, groups)))
    verify_graph(found)
    return found


def _assert_free(whole: Graph, groups: ChannelGroups, widths: Mapping[str, int], samples: Samples) -> None:
    """Assert that a cut costs nothing once it is absorbed, and something before."""
    alone = _error(whole, slice_channels(whole, groups, widths), samples)
    assert alone > 0.01
    assert _error(whole, _absorbed(whole, groups, widths, samples), samples) < 1e-4 * alone


@pytest.mark.parametrize("make", NETS)
def test_channels_that_repeat_others_are_cut_at_no_cost(make: Callable[[NetBuilder], Graph]) -> None:
    graph = make(NetBuilder(DType.FLOAT32, 3))
    groups = find_channel_groups(graph)
    spaces = [space.name for space in groups.free if space.size == 8]
    assert spaces
    for space in spaces:
        whole = _made(graph, groups, space, np.arange(8) % 4)
        _assert_free(whole, groups, {space: 4}, random_samples(whole, 48))


def test_a_grouped_convolution_makes_up_for_its_own_groups() -> None:
    net = NetBuilder(DType.FLOAT32, 1)
    x = net.conv(net.input(1, 6, 6, 3), 16, activation=Activation.RELU)
    weight = net.random.standard_normal((6, 3, 3, 8)).astype(np.float32)
    grouped = net.node("CONV_2D", x, weight, np.ones(6, np.float32))
    graph = net.outputs(net.conv(grouped, 4, 1))
    groups = find_channel_groups(graph)
    space = next(space for space in groups.free if space.size == 8)
    whole = _made(graph, groups, space.name, np.arange(8) % 4)
    _assert_free(whole, groups, {space.name: 4}, random_samples(whole, 48))


def test_all_spaces_at_once_make_up_for_each_other() -> None:
    net = NetBuilder(DType.FLOAT32, 5)
    x = net.conv(net.input(1, 6, 6, 3), 8, activation=Activation.RELU)
    x = net.conv(net.depthwise(x), 12, 1, activation=Activation.RELU)
    graph = net.outputs(net.dense(x, 4))
    groups = find_channel_groups(graph)
    widths = {space.name: space.size // 2 for space in groups.free}
    for space in groups.free:
        graph = _made(graph, groups, space.name, np.arange(space.size) % widths[space.name])
    _assert_free(graph, groups, widths, random_samples(graph, 48))


def test_without_leave_to_solve_only_biases_change() -> None:
    net = NetBuilder(DType.FLOAT32, 3)
    x = net.conv(net.input(1, 6, 6, 3), 8, activation=Activation.RELU)
    graph = net.outputs(net.conv(x, 4, 1))
    groups, samples = find_channel_groups(graph), random_samples(graph, 32)
    widths = {groups.free[0].name: 4}
    moments = observe_moments(graph, samples, row_lengths(graph, groups))
    plain, shifted = slice_channels(graph, groups, widths), absorb_cut(graph, groups, widths, moments, solves=False)
    for sliced, found in zip(plain.nodes, shifted.nodes, strict=True):
        assert np.array_equal(np.asarray(sliced.operand(1).data), np.asarray(found.operand(1).data))
    wanted, before, after = (_outputs(item, samples)[0].mean(axis=(0, 1, 2, 3)) for item in (graph, plain, shifted))
    assert np.abs(wanted - after).max() < 1e-4 < np.abs(wanted - before).max()


def test_the_weights_are_those_of_ridge_regression_towards_the_old_ones() -> None:
    """Against least squares over all rows of data, the ridge as more rows."""
    net = NetBuilder(DType.FLOAT32, 2)
    graph = net.outputs(net.dense(net.dense(net.input(1, 6), 8, activation=Activation.RELU), 5))
    groups, samples = find_channel_groups(graph), random_samples(graph, 40)
    (space,) = groups.free
    cut = _absorbed(graph, groups, {space.name: 3}, samples)
    dense = graph.nodes[-1].operand(1)
    assert dense.data is not None
    hidden = Graph(inputs=graph.inputs, outputs=list(graph.nodes[0].outputs), nodes=graph.nodes[:1])
    read = _outputs(hidden, samples)[0].reshape(-1, 8)
    x = read - read.mean(axis=0)
    ridge = np.sqrt(len(x) * RIDGE * x[:, :3].var(axis=0).mean())
    left = np.concatenate([x[:, :3], ridge * np.eye(3)])
    right = np.concatenate([x @ dense.data.T, ridge * dense.data[:, :3].T])
    wanted = np.linalg.lstsq(left, right, rcond=None)[0].T
    weight, bias = (cut.nodes[-1].operand(index).data for index in (1, 2))
    assert weight is not None
    assert bias is not None
    np.testing.assert_allclose(weight, wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        read[:, :3].mean(axis=0) @ weight.T + bias, _outputs(graph, samples)[0].mean(axis=(0, 1)), rtol=1e-4
    )


@st.composite
def _windows(draw: DrawFn) -> Callable[[NetBuilder], Graph]:
    """Return a constant image with one space, read by a window of any kind."""
    size, kernel, stride = draw(st.integers(4, 7)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    dilation = draw(st.integers(1, 2)) if stride == 1 else 1
    padding = draw(st.sampled_from(Padding)) if (kernel - 1) * dilation < size else Padding.SAME
    is_transposed = draw(st.booleans())

    def make(net: NetBuilder) -> Graph:
        x = net.conv(net.input(1, size, size, 2), 6, 1)
        if is_transposed:
            return net.outputs(net.transpose_conv(x, 3, kernel, stride))
        strides = {"stride_h": stride, "stride_w": stride, "dilation_h": dilation, "dilation_w": dilation}
        return net.outputs(net.conv(x, 3, kernel, padding=padding, **strides))

    return make


@given(_windows(), st.integers(0, 99))
def test_a_constant_channel_leaves_its_mean_behind(make: Callable[[NetBuilder], Graph], seed: int) -> None:
    """Without variance there is nothing to predict: the bias takes over, whatever share of a tap sees padding."""
    net = NetBuilder(DType.FLOAT32, seed)
    graph = make(net)
    first = graph.nodes[0].operand(1)
    assert first.data is not None
    graph = replace_constants(graph, {first.name: first.data * (np.arange(6) < 4).reshape(-1, 1, 1, 1)})
    groups = find_channel_groups(graph)
    (space,) = groups.free
    samples = random_samples(graph, 8)
    cut = _absorbed(graph, groups, {space.name: 4}, samples)
    before, after = (_outputs(item, samples)[0].mean(axis=(0, 1, 2, 3)) for item in (graph, cut))
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_a_layer_without_a_bias_gets_one() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.dense(net.input(1, 4), 6)
    graph = net.outputs(net.node("FULLY_CONNECTED", x, np.ones((2, 6), np.float32)))
    groups, samples = find_channel_groups(graph), random_samples(graph, 32)
    (space,) = groups.free
    cut = _absorbed(graph, groups, {space.name: 2}, samples)
    assert len(cut.nodes[-1].inputs) == 3
    means = [_outputs(item, samples)[0].mean(axis=(0, 1)) for item in (graph, cut)]
    np.testing.assert_allclose(means[1], means[0], rtol=1e-4, atol=1e-5)


def test_a_dense_layer_on_parts_of_the_channels_is_only_cut() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.dense(net.input(1, 4), 8)
    graph = net.outputs(net.node("FULLY_CONNECTED", x, np.ones((3, 4), np.float32), np.ones(3, np.float32)))
    groups, samples = find_channel_groups(graph), random_samples(graph, 8)
    (space,) = groups.free
    widths = {space.name: 2}
    assert print_graph(_absorbed(graph, groups, widths, samples)) == print_graph(
        slice_channels(graph, groups, widths)
    )


@given(graphs(DType.FLOAT32), st.data())
def test_any_network_is_cut_to_the_shapes_of_its_slice(graph: Graph, data: st.DataObject) -> None:
    groups = find_channel_groups(graph)
    widths = {space.name: data.draw(st.integers(1, space.size)) for space in groups.free}
    samples = random_samples(graph, 4)
    found, sliced = _absorbed(graph, groups, widths, samples), slice_channels(graph, groups, widths)
    for left, right in zip(found.nodes, sliced.nodes, strict=True):
        assert [value.type for value in left.outputs] == [value.type for value in right.outputs]
    assert all(np.isfinite(array).all() for array in _outputs(found, samples))


@given(graphs(DType.FLOAT32))
def test_where_nothing_is_cut_nothing_changes(graph: Graph) -> None:
    groups = find_channel_groups(graph)
    widths = {space.name: space.size for space in groups.free}
    assert print_graph(_absorbed(graph, groups, widths, random_samples(graph, 2))) == print_graph(graph)


def test_every_weight_has_its_outputs_first_and_its_inputs_last() -> None:
    """`absorb_cut` relies on it."""
    rules = [op.channels for op in OPS.values() if isinstance(op.channels, Produces)]
    assert {rule.out_axis for rule in rules} == {0}
    ranks = {"CONV_2D": 4, "TRANSPOSE_CONV": 4, "FULLY_CONNECTED": 2}
    found = {op.name: op.channels.in_axis + 1 for op in OPS.values() if isinstance(op.channels, Produces)}
    assert found == ranks
