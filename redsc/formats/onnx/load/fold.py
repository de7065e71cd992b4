"""A checked `ModelProto` -> `OnnxModel`: the batch is bound, shapes are static, what is constant is computed.

Exporters write shapes as little programs (Shape, Gather, Concat, Reshape). With static shapes they are constants:
infer shapes, evaluate what depends on constants only with ONNX's own reference evaluator, and again until nothing
changes; then take the branches that conditions now choose, and go on. Only cheap operators are evaluated, and only
where the size of the result is known beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from redsc.errors import LimitExceeded, MalformedModel, UnsupportedError, UsageError, did_you_mean
from redsc.formats.onnx.load.branches import take_branches, untaken
from redsc.formats.onnx.load.infer import infer_shapes
from redsc.formats.onnx.load.parse import admit
from redsc.formats.onnx.nodes import OnnxModel, OnnxNode
from redsc.ir import Array, Shape
from redsc.limits import Limits

__all__ = ["fold_model"]

_FOLDABLE_NAMES = """
    Abs Add And Cast Ceil Clip Concat Constant ConstantOfShape Cos CumSum Div Equal Erf Exp Expand Flatten
    Floor Gather GatherElements GatherND Greater GreaterOrEqual Identity Less LessOrEqual Log MatMul Max Min
    Mod Mul Neg Not OneHot Or Pow QuantizeLinear Range Reciprocal ReduceMax ReduceMean ReduceMin ReduceProd
    ReduceSum Relu Reshape Round ScatterND Sign Sin Slice Split Sqrt Squeeze Sub Sum Tile Transpose Trilu
    Unsqueeze Where Xor
