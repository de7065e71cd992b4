"""Operator order as a problem of its own: what the steps read and write, and what an order of them costs.

Bytes are those of the arena: sizes are aligned, kernel scratch counts, constants do not. Network inputs are live
until their last reader has run, network outputs to the end, a tensor that nobody reads during its own step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from redsc.choices import Kernels
from redsc.cost.buffer import aligned
from redsc.cost.working import working_bytes
from redsc.ir import Graph, Node, Value

__all__ = [
    "Credits",
    "OrderProblem",
    "Step",
    "no_credits",
    "order_free_bound",
    "order_problem",
    "peak_bytes",
    "reuse_distance",
    "unas_peak_bytes",
]

Credits = Callable[[Node], Mapping[Value, int]]
"""Bytes that a node saves by writing over an input, per input; they count only where that input dies there."""


@dataclass(frozen=True, slots=True)
class Step:
    """The tensors that an operator reads and writes, each once, and its scratch in bytes.

    `credits` are pairs of an input and the bytes saved if it dies here; of those that do, the largest counts. The
    step also comes after those numbered in `after`, as the assignment of a variable after its read.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    scratch: int = 0
    credits: tuple[tuple[int, int], ...] = ()
    after: tuple[int, ...] = ()

    @property
    def touched(self) -> frozenset[int]:
        """The tensors read or written."""
        return frozenset((*self.inputs, *self.outputs))


@dataclass(frozen=True, slots=True)
class OrderProblem:
    """Steps in the given order, which is a legal one; a tensor is an index into `sizes`."""

    sizes: tuple[int, ...]
    steps: tuple[Step, ...]
    inputs: frozenset[int]
    outputs: frozenset[int]

    def nbytes(self, tensors: Iterable[int]) -> int:
        """Return the sum of the sizes."""
        return sum(self.sizes[tensor] for tensor in tensors)

    def predecessors(self) -> list[frozenset[int]]:
        """Return for every step those that make its inputs, or must run before it for another reason."""
        producer = {tensor: index for index, step in enumerate(self.steps) for tensor in step.outputs}
        return [
            frozenset((*step.after, *(producer[t] for t in step.inputs if t in producer))) for step in self.steps
        ]


def no_credits(_node: Node) -> Mapping[Value, int]:
    """Return nothing: no node writes over its inputs."""
    return {}


def order_problem(graph: Graph, credits: Credits = no_credits, kernels: Kernels = Kernels.SAFE) -> OrderProblem:
    """Return the problem of ordering a graph's nodes, whose kernels have working buffers; step i is node i."""

    def scratch(node: Node) -> int:
        return sum(map(aligned, working_bytes(node, kernels)))

    return _problem(graph, lambda value: aligned(value.type.nbytes), scratch, credits)


def peak_bytes(problem: OrderProblem, order: Sequence[int]) -> int:
    """Return the most bytes that are live at once: before the first step, or while a step runs."""
    dying = _dying(problem, order)
    used = problem.outputs.union(*dying.values())
    peak = problem.nbytes(problem.inputs)
    live = problem.nbytes(problem.inputs & used)
    for index in order:
        step = problem.steps[index]
        live += problem.nbytes(step.outputs)
        saved = max((nbytes for tensor, nbytes in step.credits if tensor in dying[index]), default=0)
        peak = max(peak, live + step.scratch - saved)
        live -= problem.nbytes(dying[index])
    return peak


def order_free_bound(problem: OrderProblem) -> int:
    """Return a peak below which no order gets.

    Whatever the order, while a step runs these are live: its inputs and outputs, and what steps before it must have
    made and steps after it must still read. A credit counts unless such a later step keeps its input alive.
    """
    peaks = [problem.nbytes(problem.inputs)]
    for step, made, read in zip(problem.steps, _made_before(problem), _read_after(problem), strict=True):
        saved = max((nbytes for tensor, nbytes in step.credits if not read >> tensor & 1), default=0)
        peaks.append(problem.nbytes(step.touched.union(_members(made & read))) + step.scratch - saved)
    return max(peaks)


