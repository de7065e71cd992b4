from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory
from redsc.formats import load_model, write_tflite
from redsc.ir import Graph
from redsc.passes.base import Log
from redsc.passes.quantize.fuse_lookups import FuseLookups
from redsc.report.network import BufferReport, buffer_reports, node_reports
from tests.conftest import Zoo
from tests.formats.onnx.models import make_node, onnx_model
from tests.helpers import latency_table, residual_net, small_net
from tests.zoo_models import MLPERF


def _buffers(graph: Graph, kernels: Kernels) -> tuple[tuple[BufferReport, ...], int]:
    FuseLookups(kernels).run(graph, Log())
    memory = measure_memory(graph, kernels)
    return buffer_reports(graph, memory, kernels), memory.head_bytes


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("net", [small_net, residual_net])
def test_the_highest_buffer_ends_where_the_head_does(net: Callable[[], Graph], kernels: Kernels) -> None:
    buffers, head_bytes = _buffers(net(), kernels)
    assert max(item.offset + item.bytes for item in buffers) == head_bytes
    assert {item.kind for item in buffers} >= {"input", "output", "activation"}
    assert all(item.start < item.end for item in buffers)


@pytest.mark.parametrize("kernels", Kernels)
def test_buffers_of_a_real_network_fill_its_head(kernels: Kernels, zoo: Zoo) -> None:
    graph = load_model(zoo(f"{MLPERF}/vww_96_int8.tflite")).graph
    buffers, head_bytes = _buffers(graph, kernels)
    assert max(item.offset + item.bytes for item in buffers) == head_bytes
    assert len(buffers) >= len(graph.activations())


def test_nodes_add_up_to_the_network() -> None:
    graph, table = small_net(), latency_table()
    rows = node_reports(graph, frozenset(), table, {graph.nodes[0].outputs[0].name: 31.5})
    assert sum(row.macs for row in rows) == graph_macs(graph)
    assert sum(row.constant_bytes for row in rows) == sum(value.type.nbytes for value in graph.constants())
    assert sum(row.latency_us or 0 for row in rows) == pytest.approx(table.microseconds(graph), abs=1)
    assert [row.sqnr_db for row in rows] == [31.5, *[None] * (len(rows) - 1)]


def test_nodes_know_their_names_in_the_file(tmp_path: Path) -> None:
    nodes = [
        make_node("MatMul", ["x", "head.weight"], ["h"], name="/head/MatMul"),
        make_node("Relu", ["h"], ["y"], name="/act/Relu"),
    ]
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_model(nodes, {"x": [1, 4]}, {"head.weight": np.ones((4, 4), np.float32)}))
    model = load_model(path)
    assert [(row.name, row.source) for row in node_reports(model.graph, model.node_names)] == [
        ("head", "/head/MatMul"),
        ("/act/Relu", "/act/Relu"),
    ]
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    model = load_model(tmp_path / "net.tflite")
    rows = node_reports(model.graph, model.node_names)
    assert [row.source for row in rows] == [node.outputs[0].name for node in model.graph.nodes]
