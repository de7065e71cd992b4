from __future__ import annotations

import pytest

from redsc.cost.latency import LATENCY_TABLES, latency_us
from redsc.cost.macs import graph_macs
from redsc.formats import load_model
from redsc.ir import DType
from tests.conftest import Zoo
from tests.helpers import MLPERF, NetBuilder

TABLE = LATENCY_TABLES["cortex-m4-cmsis-nn"]
PUBLISHED = {"pretrainedResnet_quant": 3.74, "kws_ref_model": 4.51, "vww_96_int8": 4.82, "ad01_int8": 3.91}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_table_gives_what_was_published(zoo: Zoo, name: str) -> None:
    graph = load_model(zoo(f"{MLPERF}/{name}.tflite")).graph
    cycles = latency_us(graph, TABLE) * TABLE.megahertz / graph_macs(graph)
    assert cycles == pytest.approx(PUBLISHED[name], rel=0.04)


def test_every_table_says_where_it_comes_from() -> None:
    for name, table in LATENCY_TABLES.items():
        assert table.name == name
        assert table.source
        assert table.megahertz > 0
        assert all(rate > 0 for rate in table.millicycles_per_mac.values())


def test_time_is_rounded_up_and_other_layers_count_as_convolutions() -> None:
    net = NetBuilder(DType.INT8)
    graph = net.outputs(net.transpose_conv(net.input(1, 1, 1, 1), 1, 1, 1))
    assert graph_macs(graph) == 1
    assert latency_us(graph, TABLE) == 1
    larger = NetBuilder(DType.INT8)
    graph = larger.outputs(larger.transpose_conv(larger.input(1, 10, 10, 10), 10, 1, 1))
    assert latency_us(graph, TABLE) == -(-graph_macs(graph) * TABLE.millicycles_per_mac["CONV_2D"] // 120_000)


def test_layers_without_macs_take_no_time() -> None:
    net = NetBuilder(DType.INT8)
    assert latency_us(net.outputs(net.unary("RELU", net.input(1, 9, 9, 9))), TABLE) == 0
