"""Shape inference by onnx, around what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from redsc.errors import MalformedModel
from redsc.formats.onnx.protobuf import copy_of

__all__ = ["around_slices", "infer_shapes"]

# Their output is as their input. onnx infers nothing for the first from opset 21 on, and stops at the second: it is
# strict with the function that defines it.
_UNTYPED = ("GroupNormalization", "MeanVarianceNormalization")
_HIDDEN = "redsc.hidden"  # a domain of which onnx knows nothing
_SLICES = 64  # one after the other


def infer_shapes(onnx: Any, model: Any, *, is_strict: bool = True) -> Any:
    """Return the model with the types of its tensors, and CastLike as the Cast that it is among them.

    Nothing is said of what an If gives: the branch that it does not take need not even be sound. What is wrong
    stays without a type where it is not strict, else it is an error of onnx's.
    """
    untyped = {index: node for index, node in enumerate(model.graph.node) if node.op_type in _UNTYPED}
    originals = {index: copy_of(node) for index, node in untyped.items()}
    for node in untyped.values():
        node.op_type = "Identity"
        del node.attribute[:], node.input[1:]
    branching = [index for index, node in enumerate(model.graph.node) if node.op_type == "If"]
    for index in branching:
        model.graph.node[index].domain = _HIDDEN
    model = _infer_around_slices(onnx, model, is_strict)
    for index in branching:
        model.graph.node[index].domain = ""
    for index, node in originals.items():
        model.graph.node[index].CopyFrom(node)
    _resolve_casts(onnx, model.graph)
    return model


def _resolve_casts(onnx: Any, graph: Any) -> None:
    """Make a Cast of every CastLike whose type is known."""
    typed = (*graph.input, *graph.value_info, *graph.output)
    types = {item.name: item.type.tensor_type.elem_type for item in typed}
    types |= {item.name: item.data_type for item in graph.initializer}
    for node in graph.node:
        if node.op_type == "CastLike" and len(node.input) == 2 and types.get(node.input[1]):
            node.op_type = "Cast"
            node.attribute.append(onnx.helper.make_attribute("to", types[node.input.pop()]))


def _infer_around_slices(onnx: Any, model: Any, is_strict: bool) -> Any:
    """Return the model with inferred shapes; onnx sees a Slice only once the sizes of its data are known and sound.

    Values are not propagated (`data_prop`): onnx makes a list as long as a vector that it sees, and 2^28 zeros take
    ten bytes of a file. What depends on values is folded, and inferred in the next round.

    It infers sizes below zero where a padding is longer than an image, and then its rule for Slice ends the process
    (a failed std::clamp, onnx 1.23).
    """
    slices = {index: node.input[0] for index, node in enumerate(model.graph.node) if node.op_type == "Slice"}
    sound = _sound_tensors(model.graph)
    hidden = [index for index, name in slices.items() if name not in sound]
    model.opset_import.append(onnx.helper.make_opsetid(_HIDDEN, 1))
    for _ in range(_SLICES):
        for index in hidden:
            model.graph.node[index].domain = _HIDDEN
        model = onnx.shape_inference.infer_shapes(model, strict_mode=is_strict)
        for index in hidden:
            model.graph.node[index].domain = ""
        sound = _sound_tensors(model.graph)
        left = [index for index in hidden if slices[index] not in sound]
        if left == hidden:
            break
        hidden = left
    model.opset_import.pop()
    return model


def around_slices(onnx: Any, model: Any, apply: Callable[[Any], Any]) -> Any:
    """Return what `apply` makes of a model, of whose Slices it sees none.

    Raises:
        MalformedModel: a tensor has a size below zero, which the Slices of functions would end the process with.
    """
    for item in model.graph.value_info:
        if any(dim.dim_value < 0 for dim in item.type.tensor_type.shape.dim):
            raise MalformedModel(f"tensor {item.name!r} has a size below zero")
    _move_slices(model, ("", "ai.onnx"), _HIDDEN)
    model.opset_import.append(onnx.helper.make_opsetid(_HIDDEN, 1))
    found = apply(model)
    _move_slices(found, (_HIDDEN,), "")
    kept = [item for item in found.opset_import if item.domain != _HIDDEN]
    del found.opset_import[:]
    found.opset_import.extend(kept)
    return found


def _move_slices(model: Any, domains: Sequence[str], other: str) -> None:
    for node in model.graph.node:
        if node.op_type == "Slice" and node.domain in domains:
            node.domain = other


def _sound_tensors(proto: Any) -> set[str]:
    """Return the tensors of which every size is known and none is negative."""
    sound = {item.name for item in proto.initializer}
    for item in (*proto.input, *proto.value_info, *proto.output):
        kind = item.type.tensor_type
        sizes = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim]
        if kind.HasField("shape") and min(sizes, default=0) >= 0:
            sound.add(item.name)
    return sound
