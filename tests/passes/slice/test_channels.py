from __future__ import annotations

import numpy as np
from hypothesis import given

from redsc.ir import DType, Graph, Reshape, Value, print_graph, verify_graph
from redsc.passes.slice.channels import gather_channels
from redsc.passes.spaces.groups import find_channel_groups
from tests.helpers import NetBuilder, residual_net, small_net
from tests.strategies import graphs


def _named(graph: Graph, name: str) -> Value:
    return next(value for value in graph.values() if value.name == name)


def _gather(graph: Graph, **keep: list[int]) -> Graph:
    groups = find_channel_groups(graph)
    numbers = {space.name: space.id for space in groups.spaces}
    gathered = gather_channels(graph, groups, {numbers[name]: np.array(ids) for name, ids in keep.items()})
    verify_graph(gathered)
    return gathered


@given(graphs())
def test_nothing_named_gives_an_equal_copy(graph: Graph) -> None:
    copy = _gather(graph)
    assert print_graph(copy) == print_graph(graph)
    assert not {id(value) for value in copy.values()} & {id(value) for value in graph.values()}


def test_the_graph_itself_stays_as_it_is() -> None:
    graph = small_net()
    before = print_graph(graph)
    _gather(graph, conv_2d0=[3, 1])
    assert print_graph(graph) == before


def test_producer_followers_and_consumer_move_together() -> None:
    graph = small_net()
    kept = _gather(graph, conv_2d0=[6, 2, 3])
    for name, axis in (
        *(("conv_2d0.weight", 0), ("conv_2d0.bias", 0)),
        *(("depthwise_conv_2d2.weight", 3), ("depthwise_conv_2d2.bias", 0), ("conv_2d3.weight", 3)),
    ):
        wanted = np.take(np.asarray(_named(graph, name).data), [6, 2, 3], axis)
        np.testing.assert_array_equal(np.asarray(_named(kept, name).data), wanted)
    assert [value.type.shape[-1] for value in kept.activations()] == [3, 3, 3, 3, 12, 12, 192, 5]


def test_both_sides_of_an_addition_keep_the_same_channels() -> None:
    kept = _gather(residual_net(), conv_2d0=[5, 0])
    shapes = {value.name: value.type.shape for value in kept.values()}
    assert shapes["conv_2d0.weight"] == (2, 3, 3, 2)
    assert shapes["conv_2d2.weight"] == (2, 3, 3, 10)
    assert shapes["add3"] == (1, 6, 6, 2)
    assert shapes["fully_connected6.weight"] == (4, 8)


def test_per_channel_scales_follow_their_channels() -> None:
    graph = small_net()
    kept = _gather(graph, conv_2d0=[6, 2])
    for name in ("conv_2d0.weight", "conv_2d0.bias", "depthwise_conv_2d2.weight"):
        before, after = _named(graph, name).type.quant, _named(kept, name).type.quant
        assert before is not None
        assert after is not None
        assert after.scales == (before.scales[6], before.scales[2])
        assert (after.zero_points, after.axis) == (before.zero_points, before.axis)


def test_a_single_channel_has_one_scale_for_the_whole_tensor() -> None:
    kept = _gather(small_net(), conv_2d0=[4])
    quant = _named(kept, "depthwise_conv_2d2.weight").type.quant
    assert quant is not None
    assert not quant.is_per_channel
    assert quant.axis == 0


def test_scales_of_activations_stay() -> None:
    graph = small_net()
    kept = _gather(graph, conv_2d0=[4, 0], conv_2d3=[1])
    assert [v.type.quant for v in kept.activations()] == [v.type.quant for v in graph.activations()]


def test_a_flattened_image_loses_the_columns_of_every_pixel() -> None:
    graph = small_net()
    kept = _gather(graph, conv_2d3=[11, 4])
    columns = [12 * pixel + channel for pixel in range(16) for channel in (11, 4)]
    wanted = np.asarray(_named(graph, "fully_connected6.weight").data)[:, columns]
    np.testing.assert_array_equal(np.asarray(_named(kept, "fully_connected6.weight").data), wanted)


def test_a_static_shape_among_the_attributes_follows() -> None:
    kept = _gather(small_net(), conv_2d3=[0, 1, 2])
    assert [node.attrs for node in kept.nodes if node.op == "RESHAPE"] == [Reshape((1, 48))]


def test_a_depth_multiplier_keeps_whole_blocks() -> None:
    net = NetBuilder()
    wide = net.depthwise(net.conv(net.input(1, 4, 4, 2), 5), multiplier=2)
    graph = net.outputs(net.conv(wide, 3))
    kept = _gather(graph, conv_2d0=[3, 1])
    wanted = np.asarray(_named(graph, "depthwise_conv_2d1.weight").data)[..., [6, 7, 2, 3]]
    np.testing.assert_array_equal(np.asarray(_named(kept, "depthwise_conv_2d1.weight").data), wanted)


def _written(graph: Graph, op: str, index: int) -> list[int]:
    (node,) = (node for node in graph.nodes if node.op == op)
    return [int(number) for number in np.asarray(node.operand(index).data).reshape(-1)]


