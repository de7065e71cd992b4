"""Compute nodes whose operands are constants, by ONNX's own reference evaluator.

Only cheap operators are evaluated, and only where the size of the result is known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

import numpy as np

from redsc.errors import LimitExceeded
from redsc.formats.onnx.protobuf import attributes_of
from redsc.ir import Array, Shape
from redsc.limits import Limits

__all__ = ["fold_nodes", "is_static"]

_FOLDABLE_NAMES = """
    Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape Cos CumSum Div Equal Erf Exp Expand Flatten
    Floor Gather GatherElements GatherND Greater GreaterOrEqual Identity Less LessOrEqual Log MatMul Max Min
    Mod Mul Neg Not OneHot Or Pow QuantizeLinear Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum Relu Reshape Round ScatterND Sign Sin Slice Split Sqrt Squeeze Sub Sum Tile Transpose Trilu
    Unsqueeze Where Xor
"""
_FOLDABLE = frozenset(_FOLDABLE_NAMES.split())
_LOOPS = ("Erf", "GatherND", "ScatterND")  # the evaluator computes these in Python, number by number
_LOOP_WORK = 100  # times that of numpy, for each number
_WIDEST = 8  # bytes of an element


def is_static(name: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether every size of a tensor is known, and it has elements."""
    return name in shapes and all(n > 0 for n in shapes[name])


def fold_nodes(
    onnx: Any, model: Any, opset: int, shapes: Mapping[str, Shape], constants: Mapping[str, Array], limits: Limits
) -> dict[str, Array]:
    """Return the constants that the graph's nodes make of constants and of static shapes, by name.

    Raises:
        LimitExceeded: they are too large, or would take too long.
    """
    known, folded, work, nbytes = dict(constants), dict[str, Array](), 0, 0
    for node in model.graph.node:
        operands = [known.get(name) for name in node.input]
        if node.op_type in _SHAPE_OPS and is_static(node.input[0], shapes):
            found = [_SHAPE_OPS[node.op_type](shapes[node.input[0]], attributes_of(onnx, node))]
        elif _can_fold(node, known, shapes, limits):
            work += _work(node, operands, shapes)
            _check_folded(work, nbytes, limits)
            found = _evaluate(onnx, node, operands, opset)
        else:
            continue
        known |= zip(node.output, found, strict=False)
        folded |= zip(node.output, found, strict=False)
        nbytes += sum(array.nbytes for array in found)
        _check_folded(work, nbytes, limits)
    return folded


def _check_folded(work: int, nbytes: int, limits: Limits) -> None:
    if work > limits.folded_work or nbytes > limits.folded_bytes:
        raise LimitExceeded("the constants that the model computes are too large")


def _work(node: Any, operands: Iterable[Array | None], shapes: Mapping[str, Shape]) -> int:
    """Return about how many numbers ONNX's evaluator reads and makes for a node."""
    read = [array for array in operands if array is not None]
    made = sum(prod(shapes[name]) for name in node.output if name in shapes)
    if node.op_type == "MatMul" and read and read[0].ndim:
        made *= read[0].shape[-1]
    return (sum(array.size for array in read) + made) * (_LOOP_WORK if node.op_type in _LOOPS else 1)


def _shape_of(shape: Shape, attributes: Mapping[str, Any]) -> Array:
    return np.array(shape[attributes.get("start", 0) : attributes.get("end", len(shape))], np.int64)


def _size_of(shape: Shape, _attributes: Mapping[str, Any]) -> Array:
    return np.array(prod(shape), np.int64)


_SHAPE_OPS = {"Shape": _shape_of, "Size": _size_of}


def _can_fold(node: Any, known: Mapping[str, Array], shapes: Mapping[str, Shape], limits: Limits) -> bool:
    constant = all(name in known for name in node.input if name)
    small = all(_is_small(name, shapes, limits) for name in node.output if name)
    return node.op_type in _FOLDABLE and not node.domain and constant and small


def _is_small(name: str, shapes: Mapping[str, Shape], limits: Limits) -> bool:
    shape = shapes.get(name, (-1,))
    return all(n >= 0 for n in shape) and _WIDEST * prod(shape) <= limits.folded_bytes


def _evaluate(onnx: Any, node: Any, inputs: Iterable[Array | None], opset: int) -> list[Array]:
    """Return what a node makes of constants; a model around it tells the evaluator the operator's version."""
    from onnx.reference import ReferenceEvaluator

    if node.op_type == "Constant":
        (value,) = attributes_of(onnx, node).values()
        return [_typed(value)]
    feeds = {name: array for name, array in zip(node.input, inputs, strict=True) if array is not None}
    ports = [[onnx.ValueInfoProto(name=name) for name in names if name] for names in (feeds, node.output)]
    graph = onnx.helper.make_graph([node], "node", *ports)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    with np.errstate(all="ignore"):
        found = [*ReferenceEvaluator(model).run(None, feeds)]
    return [np.asarray(array) for array in found]


def _typed(value: Any) -> Array:
    """Return the array of a Constant's attribute: floats are float32 and ints int64 (onnx, operator Constant)."""
    if isinstance(value, np.ndarray):
        return value
    first = value[0] if isinstance(value, list) and value else value
    return np.array(value, np.float32 if isinstance(first, float) else np.int64)
