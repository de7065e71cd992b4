from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, Value
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from redsc.runtime.litert import run
from redsc.runtime.observe.walk import Walk
from tests.helpers import residual_net, small_net
from tests.strategies import graphs


def walked(graph: Graph, count: int = 3) -> Walk:
    walk = Walk.start(graph, random_samples(graph, count))
    while walk.next_node is not None:
        walk.step()
    return walk


@given(graphs(DType.FLOAT32))
def test_a_walk_to_the_end_is_a_run(graph: Graph) -> None:
    expected = run(write_tflite(graph), random_samples(graph, 3))
    assert difference(expected, walked(graph).outputs(), FLOAT_TOLERANCE) is None


@pytest.mark.parametrize("net", [small_net, residual_net])
def test_only_outputs_are_left_at_the_end(net: type) -> None:
    graph: Graph = net(DType.FLOAT32)
    assert set(walked(graph).arrays) == {value.name for value in graph.outputs}


def test_a_constant_may_change_before_its_node_runs() -> None:
    graph: Graph = small_net(DType.FLOAT32)
    walk = Walk.start(graph, random_samples(graph, 2))
    node = walk.next_node
    assert node is not None
    bias = node.operand(2)
    before = walk.peek()
    walk.graph.set_input(node, 2, Value.constant(bias.name, np.asarray(bias.data) + 1))
    after = walk.peek()
    (name,) = before
    assert np.allclose(after[name], before[name] + 1, atol=1e-5)