def _sliced(begin: list[int], size: list[int]) -> Graph:
    net = NetBuilder(DType.FLOAT32)
    image = net.conv(net.input(1, 4, 4, 2), 6)
    part = net.node("SLICE", image, np.array(begin, np.int32), np.array(size, np.int32))
    return net.outputs(net.conv(net.conv(part, 3), 2), net.conv(image, 2))


def test_a_slice_of_channels_begins_where_they_begin_now() -> None:
    graph = _sliced([0, 1, 0, 3], [1, 2, 4, 2])
    kept = _gather(graph, **{"conv_2d0[0:3]": [2], "conv_2d0[3:5]": [1]})
    assert _written(kept, "SLICE", 1) == [0, 1, 0, 1]
    assert _written(kept, "SLICE", 2) == [1, 2, 4, 1]
    wanted = np.asarray(_named(graph, "conv_2d0.weight").data)[[2, 4, 5]]
    np.testing.assert_array_equal(np.asarray(_named(kept, "conv_2d0.weight").data), wanted)


def test_a_slice_of_all_the_rest_stays_so() -> None:
    kept = _gather(_sliced([0, 1, 0, 3], [1, -1, 4, -1]), **{"conv_2d0[0:3]": [0, 1], "conv_2d0[3:6]": [1]})
    assert _written(kept, "SLICE", 1) == [0, 1, 0, 2]
    assert _written(kept, "SLICE", 2) == [1, -1, 4, -1]


def test_a_strided_slice_of_channels_has_new_bounds() -> None:
    net = NetBuilder(DType.FLOAT32)
    image = net.conv(net.input(1, 4, 4, 2), 6)
    bounds = (np.array(row, np.int32) for row in ((0, 0, 0, -4), (1, 4, 4, -1), (1, 2, 1, 1)))
    part = net.node("STRIDED_SLICE", image, *bounds)
    kept = _gather(net.outputs(net.conv(part, 3)), **{"conv_2d0[0:2]": [1], "conv_2d0[2:5]": [0, 2]})
    assert _written(kept, "STRIDED_SLICE", 1) == [0, 0, 0, 1]
    assert _written(kept, "STRIDED_SLICE", 2) == [1, 4, 4, 3]
    assert _named(kept, "conv_2d2.weight").type.shape == (3, 3, 3, 2)


def test_paddings_shrink_with_the_channels_that_they_make() -> None:
    net = NetBuilder()
    padded = net.pad(net.conv(net.input(1, 4, 4, 2), 6), (0, 0), (1, 0), (0, 2), (4, 3))
    kept = _gather(net.outputs(net.conv(padded, 3)), **{"conv_2d0": [5], "pad1": [0, 1], "pad1#2": [2]})
    assert _written(kept, "PAD", 1) == [0, 0, 1, 0, 0, 2, 2, 1]
    assert _named(kept, "conv_2d2.weight").type.shape == (3, 3, 3, 4)


def test_the_multiplier_of_a_depthwise_layer_over_one_channel_follows() -> None:
    net = NetBuilder()
    kept = _gather(
        net.outputs(net.conv(net.depthwise(net.input(1, 4, 4, 1), multiplier=6), 3)), depthwise_conv_2d0=[4, 1]
    )
    assert kept.nodes[0].attrs.depth_multiplier == 2


def test_every_group_of_a_convolution_keeps_the_same_channels() -> None:
    net = NetBuilder(DType.FLOAT32)
    image = net.conv(net.input(1, 4, 4, 2), 6)
    grouped = net.node("CONV_2D", image, np.ones((4, 1, 1, 3), np.float32))
    kept = _gather(net.outputs(net.conv(grouped, 2)), conv_2d0=[2, 0], conv_2d1=[1])
    wanted = np.asarray(_named(kept, "conv_2d0.weight").data)
    np.testing.assert_array_equal(
        wanted, np.asarray(_named(net.builder.graph, "conv_2d0.weight").data)[[2, 0, 5, 3]]
    )
    assert [_named(kept, name).type.shape for name in ("conv_2d1.1", "conv_2d1")] == [(2, 1, 1, 2), (1, 4, 4, 2)]


def test_a_prefix_is_a_view_and_another_choice_a_copy() -> None:
    graph = small_net(DType.FLOAT32)
    before = _named(graph, "conv_2d0.weight").data
    assert before is not None
    for channels, shared in (([0, 1, 2], True), ([1, 0], False)):
        after = _named(_gather(graph, conv_2d0=channels), "conv_2d0.weight").data
        assert after is not None
        assert np.shares_memory(before, after) == shared
        assert not after.flags.writeable


def test_names_and_origins_stay() -> None:
    graph = small_net()
    kept = _gather(graph, conv_2d0=[4, 0])
    assert [value.name for value in kept.values()] == [value.name for value in graph.values()]
    assert [node.origin for node in kept.nodes] == [node.origin for node in graph.nodes]
    assert kept.name == graph.name
