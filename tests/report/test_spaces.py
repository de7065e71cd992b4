from __future__ import annotations

import pytest

from redsc.ir import DType, Graph, Padding, op_def
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.structure import find_structure
from redsc.report.spaces import BlockRow, SpaceRow, block_rows, print_spaces, space_rows
from tests.conftest import Golden
from tests.helpers import NetBuilder, residual_net, small_net


def _rows(graph: Graph, freeze: tuple[str, ...] = ()) -> dict[str, SpaceRow]:
    return {row.name: row for row in space_rows(graph, find_channel_groups(graph, freeze))}


def test_a_space_lists_who_makes_follows_and_reads_it() -> None:
    assert _rows(small_net())["conv_2d0"] == SpaceRow(
        name="conv_2d0",
        channels=8,
        step=1,
        makers=("conv_2d0",),
        followers=("bias of conv_2d0", "depthwise_conv_2d2"),
        readers=("conv_2d3",),
        frozen=None,
    )


def test_layers_that_an_addition_joins_make_one_space() -> None:
    row = _rows(residual_net())["conv_2d0"]
    assert row.makers == ("conv_2d0", "conv_2d2")
    assert row.followers == ("bias of conv_2d0", "bias of conv_2d2")
    assert row.readers == ("conv_2d1", "fully_connected6")


def test_a_block_says_what_takes_its_place_and_what_that_saves() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 5, 5, 1), 4)
    x = net.node("ADD", x, net.conv(x, 4))
    graph = net.outputs(net.mean(x, 1, 2))
    (row,) = block_rows(graph, find_structure(graph).blocks)
    macs = [op_def(node.op).macs(node) for node in graph.nodes]
    assert row == BlockRow("add2", "conv_2d0", 1 - macs[0] / (macs[0] + macs[1]))


def test_slopes_and_gates_belong_to_the_space() -> None:
    net = NetBuilder()
    graph = net.outputs(net.conv(net.gate(net.prelu(net.conv(net.input(1, 4, 4, 2), 6))), 3))
    row = _rows(graph)["conv_2d0"]
    assert row.makers == ("conv_2d0", "fully_connected4")
    assert row.followers == ("bias of conv_2d0", "prelu1", "bias of fully_connected4")
    assert row.readers == ("fully_connected3", "conv_2d8")


def test_what_has_no_weights_makes_its_channels_as_well() -> None:
    net = NetBuilder(DType.FLOAT32)
    padded = net.pad(net.conv(net.input(1, 3, 4, 2), 5), (0, 0), (0, 0), (0, 0), (0, 2))
    rows = _rows(net.outputs(net.conv(net.depthwise(padded), 2)))
    assert rows["x"].makers == ("x",)
    assert rows["pad1"].makers == ("pad1",)
    assert rows["pad1"].followers == ("depthwise_conv_2d2",)


def test_the_steps_of_a_space_are_those_of_its_layers() -> None:
    net = NetBuilder()
    left, right = net.split(net.conv(net.input(1, 4, 4, 2), 6), 2)
    rows = _rows(net.outputs(net.conv(net.add(left, right), 3)))
    assert (rows["conv_2d0"].channels, rows["conv_2d0"].step) == (6, 2)
    assert rows["conv_2d0"].cells()[1:3] == ["6 in steps of 2", "free"]


def test_long_lists_are_shortened() -> None:
    net = NetBuilder()
    value = net.conv(net.input(1, 4, 4, 2), 4)
    for _ in range(9):
        value = net.depthwise(value, padding=Padding.SAME)
    cells = _rows(net.outputs(net.conv(value, 3)))["conv_2d0"].cells()
    assert cells[4] == "bias of conv_2d0, depthwise_conv_2d1, depthwise_conv_2d2 and 7 more"


def test_the_table_reads_well(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    print_spaces(_rows(residual_net(), ("conv_2d1",)).values())
    golden(capsys.readouterr().out)
