from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from redsc.errors import UsageError
from redsc.formats import load_model
from redsc.ir import DType, FullyConnected, Graph, Quant, TensorType, parse_graph
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import ChannelGroups, Segment, kept_indices
from tests.conftest import ROOT, Golden
from tests.helpers import NetBuilder, residual_net, small_net
from tests.strategies import graphs


def _spaces(graph: Graph, freeze: tuple[str, ...] = ()) -> dict[str, str | None]:
    """Return why each space is frozen, None where it is free."""
    return {f"{s.name}:{s.size}": s.frozen for s in find_channel_groups(graph, freeze).spaces}


def _listing(groups: ChannelGroups) -> str:
    lines = [f"{space.id} {space.name} {space.size} {space.frozen or 'free'}" for space in groups.spaces]
    for name, axes in groups.axes.items():
        for axis, layout in sorted(axes.items()):
            segments = " ".join(f"{s.space}*{s.outer}*{s.inner}" for s in layout)
            lines.append(f"{name} axis {axis}: {segments}")
    return "\n".join([*lines, ""])


def test_list_the_spaces_of_a_small_network(golden: Golden) -> None:
    golden(_listing(find_channel_groups(small_net())))


def test_list_the_spaces_of_a_residual_network(golden: Golden) -> None:
    golden(_listing(find_channel_groups(residual_net())))


def test_list_the_spaces_of_the_example(golden: Golden) -> None:
    golden(_listing(find_channel_groups(load_model(ROOT / "examples" / "fashion_dscnn.onnx").graph)))


def test_a_chain_has_a_space_per_layer_and_keeps_its_ends() -> None:
    assert _spaces(small_net()) == {
        "x:3": "it is a graph input",
        "conv_2d0:8": None,
        "conv_2d3:12": None,
        "fully_connected6:5": "it is a graph output",
    }


def test_an_addition_joins_its_operands() -> None:
    assert _spaces(residual_net()) == {
        "x:2": "it is a graph input",
        "conv_2d0:6": None,
        "conv_2d1:10": None,
        "fully_connected6:4": "it is a graph output",
    }


def test_an_addition_to_a_graph_input_freezes_the_branch() -> None:
    net = NetBuilder()
    x = net.input(1, 4, 4, 2)
    graph = net.outputs(net.conv(net.add(x, net.conv(x, 2)), 3))
    assert _spaces(graph) == {"x:2": "it is a graph input", "conv_2d2:3": "it is a graph output"}


def test_a_broadcast_operand_is_frozen() -> None:
    net = NetBuilder()
    x = net.input(1, 4, 4, 2)
    graph = net.outputs(net.conv(net.add(net.conv(x, 6), net.conv(x, 1)), 3))
    assert _spaces(graph)["conv_2d0:6"] is None
    assert _spaces(graph)["conv_2d1:1"] == "ADD 'add2' broadcasts it"


def test_a_constant_operand_follows_the_channels() -> None:
    text = """graph @g {
      input %x: f32[1,2]
      const %w: f32[3,2] = [1.0,2.0,3.0,4.0,5.0,6.0]
      const %shift: f32[3] = [1.0,2.0,3.0]
      const %v: f32[1,3] = [1.0,2.0,3.0]
      %a: f32[1,3] = FULLY_CONNECTED(%x, %w, none)
      %b: f32[1,3] = ADD(%a, %shift)
      %y: f32[1,1] = FULLY_CONNECTED(%b, %v, none)
      output %y
    }"""
    groups = find_channel_groups(parse_graph(text))
    assert [space.name for space in groups.free] == ["a"]
    assert groups.axes["shift"][0] == groups.axes["w"][0] == groups.axes["v"][1] == groups.axes["b"][1]


