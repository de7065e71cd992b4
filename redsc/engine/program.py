"""One level as a program: its nodes as calls, every tensor at its place in the arena."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from redsc.choices import Kernels
from redsc.engine.blocks import in_blocks
from redsc.engine.call import Call, Constant, Operand, Part
from redsc.engine.numbers import C_TYPES
from redsc.engine.rows import emit_calls
from redsc.engine.shared import Shared
from redsc.ir import Graph, Node, Value

__all__ = ["Places", "Program", "Step", "as_constant", "constants_of", "lower_graph"]


@dataclass(frozen=True, slots=True)
class Places:
    """Offsets in the arena, in bytes: of the tensors, and of the working buffers of nodes that have one."""

    tensors: Mapping[Value, int]
    scratch: Mapping[Node, int]

    def of(self, operand: Operand) -> int | None:
        """Return where an operand lies; None for one in flash."""
        if isinstance(operand, Part):
            return self.tensors[operand.value] + operand.start
        return self.tensors[operand] if isinstance(operand, Value) and not operand.is_constant else None


@dataclass(frozen=True, slots=True)
class Step:
    """The calls that make the outputs of one node, in order."""

    node: Node
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A level: its steps in the order in which they run."""

    graph: Graph
    steps: tuple[Step, ...]
    places: Places

    def calls(self) -> Iterator[Call]:
        """Yield all calls."""
        return (call for step in self.steps for call in step.calls)

    def constants(self) -> Iterator[Constant]:
        """Yield what the calls need in flash."""
        return (constant for call in self.calls() for constant in constants_of(call))


def lower_graph(
    graph: Graph,
    places: Places,
    shared: Shared,
    kernels: Kernels = Kernels.ENGINE,
    blocks: Mapping[str, int] = MappingProxyType({}),
) -> Program:
    """Return the program of a graph; a copy between tensors that lie in one place is left out.

    `blocks` are the channels of a block (`redsc.engine.blocks`), by the name of a layer's result.

    Raises:
        CannotTranslate: the engine has no kernel for a node.
    """
    steps = []
    for node in graph.nodes:
        calls = emit_calls(node, shared, kernels)
        if block := blocks.get(node.outputs[0].name, 0) if node.outputs else 0:
            calls = tuple(in_blocks(call, block) for call in calls)
        steps.append(Step(node, tuple(call for call in calls if not _is_needless(call, places))))
    return Program(graph, tuple(steps), places)


def constants_of(call: Call) -> Iterator[Constant]:
    """Yield what a call needs in flash, but for its parameters."""
    if call.params is not None:
        yield from (item for item in call.params.fields.values() if isinstance(item, Constant))
    yield from (item for item in map(as_constant, call.operands) if item is not None)


def as_constant(operand: Operand) -> Constant | None:
    """Return what an operand is in flash; None for one in the arena."""
    if isinstance(operand, Constant):
        return operand
    if isinstance(operand, Value) and operand.data is not None:
        return Constant.of(operand.data, C_TYPES[operand.type.dtype])
    return None


def _is_needless(call: Call, places: Places) -> bool:
    return call.is_copy and places.of(call.operands[0]) == places.of(call.operands[1]) is not None
