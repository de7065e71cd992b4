from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.errors import InternalError
from redsc.formats import write_tflite
from redsc.ir import DType, Graph, Mean, Quant
from redsc.passes.slice.mask import mask_channels
from redsc.passes.slice.selftest import check_permutation, check_slice
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import ChannelGroups
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from tests.helpers import NetBuilder, residual_net, small_net
from tests.strategies import graphs


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_true_channel_spaces_pass_both_tests(dtype: DType) -> None:
    for graph in (small_net(dtype), residual_net(dtype)):
        groups = find_channel_groups(graph)
        check_permutation(graph, groups)
        widths = {space.name: max(space.size // 2, 1) for space in groups.free}
        check_slice(graph, groups, widths, slice_channels(graph, groups, widths))


def without_axis(groups: ChannelGroups, value: str, axis: int) -> ChannelGroups:
    axes = {name: dict(known) for name, known in groups.axes.items()}
    del axes[value][axis]
    return replace(groups, axes=axes)


def test_the_permutation_test_catches_a_consumer_that_was_forgotten() -> None:
    graph = residual_net()
    groups = find_channel_groups(graph)
    with pytest.raises(InternalError, match="permutation") as caught:
        check_permutation(graph, without_axis(groups, "conv_2d2.weight", 3))
    assert caught.value.diagnostic.code == "I703"


def test_the_slice_test_catches_a_wrong_slice() -> None:
    graph = residual_net()
    groups = find_channel_groups(graph)
    widths = {space.name: space.size - 1 for space in groups.free}
    sliced = slice_channels(graph, groups, widths)
    bias = next(value for value in sliced.constants() if value.name.endswith(".bias"))
    assert bias.data is not None
    bias.data = bias.data + np.int32(900)
    with pytest.raises(InternalError, match="sliced level"):
        check_slice(graph, groups, widths, sliced)


@given(graphs(), st.data())
def test_masked_equals_sliced_on_random_networks(graph: Graph, data: st.DataObject) -> None:
    groups = find_channel_groups(graph)
    widths = {space.name: data.draw(st.integers(1, space.size)) for space in groups.free}
    masked, sliced = mask_channels(graph, groups, widths), slice_channels(graph, groups, widths)
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    assert difference(litert.run(write_tflite(masked), samples), litert.run(write_tflite(sliced), samples)) is None


def test_masking_nothing_changes_nothing() -> None:
    graph = small_net()
    groups = find_channel_groups(graph)
    widths = {space.name: space.size for space in groups.free}
    assert write_tflite(mask_channels(graph, groups, widths)) == write_tflite(graph)


def test_an_int8_network_with_an_elu_is_compared_where_kernels_are_exact() -> None:
    """LiteRT's optimised MEAN rounds a channel by how many lie beside it; tflite-micro's does not."""
    net = NetBuilder(DType.INT8, 2)
    x = net.node("TANH", net.conv(net.unary("ELU", net.conv(net.input(1, 1, 32, 6), 32, 1)), 32, 1))
    axes = net.builder.constant("axes", np.array([1, 2], np.int32))
    x = net.builder.op("MEAN", x, axes, attrs=Mean(True), name="mean", quant=Quant.per_tensor(0.0023, -20))
    graph = net.outputs(net.dense(x, 6))
    groups = find_channel_groups(graph)
    check_permutation(graph, groups)
    for width in (12, 20, 28):
        widths = {space.name: width for space in groups.free}
        check_slice(graph, groups, widths, slice_channels(graph, groups, widths))
