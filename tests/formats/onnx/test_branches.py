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
from tests.formats.onnx.models import Case, check_answers, check_case, ints, make_node, onnx_model, ops, weights

X = {"x": [1, 4]}
RANK = [  # is `x` of rank 2? As PyTorch asks
    make_node("Shape", ["x"], ["s"]),
    make_node("Size", ["s"], ["n"]),
    make_node("Equal", ["n", "two"], ["is_matrix"]),
]
CONSTANTS = {"two": np.array(2), "three": np.array(3)}


def branch(nodes: Sequence[Any], outputs: Sequence[str], constants: dict[str, Array] | None = None) -> Any:
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    tensors = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    return helper.make_graph(list(nodes), "branch", [], results, tensors)


def chosen(condition: str, then: Any, other: Any, outputs: Sequence[str] = ("y",), name: str = "choice") -> Any:
    return make_node("If", [condition], list(outputs), name=name, then_branch=then, else_branch=other)


def model(*nodes: Any, **fields: Any) -> bytes:
    constants = CONSTANTS | fields.pop("constants", {})
    return onnx_model([*RANK, *nodes], X, constants, **fields)


def once(op: str, *inputs: str, output: str = "b") -> Any:
    return branch([make_node(op, list(inputs), [output])], [output])


_NESTED = branch(
    [chosen("is_matrix", once("Relu", "inner"), once("Sigmoid", "inner"), ["deep"], name="inside")], ["deep"]
)
_NESTED.node.insert(0, make_node("Mul", ["x", "x"], ["inner"]))
_TWO = [
    chosen("is_matrix", once("Relu", "x"), once("Sigmoid", "x"), ["r"], name="first"),
    chosen("is_matrix", once("Tanh", "r"), once("Sigmoid", "r"), ["y"], name="second"),
]
_WITH_WEIGHTS = branch([make_node("Gemm", ["x", "w"], ["b"])], ["b"], {"w": weights(4, 3)})

CASES: dict[str, Case] = {
    "then": (model(chosen("is_matrix", once("Relu", "x"), once("Tanh", "x"))), "RELU"),
    "else": (
        model(
            make_node("Equal", ["n", "three"], ["is_cube"]),
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
            make_node("Gemm", ["x", "w"], ["z"]),
            chosen("is_matrix", _WITH_WEIGHTS, once("Tanh", "x"), ["q"]),
            make_node("Concat", ["z", "q"], ["y"], axis=1),
            constants={"w": weights(4, 2)},
        ),
        "FULLY_CONNECTED FULLY_CONNECTED CONCATENATION",
    ),
    "two with the same names inside": (model(*_TWO), "RELU TANH"),
    "one inside another": (model(chosen("is_matrix", _NESTED, once("Tanh", "x"))), "MUL RELU"),
    "a branch that only passes on": (
        model(
            chosen("is_matrix", once("Identity", "x"), once("Relu", "x"), ["p"]),
            make_node("Relu", ["p"], ["y"]),
        ),
        "RELU",
    ),
    "two outputs": (
        model(
            chosen(
                "is_matrix",
                branch([make_node("Relu", ["x"], ["a"]), make_node("Tanh", ["x"], ["b"])], ["a", "b"]),
                branch([make_node("Tanh", ["x"], ["a"])], ["a", "a"]),
                ["p", "q"],
            ),
            make_node("Add", ["p", "q"], ["y"]),
        ),
        "RELU TANH ADD",
    ),
    "nobody asks what the other branch does": (
        model(
            chosen(
                "is_matrix",
                once("Relu", "x"),
                branch(
                    [make_node("NonZero", ["x"], ["a"]), make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT)],
                    ["b"],
                ),
            )
        ),
        "RELU",
    ),
    "sizes that follow from the branch": (
        model(
            chosen("is_matrix", once("Relu", "x"), once("Tanh", "x"), ["p"]),
            make_node("Shape", ["p"], ["sizes"]),
            make_node("Gather", ["sizes", "one"], ["width"]),
            make_node("Equal", ["width", "three"], ["is_narrow"]),
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
                make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
                make_node("Greater", ["sum", "zero"], ["is_loud"]),
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
        make_node("Shape", ["x"], ["s"]),
        make_node("Gather", ["s", "axis"], ["n"], axis=0),
        make_node("Equal", ["n", "two"], ["is_narrow"]),
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
    nodes = [
        make_node("Mul", ["rate", "factor"], ["product"]),
        make_node("Cast", ["product"], ["real"], to=TensorProto.FLOAT),
        make_node("Add", ["x", "real"], ["y"]),
    ]
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
    proto.graph.node.insert(0, make_node("Constant", [], ["other"], value_int=0))
    del proto.graph.initializer[:]
    assert ops(read_onnx(proto.SerializeToString()).graph) == "ADD"


def test_an_integer_input_that_nothing_reads_is_none() -> None:
    proto = load_model_from_string(onnx_model([make_node("Relu", ["x"], ["y"])], X | {"rate": [1]}, {}))
    proto.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    found = read_onnx(proto.SerializeToString())
    assert [value.name for value in found.graph.inputs] == ["x"]
    check_answers(onnx_model([make_node("Relu", ["x"], ["y"])], X, {}), found)
