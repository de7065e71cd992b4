"""Find what lies inside functions of one tensor that become a table: it needs no int8 form."""

from __future__ import annotations

from collections.abc import Collection

from redsc.ir import DType, Graph, Node, Value, op_def
from redsc.ir.rules import InPlace
from redsc.passes.quantize.int8 import why_not_int8

__all__ = ["MOST_OPS", "inner_values"]

MOST_OPS = 64  # of one table; GELU has 22


def inner_values(graph: Graph, keep_float: Collection[str] = ()) -> set[str]:
    """Return the names of values inside functions of one tensor, of which a part has no int8 kernel.

    A table holds the results of such a function. Rounding to int8 inside of it would lose bits, and split it.

    1. A function reads one tensor, element by element, and otherwise constants of one element.
    2. A value is inside where all that reads it is inside as well, or a result behind an op without an int8 kernel.
    3. What is read elsewhere, is a graph output, is assigned to a variable or carries a quantisation is a result.
    4. Nothing is inside a function of more than 64 ops, or one that reads its tensor and a result of it.
    """
    roots, odd = _functions(graph, keep_float)
    inner = set[Value]()
    for value in reversed(list(roots)):
        results = [result for use in value.uses for result in use.node.outputs]
        reaches = all(roots.get(item) is roots[value] and (item in inner or item in odd) for item in results)
        is_kept = graph.is_output(value) or any(not use.node.outputs for use in value.uses)
        if reaches and results and not is_kept and value.type.quant is None:
            inner.add(value)
    for value in roots:
        inside, sources = _inside(value, inner)
        if value not in inner and (len(sources) > 1 or len(inside) >= MOST_OPS):
            inner -= inside
    return {value.name for value in inner}


def _functions(graph: Graph, keep_float: Collection[str]) -> tuple[dict[Value, Value], set[Value]]:
    """Return the tensor of which a value is a function, and the values behind an op without an int8 kernel."""
    roots, odd = dict[Value, Value](), set[Value]()
    for node in graph.nodes:
        read = [value for value in node.present_inputs() if not value.is_constant]
        found = {roots.get(value, value) for value in read}
        if len(found) != 1 or not node.outputs or not _is_elementwise(node) or node.name in keep_float:
            continue
        result = node.outputs[0]
        (roots[result],) = found
        if why_not_int8(node) or odd.intersection(read):
            odd.add(result)
    return roots, odd


def _is_elementwise(node: Node) -> bool:
    """Whether a node makes every element of the same element of its operands, and of single numbers."""
    shape = node.outputs[0].type.shape
    fits = all(
        value.type.dtype is DType.FLOAT32
        and (value.type.elements == 1 if value.is_constant else value.type.shape == shape)
        for value in (*node.present_inputs(), *node.outputs)
    )
    return fits and isinstance(op_def(node.op).alias, InPlace)


def _inside(value: Value, inner: set[Value]) -> tuple[set[Value], set[Value]]:
    """Return the inner values behind a value, and what they read that is not inside."""
    inside, sources, left = set[Value](), set[Value](), [value]
    while left:
        node = left.pop().producer
        for operand in () if node is None else node.present_inputs():
            if operand in inner and operand not in inside:
                inside.add(operand)
                left.append(operand)
            elif not operand.is_constant and operand not in inner:
                sources.add(operand)
    return inside, sources