def test_a_depth_multiplier_gives_each_channel_a_block() -> None:
    net = NetBuilder()
    wide = net.depthwise(net.conv(net.input(1, 4, 4, 2), 5), multiplier=2)
    groups = find_channel_groups(net.outputs(net.conv(wide, 3)))
    (space,) = groups.free
    assert groups.axes["depthwise_conv_2d1.weight"] == {3: (Segment(space.id, 1, 2),)}
    assert groups.axes["depthwise_conv_2d1.bias"] == {0: (Segment(space.id, 1, 2),)}
    assert groups.axes["conv_2d2.weight"][3] == (Segment(space.id, 1, 2),)


def test_a_layer_that_is_added_to_blocks_has_channels_in_blocks() -> None:
    net = NetBuilder()
    x = net.input(1, 4, 4, 2)
    wide = net.depthwise(net.conv(x, 3), multiplier=2)
    groups = find_channel_groups(net.outputs(net.conv(net.add(wide, net.conv(x, 6)), 4)))
    (space,) = groups.free
    assert (space.name, space.size, space.quantum) == ("conv_2d0", 3, 1)
    assert groups.axes["conv_2d2.weight"][0] == (Segment(space.id, 1, 2),)


@pytest.mark.parametrize("reshape", [True, False])
def test_a_flattened_image_repeats_its_channels(reshape: bool) -> None:
    net = NetBuilder()
    image = net.conv(net.input(1, 3, 4, 2), 5)
    groups = find_channel_groups(net.outputs(net.dense(net.reshape(image, 1, 60) if reshape else image, 7)))
    (space,) = groups.free
    weight = groups.axes["fully_connected2.weight" if reshape else "fully_connected1.weight"]
    assert weight[1] == (Segment(space.id, 12, 1),)


def test_a_flattened_depth_multiplier_repeats_blocks() -> None:
    net = NetBuilder()
    wide = net.depthwise(net.conv(net.input(1, 2, 2, 1), 3), multiplier=2)
    groups = find_channel_groups(net.outputs(net.dense(net.reshape(wide, 1, 24), 2)))
    (space,) = groups.free
    assert groups.axes["fully_connected3.weight"][1] == (Segment(space.id, 4, 2),)


@pytest.mark.parametrize("shape", [(1, 10, 6), (1, 5, 12), (60,)])
def test_a_reshape_that_splits_channels_or_keeps_them_whole(shape: tuple[int, ...]) -> None:
    net = NetBuilder()
    image = net.reshape(net.conv(net.input(1, 3, 4, 2), 5), *shape)
    frozen = _spaces(net.outputs(net.dense(net.reshape(image, 1, 60), 7)))["conv_2d0:5"]
    assert frozen == (None if shape == (60,) else "RESHAPE 'reshape1' changes their number")


def test_a_mean_over_space_passes_channels() -> None:
    net = NetBuilder()
    graph = net.outputs(net.dense(net.mean(net.conv(net.input(1, 3, 4, 2), 5), 1, 2), 7))
    assert _spaces(graph)["conv_2d0:5"] is None


def test_a_mean_over_channels_freezes_them() -> None:
    net = NetBuilder()
    graph = net.outputs(net.mean(net.conv(net.input(1, 3, 4, 2), 5), 3))
    assert _spaces(graph)["conv_2d0:5"] == "MEAN 'mean1' reduces over them"


def test_padding_makes_channels() -> None:
    net = NetBuilder()
    padded = net.pad(net.conv(net.input(1, 3, 4, 2), 5), (0, 0), (1, 1), (0, 0), (3, 2))
    groups = find_channel_groups(net.outputs(net.conv(padded, 2)))
    assert [(space.name, space.size) for space in groups.free] == [("conv_2d0", 5), ("pad1", 3), ("pad1#2", 2)]
    conv, before, after = (space.id for space in groups.free)
    assert groups.axes["conv_2d2.weight"][3] == (Segment(before), Segment(conv), Segment(after))


def test_softmax_freezes_its_channels() -> None:
    net = NetBuilder()
    graph = net.outputs(net.dense(net.softmax(net.dense(net.input(1, 4), 3)), 2))
    assert _spaces(graph)["fully_connected0:3"] == "softmax sums over the channels"


