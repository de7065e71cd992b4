"""The engine's table: which calls make the outputs of a node, or why there is no kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from redsc.choices import Kernels
from redsc.engine.call import Call, Emit
from redsc.engine.compute.lookup import look_up_in_operand
from redsc.engine.compute.rows import COMPUTE
from redsc.engine.linear.rows import LINEAR
from redsc.engine.move.rows import MOVE
from redsc.engine.shared import Shared, find_shared
from redsc.errors import UnsupportedError
from redsc.formats.tables import CannotTranslate, Refusal
from redsc.ir import FRONT_END_OPS, LOOKUP, Graph, Node

__all__ = ["ENGINE", "emit_calls", "emit_levels", "refusals"]

_OF_TFLM = Refusal("only tflite-micro has a kernel for its audio front end")

ENGINE: Mapping[str, Emit | Refusal] = {
    **COMPUTE,
    **MOVE,
    LOOKUP: look_up_in_operand,
    **dict.fromkeys(FRONT_END_OPS, _OF_TFLM),
}
"""By op; those of `LINEAR` have weights that levels share, and are told of them."""
_UNKNOWN = Refusal("the engine does not know it")


def emit_calls(node: Node, shared: Shared, kernels: Kernels) -> tuple[Call, ...]:
    """Return the calls that make the outputs of a node.

    Raises:
        CannotTranslate: there is no kernel for it; the text says why.
    """
    linear = LINEAR.get(node.op)
    if linear is not None:
        return tuple(linear(node, shared, kernels))
    row = ENGINE.get(node.op, _UNKNOWN)
    if isinstance(row, Refusal):
        raise CannotTranslate(row.reason)
    return tuple(row(node))


def emit_levels(graphs: Sequence[Graph], kernels: Kernels) -> list[list[tuple[Node, Call]]]:
    """Return the calls of every level, the largest first, with the nodes whose outputs they make.

    Raises:
        CannotTranslate: there is no kernel for a node.
    """
    shared = find_shared(graphs)
    return [
        [(node, call) for node in graph.nodes for call in emit_calls(node, shared, kernels)] for graph in graphs
    ]


def refusals(graphs: Sequence[Graph], kernels: Kernels) -> UnsupportedError | None:
    """Return the error that names every node without a kernel, each once; None where all have one."""
    shared, found = find_shared(graphs), dict[str, None]()
    for graph in graphs:
        for node in graph.nodes:
            try:
                emit_calls(node, shared, kernels)
            except CannotTranslate as reason:
                found[f"{node.op} {node.name!r}: {reason}"] = None
    if not found:
        return None
    message = f"the C engine has no kernel for {len(found)} operator(s)"
    hint = "leave out --backend c: TensorFlow Lite Micro has kernels for all that redsc reads"
    return UnsupportedError(message, code="N411", evidence=list(found), hint=hint)