"""
_FOLDABLE = frozenset(_FOLDABLE_NAMES.split())
_NONE_GIVEN: Mapping[str, Shape] = MappingProxyType({})
_LOOPS = ("Erf", "GatherND", "ScatterND")  # the evaluator computes these in Python, number by number
_LOOP_WORK = 100
_WIDEST = 8  # bytes of an element
_ROUNDS = 64  # shape programs one behind the other; real exports have up to 8


def fold_model(model: Any, limits: Limits, sizes: Mapping[str, Shape] = _NONE_GIVEN) -> OnnxModel:
    """Return the model with static shapes and folded constants; `sizes` are shapes of inputs that it leaves open.

    Raises:
        UsageError: such a shape does not fit the model.
        UnsupportedError: a shape stays unknown, or which branch an If takes.
        LimitExceeded: a tensor is too large.
        MalformedModel: the shapes contradict each other.
    """
    import onnx  # slow to load, and only ONNX files need it

    _bind_inputs(model.graph, sizes)
    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    model, shapes, constants = _settle(onnx, model, opset, limits)
    while take_branches(onnx, model.graph, constants):
        model, shapes, constants = _settle(onnx, admit(onnx, model, limits), opset, limits)
    _refuse_branches(model.graph, shapes)
    _check_shapes(model.graph, shapes, constants, limits)
    return OnnxModel(
        nodes=[_node(onnx, node) for node in _needed(model.graph)],
        inputs=[item.name for item in model.graph.input if item.name not in constants],
        outputs=[item.name for item in model.graph.output],
        shapes={name: shape for name, shape in shapes.items() if all(n > 0 for n in shape)}
        | {name: array.shape for name, array in constants.items()},
        constants=constants,
        opset=opset,
        types={item.name: _type_name(onnx, item) for item in (*model.graph.input, *model.graph.output)},
    )


def _settle(onnx: Any, model: Any, opset: int, limits: Limits) -> tuple[Any, dict[str, Shape], dict[str, Array]]:
    """Return the model with all constants computed, with the shapes and the constants that are known then."""
    constants = {item.name: _array(onnx, item) for item in model.graph.initializer}
    for _ in range(_ROUNDS):
        model = infer_shapes(onnx, model)
        shapes = _known_shapes(model.graph, constants)
        folded = _fold_nodes(onnx, model, opset, shapes, constants, limits)
        if not folded:
            break
        _replace_nodes(onnx, model.graph, folded)
        constants |= folded
    return model, shapes, constants


def _bind_inputs(proto: Any, sizes: Mapping[str, Shape]) -> None:
    """Give inputs the sizes that the user names, and 1 to an unknown batch; other shapes follow from these."""
    inputs = {item.name: item for item in proto.input}
    for name, shape in sizes.items():
        if name not in inputs:
            hint = did_you_mean(name, inputs) or f"the inputs are {', '.join(inputs)}"
            raise UsageError(f"--shape {name}: there is no such input", code="U217", hint=hint)
        _bind(inputs[name], shape)
    for item in proto.input:
        dims = item.type.tensor_type.shape.dim
        if dims and dims[0].dim_value <= 0:
            dims[0].Clear()
            dims[0].dim_value = 1
    del proto.value_info[:]
    for item in proto.output:
        for dim in item.type.tensor_type.shape.dim:
            if dim.dim_value <= 0:
                dim.Clear()


def _bind(item: Any, shape: Shape) -> None:
    """Give one input its sizes; those that the file fixes must agree."""
    dims = item.type.tensor_type.shape.dim
    if len(dims) != len(shape) or any(dim.dim_value not in (0, -1, n) for dim, n in zip(dims, shape, strict=True)):
        given = _described(tuple(dim.dim_value if dim.dim_value > 0 else -1 for dim in dims))
        hint = "sizes that the file fixes cannot change, and all axes have to be named"
        raise UsageError(
            f"--shape {item.name}: {list(shape)} does not fit {given} in the file", code="U217", hint=hint
        )
    for dim, size in zip(dims, shape, strict=True):
        dim.Clear()
        dim.dim_value = size


def _known_shapes(proto: Any, constants: Mapping[str, Array]) -> dict[str, Shape]:
    """Return the shapes that inference found, -1 for an unknown dimension; tensors of unknown rank are left out."""
    shapes = {name: array.shape for name, array in constants.items()}
    for item in (*proto.input, *proto.value_info, *proto.output):
        kind = item.type.tensor_type
        if kind.HasField("shape"):
            dims = kind.shape.dim
            shapes[item.name] = tuple(max(dim.dim_value, 0) if dim.HasField("dim_value") else -1 for dim in dims)
    return shapes


def _fold_nodes(
    onnx: Any, model: Any, opset: int, shapes: Mapping[str, Shape], constants: Mapping[str, Array], limits: Limits
) -> dict[str, Array]:
    """Return the constants that the graph's nodes make of constants and of static shapes."""
    known, folded, work, nbytes = dict(constants), dict[str, Array](), 0, 0
    for node in model.graph.node:
        operands = [known.get(name) for name in node.input]
        if node.op_type in _SHAPE_OPS and _is_static(node.input[0], shapes):
            found = [_SHAPE_OPS[node.op_type](shapes[node.input[0]], _attributes(onnx, node))]
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


def _is_static(name: str, shapes: Mapping[str, Shape]) -> bool:
    return name in shapes and all(n > 0 for n in shapes[name])


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
        (value,) = _attributes(onnx, node).values()
        return [_typed(value)]
    feeds = {name: array for name, array in zip(node.input, inputs, strict=True) if array is not None}
    ports = [[onnx.ValueInfoProto(name=name) for name in names if name] for names in (feeds, node.output)]
    graph = onnx.helper.make_graph([node], "node", *ports)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    with np.errstate(all="ignore"):
        found = [*ReferenceEvaluator(model).run(None, feeds)]
    return [np.asarray(array) for array in found]


def _type_name(onnx: Any, item: Any) -> str:
    return str(onnx.helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type).name)


def _typed(value: Any) -> Array:
    """Return the array of a Constant's attribute: floats are float32 and ints int64 (onnx, operator Constant)."""
    if isinstance(value, np.ndarray):
        return value
    first = value[0] if isinstance(value, list) and value else value
    return np.array(value, np.float32 if isinstance(first, float) else np.int64)


