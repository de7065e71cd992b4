"""What protobuf makes long: numbers of the schema, plain data of messages, other nodes in a graph."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from redsc.errors import MalformedModel
from redsc.ir import Array

__all__ = ["DataType", "array_of", "attributes_of", "copy_of", "dtype_name", "set_nodes"]


class DataType(IntEnum):
    """Element types: TensorProto.DataType of onnx.proto, as far as redsc reads them."""

    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    INT32 = 6
    INT64 = 7
    BOOL = 9


def copy_of(node: Any) -> Any:
    """Return a copy of a message that belongs to no other."""
    return type(node).FromString(node.SerializeToString())


def set_nodes(graph: Any, nodes: Iterable[Any]) -> None:
    """Give a graph other nodes; some of them may be its own."""
    copies = [copy_of(node) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def dtype_name(onnx: Any, item: Any) -> str:
    """Return the element type of an input or output, as numpy names it."""
    return str(onnx.helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type).name)


def attributes_of(onnx: Any, node: Any) -> dict[str, Any]:
    """Return a node's attributes by name, as `OnnxNode` has them."""
    return {item.name: _attribute(onnx, item) for item in node.attribute}


def _attribute(onnx: Any, item: Any) -> Any:
    """Return an attribute as plain data: text is decoded, tensors are arrays."""
    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if item.type == onnx.AttributeProto.TENSOR:
        return array_of(onnx, value)
    if item.type == onnx.AttributeProto.STRINGS:
        return [text.decode("utf-8", "replace") for text in value]
    return list(value) if item.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS) else value


def array_of(onnx: Any, item: Any) -> Array:
    """Return the numbers of a `TensorProto`.

    Raises:
        MalformedModel: they are in another file.
    """
    if item.data_location:
        raise MalformedModel(f"the data of {item.name!r} are in another file")
    array: Array = onnx.numpy_helper.to_array(item)
    return array
