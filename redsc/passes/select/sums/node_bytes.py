"""What one node takes of the arena, by the widths around it: asked of the cut node itself, and only once.

Layers that differ in their numbers alone take the same: of the five equal blocks of a DS-CNN one is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from redsc.cost.arena import most_shared
from redsc.cost.buffer import ALIGNMENT_BYTES, aligned
from redsc.cost.overlap import overlap_distance, replay_limit
from redsc.cost.tflm.structs import Abi
from redsc.cost.tflm.tail import init_sizes, kernel_of
from redsc.cost.working import working_bytes
from redsc.ir import CUSTOM_OPS, Node, Value, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.select.problem import Problem, Widths
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.nodes import cut_node, spaces_of
from redsc.passes.select.sums.terms import MOST_SPACES, Cost, Term, at_least

__all__ = ["NodeBytes", "NodeMeasures", "kept_bytes", "node_cost", "node_part"]


@dataclass(frozen=True, slots=True)
class NodeBytes:
    """In bytes: what a kernel takes while it runs, the handles of that, what a node keeps, what its result shares.

    `shared` is what the result may share with each operand, by index.
    """

    scratch: int
    handles: int
    kept: int
    shared: Mapping[int, int]


_Known = dict[tuple[int, ...], NodeBytes]  # by the widths of the spaces that a node touches


@dataclass(frozen=True, slots=True)
class NodeMeasures:
    """Measures nodes of a problem under widths of the spaces that they touch."""

    problem: Problem
    abi: Abi  # of TFLM; the C engine has none
    _forms: dict[object, _Known] = field(default_factory=dict)
    _nodes: dict[Node, tuple[_Known, list[str]]] = field(default_factory=dict)

    def of(self, node: Node, widths: Widths) -> NodeBytes:
        """Return what a node takes under widths of the spaces that it touches."""
        if node not in self._nodes:
            form, spaces = _form(self.problem, node)
            self._nodes[node] = self._forms.setdefault(form, {}), spaces
        known, spaces = self._nodes[node]
        cut = tuple(widths[space] for space in spaces)
        if cut not in known:
            known[cut] = self._measure(node, widths)
        return known[cut]

    def _measure(self, node: Node, widths: Widths) -> NodeBytes:
        (cut,) = self.problem.shipped(cut_node(self.problem, node, widths)).nodes
        kernels = self.problem.budgets.kernels
        buffers = working_bytes(cut, kernels, self.abi)
        scratch = sum(map(aligned, buffers))
        if kernels.are_ours:
            return NodeBytes(scratch, 0, 0, self._shared(cut))
        handles = len(buffers) * self.abi.layout("ScratchBufferHandle").size
        return NodeBytes(scratch, handles, kept_bytes(cut, self.abi), self._shared(cut))

    def _shared(self, node: Node) -> dict[int, int]:
        found, most = dict[int, int](), replay_limit(self.problem.graph)
        for index, value in enumerate(node.inputs):
            if value is None or value.is_constant or node.inputs.count(value) > 1:
                continue
            distance = overlap_distance(node, index, self.problem.budgets.kernels, most)
            if distance is not None:
                sizes = aligned(value.type.nbytes), aligned(node.outputs[0].type.nbytes)
                found[index] = most_shared(*sizes, distance)
        return found


def _form(problem: Problem, node: Node) -> tuple[object, list[str]]:
    """Return what decides what a node takes, but for the widths of spaces, and these spaces.

    Of a layer with constant weights that are its attributes, its operands without their numbers, and the weight
    that it may read in place. Constants of other nodes say what they do: no two are alike.
    """
    rule = op_def(node.op).channels
    if not isinstance(rule, (Produces, Grouped)) or not node.operand(rule.weight).is_constant:
        return node, spaces_of(problem, node)
    values = (*node.inputs, *node.outputs)
    layouts = {value: problem.groups.axes.get(value.name, {}) for value in values if value is not None}
    segments = (segment for axes in layouts.values() for layout in axes.values() for segment in layout)
    spaces = [problem.groups.space(index) for index in dict.fromkeys(segment.space for segment in segments)]
    places = {space.id: (place, space.size, space.frozen is None) for place, space in enumerate(spaces)}
    stored = {value.name: value.type.shape for value in (problem.first.graph.constants() if problem.first else ())}

    def operand(value: Value | None) -> object:
        if value is None:
            return None
        quant, axes = value.type.quant, layouts[value].items()
        cuts = ((axis, *((places[s.space], s.outer, s.inner) for s in layout)) for axis, layout in axes)
        kind = (value.type.shape, value.type.dtype, len(quant.scales) if quant else 0, value.is_constant)
        return kind, tuple(cuts), stored.get(value.name)

    return (node.op, node.attrs, *map(operand, values)), [s.name for s in spaces if s.frozen is None]


def kept_bytes(node: Node, abi: Abi) -> int:
    """Return the bytes that a node takes of a tail: its entry, parameters, buffers, and a tensor that is added."""
    kernel, is_added = kernel_of(node, abi), node.op in CUSTOM_OPS and not node.attrs.has_bias
    buffers = (*kernel.tail(node, abi), *init_sizes(node, abi))
    structs = ("NodeAndRegistration", kernel.params, "TfLiteEvalTensor" if is_added else None)
    return sum(map(aligned, buffers)) + sum(abi.layout(struct).size for struct in structs if struct)


def node_cost(measures: NodeMeasures, nesting: Nesting, node: Node, part: Callable[[NodeBytes], int]) -> Cost:
    """Return a part of what a node takes: exact where that depends on two spaces, else at least that."""
    problem, block = measures.problem, nesting.block_of(node)
    spaces, ends = spaces_of(problem, node), (problem.narrowest, problem.full)
    if len(spaces) > MOST_SPACES:
        return at_least(problem, block, spaces, lambda w: part(measures.of(node, w)), ALIGNMENT_BYTES)
    is_there = any(part(measures.of(node, widths)) for widths in ends)
    return (Term(node_part(measures, node, part), tuple(spaces), block),) if is_there else ()


def node_part(measures: NodeMeasures, node: Node, part: Callable[[NodeBytes], int]) -> Callable[..., int]:
    """Return a part of what a node takes as a function of the widths of its spaces."""
    spaces = spaces_of(measures.problem, node)
    return cache(lambda *widths: part(measures.of(node, dict(zip(spaces, widths, strict=True)))))