def test_the_groups_of_a_convolution_keep_alike_channels() -> None:
    text = """graph @g {
      input %x: f32[1,1,1,2]
      const %w: f32[4,1,1,2] = [1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0]
      const %v: f32[6,1,1,2] = [1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,10.0,11.0,12.0]
      const %u: f32[1,6] = [1.0,2.0,3.0,4.0,5.0,6.0]
      %a: f32[1,1,1,4] = CONV_2D(%x, %w, none)
      %b: f32[1,1,1,6] = CONV_2D(%a, %v, none)
      %y: f32[1,1] = FULLY_CONNECTED(%b, %u, none)
      output %y
    }"""
    groups = find_channel_groups(parse_graph(text))
    before, after = groups.free
    assert [(s.name, s.size, s.quantum) for s in groups.free] == [("a", 2, 2), ("b", 3, 2)]
    assert groups.axes["w"][0] == (Segment(before.id, 2),)
    assert groups.axes["v"] == {0: (Segment(after.id, 2),), 3: (Segment(before.id),)}
    assert groups.axes["u"][1] == (Segment(after.id, 2),)


def test_the_rows_that_a_dense_layer_takes_one_after_another_are_tied() -> None:
    net = NetBuilder()
    net.dense(net.conv(net.input(1, 2, 2, 2), 6), 5)
    ((_, dense),) = [net.builder.graph.nodes]
    weight = net.builder.constant("rows", np.ones((5, 3), np.int8), Quant.per_tensor(0.1))
    net.builder.graph.rewrite(dense, "FULLY_CONNECTED", [dense.operand(0), weight], dense.attrs)
    dense.outputs[0].type = TensorType((8, 5), DType.INT8, dense.outputs[0].type.quant)
    groups = find_channel_groups(net.outputs(net.dense(net.reshape(dense.outputs[0], 1, 40), 2)))
    conv, rows = groups.free
    assert [(space.size, space.quantum) for space in groups.free] == [(3, 2), (5, 1)]
    assert groups.axes["rows"] == {1: (Segment(conv.id),), 0: (Segment(rows.id),)}


def test_a_depthwise_layer_over_one_channel_makes_channels() -> None:
    net = NetBuilder()
    graph = net.outputs(net.conv(net.depthwise(net.input(1, 4, 4, 1), multiplier=6), 3))
    assert _spaces(graph) == {
        "x:1": "it is a graph input",
        "depthwise_conv_2d0:6": None,
        "conv_2d1:3": "it is a graph output",
    }


def test_more_channels_than_any_layer_has_are_not_followed() -> None:
    net = NetBuilder(DType.FLOAT32)
    image = net.conv(net.input(1, 512, 520, 1), 1, 1)
    flat = net.reshape(image, 1, 512 * 520)
    spaces = _spaces(net.outputs(net.unary("RELU", net.add(flat, flat))))
    assert spaces == {
        "x:1": "it is a graph input",
        "conv_2d0:1": "RESHAPE 'reshape1' makes more than 262,144 of them",
    }


def test_weights_that_are_computed_freeze_what_they_touch() -> None:
    net = NetBuilder(DType.FLOAT32)
    hidden, computed = net.dense(net.input(1, 4), 3), net.input(2, 3, name="w")
    graph = net.outputs(
        net.dense(net.builder.op("FULLY_CONNECTED", hidden, computed, None, attrs=FullyConnected(), name="f"), 1)
    )
    reason = "FULLY_CONNECTED 'f' has no constant weight per output channel"
    assert _spaces(graph)["fully_connected0:3"] == _spaces(graph)["f:2"] == reason


def test_a_constant_that_runs_through_layers_is_not_understood_and_nothing_fails() -> None:
    net = NetBuilder(DType.FLOAT32)
    constant = net.builder.constant("c", np.ones((1, 4), np.float32))
    hidden = net.dense(net.input(1, 4), 3)
    graph = net.outputs(net.dense(net.add(net.dense(constant, 3), hidden), 2))
    assert len(find_channel_groups(graph).spaces) >= 2


