"""`If` of ONNX: the branch that a constant condition takes stands in its place; and inputs that change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, load_model_from_string, numpy_helper

from redsc.errors import MalformedModel, UnsupportedError
from redsc.formats.onnx.reader import read_onnx
from redsc.ir import Array
from tests.formats.onnx.models import (
    Case,
    Node,
    check_answers,
    check_case,
    ints,
    make_node,
    onnx_model,
    ops,
    parsed,
    weights,
)

X = {"x": [1, 4]}
RANK = [  # is `x` of rank 2? As PyTorch asks
    "s = Shape(x)",
    "n = Size(s)",
    "is_matrix = Equal(n, two)",
]
CONSTANTS = {"two": np.array(2), "three": np.array(3)}


def branch(nodes: Sequence[Node], outputs: Sequence[str], constants: dict[str, Array] | None = None) -> Any:
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    tensors = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    return helper.make_graph(parsed(nodes), "branch", [], results, tensors)


def chosen(condition: str, then: Any, other: Any, outputs: Sequence[str] = ("y",), name: str = "choice") -> Any:
    return make_node("If", [condition], [*outputs], name=name, then_branch=then, else_branch=other)


def model(*nodes: Any, **fields: Any) -> bytes:
    constants = CONSTANTS | fields.pop("constants", {})
    return onnx_model([*RANK, *nodes], X, constants, **fields)


def once(op: str, *inputs: str, output: str = "b") -> Any:
    return branch([f"{output} = {op}({', '.join(inputs)})"], [output])


_NESTED = branch(
    [chosen("is_matrix", once("Relu", "inner"), once("Sigmoid", "inner"), ["deep"], name="inside")], ["deep"]
)
_NESTED.node.insert(0, *parsed(["inner = Mul(x, x)"]))
_TWO = [
    chosen("is_matrix", once("Relu", "x"), once("Sigmoid", "x"), ["r"], name="first"),
    chosen("is_matrix", once("Tanh", "r"), once("Sigmoid", "r"), ["y"], name="second"),
]
_WITH_WEIGHTS = branch(["b = Gemm(x, w)"], ["b"], {"w": weights(4, 3)})

CASES: dict[str, Case] = {
    "then": (model(chosen("is_matrix", once("Relu", "x"), once("Tanh", "x"))), "RELU"),
    "else": (
        model(
            "is_cube = Equal(n, three)",
            chosen("is_cube", once("Relu", "x"), once("Tanh", "x")),
        ),
        "TANH",
    ),
    "a constant of the file": (
        model(chosen("yes", once("Relu", "x"), once("Tanh", "x")), constants={"yes": np.array([True])}),
        "RELU",
    ),
    "weights inside": (model(chosen("is_matrix", _WITH_WEIGHTS, once("Tanh", "x"))), "FULLY_CONNECTED"),
    "weights of that name outside": (
        model(
            "z = Gemm(x, w)",
            chosen("is_matrix", _WITH_WEIGHTS, once("Tanh", "x"), ["q"]),
            "y = Concat<axis=1>(z, q)",
            constants={"w": weights(4, 2)},
        ),
        "FULLY_CONNECTED FULLY_CONNECTED CONCATENATION",
    ),
    "two with the same names inside": (model(*_TWO), "RELU TANH"),
    "one inside another": (model(chosen("is_matrix", _NESTED, once("Tanh", "x"))), "MUL RELU"),
    "a branch that only passes on": (
        model(
            chosen("is_matrix", once("Identity", "x"), once("Relu", "x"), ["p"]),
            "y = Relu(p)",
        ),
        "RELU",
    ),
    "two outputs": (
        model(
            chosen(
                "is_matrix",
                branch(["a = Relu(x)", "b = Tanh(x)"], ["a", "b"]),
                branch(["a = Tanh(x)"], ["a", "a"]),
                ["p", "q"],
            ),
            "y = Add(p, q)",
        ),
        "RELU TANH ADD",
    ),
    "nobody asks what the other branch does": (
        model(
            chosen(
                "is_matrix",
                once("Relu", "x"),
                branch(["a = NonZero(x)", "b = Cast<to=1>(a)"], ["b"]),
            )
        ),
        "RELU",
    ),
    "sizes that follow from the branch": (
        model(
            chosen("is_matrix", once("Relu", "x"), once("Tanh", "x"), ["p"]),
            "sizes = Shape(p)",
            "width = Gather(sizes, one)",
            "is_narrow = Equal(width, three)",
            chosen("is_narrow", once("Relu", "p"), once("Tanh", "p"), name="second"),
            constants={"one": ints(1)},
        ),
        "RELU TANH",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_branch_is_taken(name: str) -> None:
    check_case(CASES[name])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            model(
                "sum = ReduceSum<keepdims=0>(x)",
                "is_loud = Greater(sum, zero)",
                chosen("is_loud", once("Relu", "x"), once("Tanh", "x")),
                constants={"zero": np.array(0, np.float32)},
            ),
            "at If 'choice': its condition is computed from 'x'",
        ),
        (
            model(chosen("is_matrix", once("NonZero", "x"), once("Tanh", "x"))),
            "at NonZero 'b': tflite-micro has no kernel for it",
        ),
    ],
)
def test_what_is_not_known_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read_onnx(data)
    assert caught.value.diagnostic.evidence == (problem,)


def test_open_sizes_are_asked_for() -> None:
    nodes = [
        "s = Shape(x)",
        "n = Gather<axis=0>(s, axis)",
        "is_narrow = Equal(n, two)",
        chosen("is_narrow", once("Relu", "x"), once("Tanh", "x")),
    ]
    data = onnx_model(nodes, {"x": [1, "width"]}, CONSTANTS | {"axis": np.array(1)})
    with pytest.raises(UnsupportedError) as caught:
        read_onnx(data)
    assert caught.value.diagnostic.hint == "say which with --shape x=1,SIZE"
    assert ops(read_onnx(data, shapes={"x": (1, 2)}).graph) == "RELU"


def _broken(change: str) -> bytes:
    proto = load_model_from_string(CASES["then"][0])
    node = proto.graph.node[-1]
    if change == "no branch":
        node.attribute.remove(next(item for item in node.attribute if item.name == "then_branch"))
    elif change == "no outputs":
        del node.attribute[0].g.output[:]
        del node.attribute[1].g.output[:]
    elif change == "an unknown name":
        for item in node.attribute:
            item.g.node[0].input[0] = "nobody"
    else:
        numbers = next(item for item in proto.graph.initializer if item.name == "two")
        numbers.CopyFrom(numpy_helper.from_array(ints(2, 2), "two"))
    return bytes(proto.SerializeToString())


@pytest.mark.parametrize("change", ["no branch", "no outputs", "an unknown name", "two conditions"])
def test_a_damaged_branch_is_malformed(change: str) -> None:
    with pytest.raises(MalformedModel):
        read_onnx(_broken(change))


def _with_rate(factor: int, kind: int = TensorProto.INT64) -> bytes:
    """A model that adds `rate * factor` to its input."""
    nodes = ["product = Mul(rate, factor)", "real = Cast<to=1>(product)", "y = Add(x, real)"]
    proto = load_model_from_string(onnx_model(nodes, X | {"rate": []}, {"factor": np.array(factor)}))
    proto.graph.input[1].type.tensor_type.elem_type = kind
    return bytes(proto.SerializeToString())


def test_an_integer_input_that_is_multiplied_by_0_is_none() -> None:
    graph = read_onnx(_with_rate(0)).graph
    assert [value.name for value in graph.inputs] == ["x"]
    assert ops(graph) == "ADD"
    for other in (_with_rate(2), _with_rate(0, TensorProto.DOUBLE)):
        with pytest.raises(UnsupportedError, match=r"it is no float32 but element type"):
            read_onnx(other)


def test_constants_of_every_kind_may_stand_beside_such_an_input() -> None:
    proto = load_model_from_string(_with_rate(0))
    proto.graph.node.insert(0, make_node("Constant", [], ["factor"], value=numpy_helper.from_array(np.array(0))))
    proto.graph.node.insert(0, *parsed(["other = Constant<value_int=0>()"]))
    del proto.graph.initializer[:]
    assert ops(read_onnx(proto.SerializeToString()).graph) == "ADD"


def test_an_integer_input_that_nothing_reads_is_none() -> None:
    proto = load_model_from_string(onnx_model(["y = Relu(x)"], X | {"rate": [1]}, {}))
    proto.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    found = read_onnx(proto.SerializeToString())
    assert [value.name for value in found.graph.inputs] == ["x"]
    check_answers(onnx_model(["y = Relu(x)"], X, {}), found)
