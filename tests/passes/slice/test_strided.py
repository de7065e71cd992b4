from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.formats import read_tflite, write_models, write_tflite
from redsc.ir import DType, Graph, Padding, parse_graph, print_graph, run_columns, verify_graph
from redsc.ir.rescale import quantize_multipliers
from redsc.ir.runs import find_runs
from redsc.passes.slice.slice import slice_channels
from redsc.passes.slice.strided import as_stock, has_strided, share_strided
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.compare import difference, random_samples
from redsc.runtime.litert import run
from tests.helpers import NetBuilder, residual_net, small_net


def flat_net(dtype: DType) -> Graph:
    """Return a network that flattens an image, joins two branches, and has a layer without bias."""
    net = NetBuilder(dtype)
    x = net.conv(net.input(1, 6, 6, 2), 16, 3, padding=Padding.SAME)
    joined = net.concat(net.conv(x, 12), net.depthwise(x, 3, padding=Padding.SAME))
    return net.outputs(net.dense(net.dense(net.conv(joined, 16, 3, stride_h=2, stride_w=2), 24), 5))


NETS = {"small": small_net, "residual": residual_net, "flat": flat_net}


def levels_of(graph: Graph, shares: tuple[float, ...] = (1, 0.7, 0.4)) -> list[Graph]:
    """Return plain slices with such shares of every free space."""
    groups = find_channel_groups(graph)
    widths = ({space.name: max(1, round(share * space.size)) for space in groups.free} for share in shares)
    return [slice_channels(graph, groups, each) for each in widths]


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
@pytest.mark.parametrize("net", NETS)
def test_what_is_shared_is_the_same_network(net: str, dtype: DType) -> None:
    levels = levels_of(NETS[net](dtype))
    shared = share_strided(levels)
    assert [has_strided(graph) for graph in shared] == [False, True, True]
    for level, graph in zip(levels, shared, strict=True):
        verify_graph(graph)
        stock = as_stock(graph)
        assert print_graph(stock, with_origins=False) == print_graph(level, with_origins=False)
        samples = random_samples(level, 2)
        assert difference(run(write_tflite(level), samples), run(write_tflite(stock), samples)) is None


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
@pytest.mark.parametrize("net", NETS)
def test_text_and_file_keep_strided_layers(net: str, dtype: DType) -> None:
    for graph in share_strided(levels_of(NETS[net](dtype))):
        text = print_graph(graph)
        assert print_graph(parse_graph(text)) == text
        found = read_tflite(write_tflite(graph))
        assert print_graph(found, with_origins=False) == print_graph(graph, with_origins=False)


@pytest.mark.parametrize("net", NETS)
def test_no_weight_is_stored_twice(net: str) -> None:
    graph = NETS[net](DType.INT8)
    levels = levels_of(graph)
    whole, strided, copies = (len(write_models(item)) for item in ([graph], share_strided(levels), levels))
    assert whole < strided
    if net != "small":  # where there is enough to share
        assert strided < copies


def test_layers_that_share_nothing_stay_as_they_are() -> None:
    levels = [small_net(DType.INT8, seed) for seed in range(2)]
    assert [print_graph(graph) for graph in share_strided(levels)] == [print_graph(graph) for graph in levels]


def without_a_column(rows: int, depth: int, dtype: DType) -> list[Graph]:
    """Return two dense layers, the second over the columns of the first but one."""
    nets = [NetBuilder(dtype), NetBuilder(dtype)]
    whole, part = (
        net.outputs(net.dense(net.input(rows, size), 2, keep_num_dims=True))
        for net, size in zip(nets, (depth + 1, depth), strict=True)
    )
    weight, columns = whole.nodes[0].operand(1), part.nodes[0].operand(1)
    assert weight.data is not None
    columns.data = weight.data[:, 1:].copy()
    return [whole, part]


@pytest.mark.parametrize(
    ("rows", "depth", "dtype", "is_shared"),
    [
        (1, 2**15, DType.INT8, False),
        (1, 2**15 - 1, DType.INT8, True),
        (2**15, 4, DType.INT8, False),
        (2**15 - 1, 4, DType.INT8, True),
        (2**15, 4, DType.FLOAT32, True),
    ],
)
def test_layers_with_sizes_that_no_kernel_has_stay_as_they_are(
    rows: int, depth: int, dtype: DType, is_shared: bool
) -> None:
    assert has_strided(share_strided(without_a_column(rows, depth, dtype))[1]) is is_shared


@given(st.data())
def test_columns_that_are_left_are_found(data: st.DataObject) -> None:
    rows, depth = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 12))
    numbers = st.lists(st.integers(-1, 1), min_size=2 * rows * depth, max_size=2 * rows * depth)
    whole = np.array(data.draw(numbers), np.int8).reshape(rows, 2, depth)
    columns = sorted(data.draw(st.sets(st.integers(0, depth - 1), min_size=1)))
    kept = data.draw(st.integers(1, rows))
    part = whole[:kept][..., columns]
    runs = find_runs(whole, part)
    assert runs is not None
    assert np.array_equal(whole[:kept][..., run_columns(runs)], part)


def test_even_runs_are_one() -> None:
    whole = np.arange(24, dtype=np.int8).reshape(1, 24)
    assert find_runs(whole, whole[:, :5]) == (0, 5, 1, 24)
    assert find_runs(whole, whole.reshape(1, 4, 6)[:, :, 1:3].reshape(1, 8)) == (1, 2, 4, 6)
    assert find_runs(whole, whole[:, [0, 1, 2, 5, 6, 9, 10, 13]]) == (0, 3, 1, 3, 5, 2, 2, 4, 13, 1, 1, 1)


def test_what_is_no_part_is_not_found() -> None:
    whole = np.arange(8, dtype=np.int8).reshape(2, 4)
    for part in (whole[1:], whole[:, ::-1], np.ones((3, 4), np.int8), whole.astype(np.float32), whole[:, :, None]):
        assert find_runs(whole, part) is None


@pytest.mark.parametrize(
    ("real", "wanted"),
    [
        (0.5, (1 << 30, 0)),
        (1.0, (1 << 30, 1)),
        (0.75, (3 << 29, 0)),
        (1 - 2.0**-40, (1 << 30, 1)),
        (2.0**-40, (0, 0)),
    ],
)
def test_multipliers_are_fractions_of_31_bits(real: float, wanted: tuple[int, int]) -> None:
    assert tuple(int(part[0]) for part in quantize_multipliers(np.array([real]))) == wanted