def test_shared_weights_join_the_layers_that_read_them() -> None:
    text = """graph @g {
      input %x: f32[1,2]
      const %w: f32[2,2] = [1.0,2.0,3.0,4.0]
      const %v: f32[1,2] = [1.0,2.0]
      const %u: f32[2,2] = [1.0,2.0,3.0,4.0]
      %s: f32[1,2] = FULLY_CONNECTED(%x, %u, none)
      %a: f32[1,2] = FULLY_CONNECTED(%s, %w, none)
      %b: f32[1,2] = FULLY_CONNECTED(%a, %w, none)
      %y: f32[1,1] = FULLY_CONNECTED(%b, %v, none)
      output %y
    }"""
    assert _spaces(parse_graph(text)) == {
        "x:2": "it is a graph input",
        "s:2": None,
        "y:1": "it is a graph output",
    }


def test_a_space_can_be_frozen_by_hand() -> None:
    assert _spaces(small_net(), ("conv_2d3",))["conv_2d3:12"] == "--freeze"
    assert _spaces(small_net(), ("x",))["x:3"] == "it is a graph input"


def test_all_parts_of_a_layer_can_be_frozen_by_hand() -> None:
    net = NetBuilder()
    left, right = net.split_v(net.conv(net.input(1, 3, 3, 2), 6), 2, 4)
    graph = net.outputs(net.conv(left, 1), net.conv(right, 1))
    whole, part = _spaces(graph, ("conv_2d0",)), _spaces(graph, ("conv_2d0[2:6]",))
    assert whole["conv_2d0[0:2]:2"] == whole["conv_2d0[2:6]:4"] == part["conv_2d0[2:6]:4"] == "--freeze"
    assert part["conv_2d0[0:2]:2"] is None


def test_freezing_a_space_that_does_not_exist_names_the_nearest(golden: Golden) -> None:
    with pytest.raises(UsageError) as caught:
        find_channel_groups(small_net(), ["conv_2d33"])
    golden(f"{caught.value}\n")


def test_spaces_with_one_name_are_told_apart() -> None:
    net = NetBuilder()
    graph = net.outputs(net.dense(net.conv(net.conv(net.input(1, 3, 3, 2), 4), 5), 2))
    for node in graph.nodes:
        node.origin = ("layer",)
    assert [space.name for space in find_channel_groups(graph).spaces] == ["x", "layer", "layer#2", "layer#3"]


def test_kept_indices_follow_repetition_and_order() -> None:
    keep, sizes = {7: np.array([2, 0])}, {7: 3, 8: 2}
    assert kept_indices((Segment(7),), keep, sizes).tolist() == [2, 0]
    assert kept_indices((Segment(7, inner=2),), keep, sizes).tolist() == [4, 5, 0, 1]
    assert kept_indices((Segment(7, outer=2),), keep, sizes).tolist() == [2, 0, 5, 3]
    assert kept_indices((Segment(8), Segment(7)), keep, sizes).tolist() == [0, 1, 4, 2]


@given(graphs())
def test_every_layout_covers_its_axis(graph: Graph) -> None:
    groups = find_channel_groups(graph)
    shapes = {value.name: value.type.shape for value in graph.values()}
    sizes = {space.id: space.size for space in groups.spaces}
    for name, axes in groups.axes.items():
        for axis, layout in axes.items():
            assert kept_indices(layout, {}, sizes).tolist() == list(range(shapes[name][axis]))


@given(graphs())
def test_graph_inputs_and_outputs_never_move(graph: Graph) -> None:
    groups = find_channel_groups(graph)
    free = {space.id for space in groups.free}
    for value in (*graph.inputs, *graph.outputs):
        layout = groups.axes[value.name][len(value.type.shape) - 1]
        assert not {segment.space for segment in layout} & free