def reuse_distance(problem: OrderProblem, order: Sequence[int]) -> int:
    """Return the sum of the reuse distances of all reads, in bytes: what a data cache has to hold beside them.

    The reuse distance of a read is the size of the distinct tensors that are touched by the steps between it and
    the last touch of its tensor, which is its production or the read before; in the very next step it is 0. Network
    inputs are made just before the first step. (Stack distance: Mattson et al., IBM Systems Journal 9(2), 1970.)
    """
    touched = [problem.steps[index].touched for index in order]
    last = dict.fromkeys(problem.inputs, -1)
    total = 0
    for position, index in enumerate(order):
        for tensor in problem.steps[index].inputs:
            total += problem.nbytes(frozenset().union(*touched[last[tensor] + 1 : position]))
        last.update(dict.fromkeys(touched[position], position))
    return total


def unas_peak_bytes(graph: Graph) -> int:
    """Return the peak as uNAS counts it: a plain live sum without network inputs, in which ADD works in place.

    ADD needs no output where an input of the same shape dies. (eliberis/uNAS, resource_models/models.py; it takes
    the least over all orders, this is the peak of the given one.)
    """
    problem = _problem(graph, lambda v: 0 if v in graph.inputs else v.type.nbytes, lambda _: 0, _sum_in_place)
    return peak_bytes(problem, range(len(problem.steps)))


def _problem(
    graph: Graph, size: Callable[[Value], int], scratch: Callable[[Node], int], credits: Credits
) -> OrderProblem:
    number = {value: index for index, value in enumerate(graph.activations())}

    reads = {node.attrs.variable: step for step, node in enumerate(graph.nodes) if node.op == "READ_VARIABLE"}

    def after(node: Node) -> tuple[int, ...]:
        return (reads[node.attrs.variable],) if node.op == "ASSIGN_VARIABLE" else ()

    def numbers(values: Iterable[Value]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(number[value] for value in values if value in number))

    steps = [
        Step(
            numbers(node.present_inputs()),
            numbers(node.outputs),
            scratch(node),
            tuple((number[value], nbytes) for value, nbytes in credits(node).items()),
            after(node),
        )
        for node in graph.nodes
    ]
    sizes = tuple(map(size, number))
    return OrderProblem(sizes, tuple(steps), frozenset(numbers(graph.inputs)), frozenset(numbers(graph.outputs)))


def _sum_in_place(node: Node) -> Mapping[Value, int]:
    if node.op != "ADD":
        return {}
    result = node.outputs[0].type
    return {v: result.nbytes for v in node.present_inputs() if not v.is_constant and v.type.shape == result.shape}


def _dying(problem: OrderProblem, order: Sequence[int]) -> dict[int, frozenset[int]]:
    """Return for every step the tensors that nobody reads after it."""
    needed, dying = set(problem.outputs), {}
    for index in reversed(order):
        dying[index] = problem.steps[index].touched - needed
        needed |= dying[index]
    return dying


def _made_before(problem: OrderProblem) -> list[int]:
    """Return for every step what its ancestors make, and the network's inputs, as bit masks of tensors."""
    writes = [_mask(step.outputs) for step in problem.steps]
    made: list[int] = []
    for sources in problem.predecessors():
        made.append(reduce(or_, (made[source] | writes[source] for source in sources), _mask(problem.inputs)))
    return made


def _read_after(problem: OrderProblem) -> list[int]:
    """Return for every step what its descendants read, and the network's outputs, as bit masks of tensors."""
    read = [_mask(problem.outputs)] * len(problem.steps)
    for index, sources in reversed(list(enumerate(problem.predecessors()))):
        reads = read[index] | _mask(problem.steps[index].inputs)
        for source in sources:
            read[source] |= reads
    return read


def _mask(tensors: Iterable[int]) -> int:
    return reduce(or_, (1 << tensor for tensor in tensors), 0)


def _members(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