def _replace_nodes(onnx: Any, proto: Any, folded: Mapping[str, Array]) -> None:
    """Turn folded nodes into initializers, whose values the next shape inference sees."""
    kept = [node for node in proto.node if not all(name in folded for name in node.output if name)]
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del proto.node[:]
    proto.node.extend(copies)
    proto.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in folded.items())
    del proto.value_info[:]


def _needed(proto: Any) -> list[Any]:
    """Return the nodes that an output depends on."""
    wanted, found = {item.name for item in proto.output}, []
    for node in reversed(proto.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            found.append(node)
    return found[::-1]


def _refuse_branches(proto: Any, shapes: Mapping[str, Shape]) -> None:
    """Refuse every If that is left: its condition is not known."""
    if problems := [f"at If {node.name!r}: {reason}" for node, reason in untaken(proto)]:
        raise UnsupportedError(
            f"redsc does not know which branch {len(problems)} If node(s) take",
            evidence=problems,
            hint=_open_sizes(proto.input, shapes) or "a condition must follow from constants and sizes of inputs",
        )


def _check_shapes(proto: Any, shapes: Mapping[str, Shape], constants: Mapping[str, Array], limits: Limits) -> None:
    """Check that every tensor that is read or made has a static shape of legal size."""
    made = [item.name for item in (*proto.input, *proto.output)]
    made += [name for node in _needed(proto) for name in (*node.input, *node.output) if name]
    names = [name for name in dict.fromkeys(made) if name not in constants]
    unknown = [name for name in names if not _is_static(name, shapes)]
    if unknown:
        is_empty = 0 in shapes.get(unknown[0], ()) and -1 not in shapes[unknown[0]]
        raise UnsupportedError(
            f"the tensor {unknown[0]!r} is empty" if is_empty else f"the shape of {unknown[0]!r} is not static",
            code="N403",
            evidence=[f"at {name!r}: {_described(shapes.get(name))}" for name in unknown[:8]],
            hint=_open_sizes(proto.input, shapes)
            or "only sizes of inputs may be unknown: export the model with fixed sizes",
        )
    for name in names:
        if len(shapes[name]) > limits.rank or prod(shapes[name]) > limits.tensor_elements:
            raise LimitExceeded(f"tensor {name!r} has the shape {list(shapes[name])}")


def _open_sizes(inputs: Iterable[Any], shapes: Mapping[str, Shape]) -> str | None:
    """Return what to do about the first input whose sizes the file leaves open, None where there is none."""
    for item in inputs:
        if -1 in shapes.get(item.name, ()):
            sizes = ",".join("SIZE" if n < 0 else str(n) for n in shapes[item.name])
            return f"say which with --shape {item.name}={sizes}"
    return None


def _described(shape: Shape | None) -> str:
    return "unknown rank" if shape is None else str(["?" if n < 0 else n for n in shape])


def _node(onnx: Any, node: Any) -> OnnxNode:
    return OnnxNode(
        op=node.op_type,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=_attributes(onnx, node),
        name=node.name,
        domain=node.domain,
    )


def _attributes(onnx: Any, node: Any) -> dict[str, Any]:
    return {item.name: _attribute(onnx, item) for item in node.attribute}


def _attribute(onnx: Any, item: Any) -> Any:
    """Return an attribute as plain data: text is decoded, tensors are arrays."""
    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if item.type == onnx.AttributeProto.TENSOR:
        return _array(onnx, value)
    if item.type == onnx.AttributeProto.STRINGS:
        return [text.decode("utf-8", "replace") for text in value]
    return list(value) if item.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS) else value


def _array(onnx: Any, item: Any) -> Array:
    if item.data_location:
        raise MalformedModel(f"the data of {item.name!r} are in another file")
    array: Array = onnx.numpy_helper.to_array(item)
    return array
