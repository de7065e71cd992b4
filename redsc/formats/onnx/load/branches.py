"""`If` of ONNX: where its condition is constant, the branch that it takes stands in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from redsc.errors import MalformedModel
from redsc.formats.onnx.protobuf import copy_of, set_nodes
from redsc.ir import Array

__all__ = ["all_graphs", "names_read", "needed_nodes", "take_branches", "untaken"]

_BRANCHES = {True: "then_branch", False: "else_branch"}


def all_graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and the graphs inside it."""
    yield graph
    for node in graph.node:
        for inner in _inner_graphs(node):
            yield from all_graphs(inner)


def _inner_graphs(node: Any) -> list[Any]:
    return [graph for item in node.attribute for graph in (item.g, *item.graphs) if graph.ByteSize()]


def names_read(node: Any) -> set[str]:
    """Return the tensors that a node reads, also those that graphs inside it take from around them."""
    inner = (name for graph in _inner_graphs(node) for name in _names_taken(graph))
    return {*node.input, *inner} - {""}


def _names_taken(graph: Any) -> set[str]:
    read = {item.name for item in graph.output}.union(*map(names_read, graph.node))
    return read - _names_made(graph)


def _names_made(graph: Any) -> set[str]:
    made = {item.name for item in (*graph.input, *graph.initializer)}
    return made.union(*(node.output for node in graph.node))


def needed_nodes(graph: Any) -> list[Any]:
    """Return the nodes that an output depends on, in their order."""
    wanted, found = {item.name for item in graph.output}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= names_read(node)
            found.append(node)
    return found[::-1]


def untaken(graph: Any) -> Iterator[tuple[Any, str]]:
    """Yield the Ifs that are left, each with the reason."""
    makers = {name: node for node in graph.node for name in node.output}
    inputs = {item.name for item in graph.input}
    for node in graph.node:
        if node.op_type == "If":
            waiting, seen = [*node.input], set[str]()
            while waiting:
                name = waiting.pop()
                new = names_read(makers[name]) - seen if name in makers else set()
                seen |= {name, *new}
                waiting += new
            causes = ", ".join(sorted(map(repr, seen & inputs)))
            yield node, f"its condition is computed from {causes}" if causes else "its condition is not constant"


def take_branches(onnx: Any, graph: Any, constants: Mapping[str, Array]) -> bool:
    """Replace every If whose condition is known; return whether there was one.

    Raises:
        MalformedModel: a condition is no single truth value, or a branch is missing or has other outputs.
    """
    known = [node.op_type == "If" and len(node.input) == 1 and node.input[0] in constants for node in graph.node]
    if not any(known):
        return False
    taken, nodes = _names_made(graph), list[Any]()
    for node, is_known in zip(graph.node, known, strict=True):
        if is_known:
            nodes += _inlined(onnx, graph, node, _branch(node, constants[node.input[0]]), taken)
        else:
            nodes.append(node)
    set_nodes(graph, nodes)
    del graph.value_info[:]
    return True


def _branch(node: Any, condition: Array) -> Any:
    if condition.size != 1:
        raise MalformedModel(f"If {node.name!r} has a condition of {condition.size} elements")
    wanted = _BRANCHES[bool(condition.reshape(-1)[0])]
    found = next((item.g for item in node.attribute if item.name == wanted), None)
    if found is None or len(found.output) != len(node.output) or found.input:
        raise MalformedModel(f"If {node.name!r} has no {wanted} with {len(node.output)} outputs")
    return found


def _inlined(onnx: Any, graph: Any, node: Any, branch: Any, taken: set[str]) -> Iterator[Any]:
    """Yield the nodes of a branch under names that are free, and what gives the If's outputs their names."""
    names = {name: _free(name, taken) for name in sorted(_names_made(branch) - {""})}
    for item in branch.initializer:
        graph.initializer.append(item)
        graph.initializer[-1].name = names[item.name]
    for inner in branch.node:
        yield _renamed(inner, names)
    for result, output in zip(branch.output, node.output, strict=True):
        if output:
            source = names.get(result.name, result.name)
            yield onnx.helper.make_node("Identity", [source], [output], f"{node.name}/{output}")


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no tensor has, and note it."""
    found, count = name, 0
    while found in taken:
        count += 1
        found = f"{name}#{count}"
    taken.add(found)
    return found


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of a node under other names of tensors, also in graphs inside it."""
    copy = copy_of(node)
    copy.input[:] = [names.get(name, name) for name in node.input]
    copy.output[:] = [names.get(name, name) for name in node.output]
    for graph in _inner_graphs(copy):
        outer = {old: new for old, new in names.items() if old not in _names_made(graph)}
        set_nodes(graph, [_renamed(inner, outer) for inner in graph.node])
        for item in graph.output:
            item.name = outer.get(item.name, item.name)
    return copy
