"""The steps of the reader: what is named first, layouts of ports, names, limits. Ops have files of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from redsc.errors import LimitExceeded, UnsupportedError
from redsc.formats import load_model, write_tflite
from redsc.formats.onnx.ops.row import OnnxOp
from redsc.formats.onnx.ops.table import _REFUSALS, ONNX_OPS
from redsc.formats.onnx.reader import read_onnx
from redsc.formats.tables import refuse
from redsc.ir import print_graph
from redsc.limits import Limits
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference
from tests.conftest import ROOT, Golden
from tests.formats.onnx import (
    test_activation,
    test_conv,
    test_dense,
    test_elementwise,
    test_move,
    test_pick,
    test_pool,
    test_recurrent,
    test_reshape,
)
from tests.formats.onnx.models import check_refusal, image_net, make_node, one, one_node, onnx_model, read, weights

W = weights(4, 3, 3, 3)
TABLES = (
    *(test_activation.ACTIVATIONS, test_activation.SOFTMAX, test_activation.NORMALISED),
    *(test_conv.CONV, test_conv.TRANSPOSED, test_dense.DENSE),
    *(test_elementwise.ARITHMETIC, test_elementwise.FUNCTIONS, test_elementwise.LOGIC),
    *(
        test_move.ALL,
        test_pick.CASES,
        test_pool.POOLS,
        test_pool.RESIZED,
        test_reshape.ALL,
    ),
)
GEMM = one("Gemm", [2, 3], weights(3, 4), weights(4))
REFUSED = {
    "unknown-domain": onnx_model(["[node] y = com.example.Relu(x)"], {"x": [1]}, {}),
    "not-quantised": onnx_model(["[node] y = com.microsoft.Relu(x)"], {"x": [1]}, {}),
    "two-ops": onnx_model(
        ["[wave] c = Atan(x)", "[node] y = Det(c)"],
        {"x": [2, 2]},
        {},
    ),
    "two-reasons": image_net(
        ['[edge] e = Pad<mode="edge">(c, p)', "[power] f = Pow(e, k)", "[fine] y = Relu(f)"],
        {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1]), "k": np.array(1.5, np.float32)},
    ),
    "constant-output": onnx_model(["[node] y = Relu(k)"], {"x": [2]}, {"k": weights(2)}),
    "unknown-size": one_node("Relu", ["x"], ["N", "time"]),
    "hardmax": onnx_model(["[node] y = Hardmax(x)"], {"x": [1, 2, 3, 4]}, {}, opset=23),
}


def test_every_handler_has_a_case() -> None:
    """Those that are gone before have theirs in test_qdq.py, test_move.py and the node suite."""
    gone = ("_computed", "_expanded")
    rows = {name for name, row in ONNX_OPS.items() if isinstance(row, OnnxOp) and row.handler.__name__ not in gone}
    models = [*(data for table in TABLES for data, _ in table.values()), *test_recurrent.CASES.values()]
    nodes = {node.op_type for data in models for node in onnx.load_from_string(data).graph.node}
    assert sorted(rows - nodes) == []


def test_no_op_is_both_translated_and_refused() -> None:
    assert [name for name in refuse(_REFUSALS) if isinstance(ONNX_OPS[name], OnnxOp)] == []


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_the_example_has_no_transpose_and_few_reshapes() -> None:
    graph = load_model(ROOT / "examples" / "fashion_dscnn.onnx").graph
    ops = [node.op for node in graph.nodes]
    assert "TRANSPOSE" not in ops
    assert graph.inputs[0].type.shape == (1, 28, 28, 1)
    assert ops.count("RESHAPE") <= 1


def test_the_example_answers_as_in_onnxruntime() -> None:
    model = load_model(ROOT / "examples" / "fashion_dscnn.onnx")
    images = np.load(ROOT / "examples" / "fashion_eval.npz")["x"][:8]
    shape = model.inputs[0].source_shape
    samples = [[image.reshape(shape).astype(np.float32)] for image in images]
    mine = [[np.ascontiguousarray(model.inputs[0].to_graph(image))] for (image,) in samples]
    expected = EXECUTORS["onnxruntime"].run(model.source, samples)
    assert difference(expected, EXECUTORS["litert"].run(write_tflite(model.graph), mine), 1e-5) is None


def test_layouts_spread_through_layout_free_ops() -> None:
    nodes = ["r = Relu(x)", "c = Conv(r, w)", "y = Relu(c)"]
    found = read_onnx(onnx_model(nodes, {"x": [1, 3, 7, 6]}, {"w": W}))
    assert found.inputs == found.outputs == ((0, 2, 3, 1),)
    assert [value.type.shape for value in found.graph.activations()] == [
        *((1, 7, 6, 3), (1, 7, 6, 3), (1, 5, 4, 4), (1, 5, 4, 4)),
    ]


def test_a_tensor_that_reaches_no_image_op_keeps_its_layout() -> None:
    found = read_onnx(one_node("Relu", ["x"], [1, 3, 7, 6]))
    assert found.inputs == found.outputs == ((0, 1, 2, 3),)
    assert found.graph.inputs[0].type.shape == (1, 3, 7, 6)


def test_an_unknown_batch_becomes_1() -> None:
    for batch in ("N", 0):
        assert read(one_node("Relu", ["x"], [batch, 5])).inputs[0].type.shape == (1, 5)


def test_a_constant_that_the_graph_reads_as_data_is_one() -> None:
    nodes = ["z = Relu(k)", "y = Add(x, z)"]
    graph = read(onnx_model(nodes, {"x": [1, 4]}, {"k": weights(1, 4)}))
    assert [node.op for node in graph.nodes] == ["ADD"]
    np.testing.assert_array_equal(graph.constants()[0].data, np.maximum(weights(1, 4), 0)[0])


def test_names_are_those_of_the_modules_that_own_the_weights() -> None:
    nodes = [make_node("Gemm", ["x", "block.0.weight"], ["y"], name="node_7")]
    data = onnx_model(nodes, {"x": [1, 3]}, {"block.0.weight": weights(3, 2)})
    assert read(data).nodes[0].origin == ("block.0", "node_7")


def test_reading_is_deterministic() -> None:
    data = (ROOT / "examples" / "fashion_dscnn.onnx").read_bytes()
    assert print_graph(read(data)) == print_graph(read(data))


def test_unsupported_ops_are_named_before_their_shapes() -> None:
    nodes = ["[node] i = NonZero(x)", "y = Cast<to=1>(i)"]
    with pytest.raises(UnsupportedError, match="at NonZero 'node': tflite-micro has no kernel for it"):
        read(onnx_model(nodes, {"x": [4]}, {}))


def test_an_unsupported_op_is_not_called_damage() -> None:
    """onnx infers nothing for an operator that is newer than its own tables."""
    with pytest.raises(UnsupportedError, match="at Splendid 'node': redsc does not know this operator"):
        read(one_node("Splendid", ["x"], [4]))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int8, np.int64])
def test_constants_of_other_types_become_float32(dtype: Any) -> None:
    nodes = ["v = Cast<to=1>(w)", "y = MatMul(x, v)"]
    graph = read(onnx_model(nodes, {"x": [1, 3]}, {"w": np.ones((3, 2), dtype)}))
    assert {value.type.dtype.value for value in graph.constants()} == {"f32"}


def test_weights_in_another_file_are_refused() -> None:
    model = onnx.load_from_string(GEMM)
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(UnsupportedError) as caught:
        read(model.SerializeToString())
    assert caught.value.diagnostic.code == "N404"


def test_limits_hold() -> None:
    data = GEMM
    few = Limits(nodes=0), Limits(tensors=1), Limits(rank=1), Limits(tensor_elements=5)
    for limits in (Limits(file_bytes=len(data) - 1), *few):
        with pytest.raises(LimitExceeded):
            read_onnx(data, limits)
