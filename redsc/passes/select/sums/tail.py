"""The tail of a level's arena as sums of terms: exact, but for shared constants and blocks inside one another.

TFLM stacks a table of tensors, one of nodes, builtin parameters, what kernels keep, handles of scratch buffers, and
what it needs for inputs and outputs. Only where the kind changes it aligns: what lies between is added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from redsc.cost.buffer import ALIGNMENT_BYTES, aligned
from redsc.cost.tflm.structs import Layout
from redsc.cost.tflm.tail import init_tail, kernel_of, ports_tail, prepared, stacked
from redsc.ir import Graph, Node, Value, all_own_states, state_reads
from redsc.passes.select.problem import Problem
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.node_bytes import NodeMeasures, kept_bytes, node_cost
from redsc.passes.select.sums.terms import Cost, Term, evaluate
from redsc.passes.slice.plan import Level
from redsc.passes.slice.skip import passed_on, skip_blocks
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.blocks import SkipBlock

__all__ = ["TailModel"]

_WORD_BYTES = 4  # to which most builtin parameters are aligned
_MOST_IN_A_ROW = 8  # blocks of which each run is measured


@dataclass(frozen=True, slots=True)
class TailModel:
    """In bytes: each of the `stacks` is rounded up to the arena's alignment, and then there are the `ports`.

    All that goes with a block is counted per node and per tensor; see `_Tail.stand_ins` for what takes its place.
    """

    stacks: tuple[Cost, ...]
    ports: int

    @staticmethod
    def of(problem: Problem, nesting: Nesting, measures: NodeMeasures) -> TailModel:
        """Derive the model from the graph of a problem; in the C engine there is the state, and nothing else."""
        if problem.budgets.kernels.are_ours:
            return TailModel((), problem.least.memory.tail_bytes)
        tail = _Tail(problem, nesting, measures)
        first, *ports = ports_tail(problem.graph, measures.abi)
        return TailModel((tuple(tail.packed()), (_constant(first.size), *tail.handles())), stacked(ports))

    def least(self, level: Level) -> int:
        """Return what a level keeps at least."""
        return self.ports + sum(aligned(evaluate(stack, level.widths, level.skipped)) for stack in self.stacks)


@dataclass(frozen=True, slots=True)
class _Tail:
    problem: Problem
    nesting: Nesting
    measures: NodeMeasures

    def packed(self) -> Iterator[Term]:
        """Yield all that is there before the handles."""
        graph = self.problem.graph
        yield _constant(self.raw(graph) - self.joint() - sum(map(self.counted, (None, *self.nesting.blocks))))
        for block in (None, *self.nesting.blocks):
            yield _constant(self.tensors(block), block)
        for node in graph.nodes:
            yield from node_cost(self.measures, self.nesting, node, lambda taken: taken.kept)
        for node in self.padded():
            yield _constant(self.padding(node), self.nesting.block_of(node))
        yield _constant(sum(state.type.nbytes for state in all_own_states(graph)))
        yield from self.stand_ins()

    def handles(self) -> Iterator[Term]:
        """Yield the handles of scratch buffers."""
        for node in self.problem.graph.nodes:
            yield from node_cost(self.measures, self.nesting, node, lambda taken: taken.handles)

    def joint(self) -> int:
        """Return the most that is saved where the first buffer is aligned together with the structs before it."""
        if state_reads(self.problem.graph):
            return 2 * (ALIGNMENT_BYTES - 1)
        abi, most = self.measures.abi, 0
        for node, lean in zip(self.problem.graph.nodes, self.leanest().nodes, strict=True):
            if self.nesting.block_of(node) is not None:
                break
            kinds = [kernel_of(form, abi).op_data for form in (node, lean)]
            sizes = [abi.layout(kind).size for kind in kinds if kind]
            most = max([most, *(aligned(size) - size for size in sizes)])
            if len(sizes) == len(kinds):
                return most
        return ALIGNMENT_BYTES - 1

    def leanest(self) -> Graph:
        """Return the network without anything skipped, as the narrowest level has it."""
        problem = self.problem
        return problem.shipped(slice_channels(problem.graph, problem.groups, problem.narrowest))

    def raw(self, graph: Graph) -> int:
        """Return the bytes of a network before the handles, at least: without what alignment takes of structs."""
        kept = (layout for _, layouts in prepared(graph, self.measures.abi) for layout in layouts)
        return sum(map(_packed_size, (*init_tail(graph, self.measures.abi), *kept)))

    def counted(self, block: str | None) -> int:
        """Return the bytes of a network as it is that go with a block, not with those inside it."""
        nodes = (node for node in self.problem.graph.nodes if self.nesting.block_of(node) == block)
        return self.tensors(block) + sum(kept_bytes(node, self.measures.abi) for node in nodes)

    def tensors(self, block: str | None) -> int:
        """Return the bytes of the tensors that go with a block."""
        tensors = sum(self.nesting.homes.get(value.name) == block for value in self.problem.graph.values())
        tensors -= sum(map(self.may_go, self.problem.graph.constants())) if block is None else 0
        return tensors * self.measures.abi.layout("TfLiteEvalTensor").size

    def may_go(self, constant: Value) -> bool:
        """Whether a constant is in no block but goes with those of all its readers."""
        readers = {self.nesting.block_of(use.node) for use in constant.uses}
        return constant.name not in self.nesting.homes and None not in readers

    def padding(self, node: Node) -> int:
        """Return the bytes that align what follows the parameters of a node."""
        params = kernel_of(node, self.measures.abi).params
        return -self.measures.abi.layout(params).size % _WORD_BYTES if params else 0

    def padded(self) -> Iterator[Node]:
        """Yield nodes with small parameters that in any level are followed by words, up to one that may not be."""
        abi, pairs = self.measures.abi, zip(self.problem.graph.nodes, self.leanest().nodes, strict=True)
        named = [(node, kernel_of(lean, abi).params) for node, lean in pairs]
        nodes = [(node, abi.layout(params)) for node, params in named if params]
        for index, (node, layout) in enumerate(nodes):
            if layout.align < _WORD_BYTES:
                if not self.is_padded(node, nodes[index + 1 :]):
                    return
                yield node

    def is_padded(self, node: Node, later: Sequence[tuple[Node, Layout]]) -> bool:
        """Whether words follow the parameters of a node, and never small ones of another node before them."""
        between = set[str | None]()
        for other, layout in later:
            block = self.nesting.block_of(other)
            if layout.align < _WORD_BYTES:
                if not any(self.nesting.is_around(home, block) for home in between):
                    return False
            elif self.nesting.is_around(block, self.nesting.block_of(node)):
                return True
            else:
                between.add(block)
        return False

    def stand_ins(self) -> Iterator[Term]:
        """Yield what is there instead of blocks: runs of blocks, each at the way in of the next, are measured.

        A run adds what it has more than the runs inside it have, so that all runs within the longest one that a
        level skips add up to what is measured of that.
        """
        for chain in self.chains():
            ends = [(low, high) for low in range(len(chain)) for high in range(low + 1, len(chain) + 1)]
            more = {(low, high): self.stand_in(chain[low:high]) for low, high in ends}
            for low, high in ends:
                own = more[low, high] - more.get((low + 1, high), 0) - more.get((low, high - 1), 0)
                own += more.get((low + 1, high - 1), 0)
                if own:
                    yield _constant(own, without=frozenset(block.name for block in chain[low:high]))

    def stand_in(self, run: Sequence[SkipBlock]) -> int:
        """Return what a network without a run of blocks has that did not go with them.

        Small parameters may lie where those of another node are padded.
        """
        graph, results = self.problem.graph, {block.result for block in run}
        rest, gone = skip_blocks(graph, run), sum(self.counted(block.name) for block in run)
        new = (node for node in rest.nodes if any(value.name in results for value in node.outputs))
        return self.raw(rest) - self.raw(graph) + gone - sum(map(self.padding, new))

    def chains(self) -> Iterator[list[SkipBlock]]:
        """Yield blocks in a row. Of those that branch, or lie inside one another, nothing is known."""
        nested = {name for pair in self.nesting.parents.items() if pair[1] for name in pair}
        after = self.followers()
        firsts = self.nesting.blocks.keys() - {name for names in after.values() for name in names}
        for name in sorted(firsts):
            chain = [name]
            while len(following := after[chain[-1]]) == 1:
                chain += following
            if not following and not nested & set(chain) and len(chain) <= _MOST_IN_A_ROW:
                yield [self.nesting.blocks[name] for name in chain]

    def followers(self) -> dict[str, list[str]]:
        """Return the blocks whose way in is the result of a block, by that block, or is made of it without MACs."""
        values = {value.name: value for value in self.problem.graph.values()}
        results = {block.result: block.name for block in self.nesting.blocks.values()}
        after: dict[str, list[str]] = {name: [] for name in self.nesting.blocks}
        for block in self.nesting.blocks.values():
            before = (results.get(value.name) for value in passed_on(values[block.source]))
            if name := next(filter(None, before), None):
                after[name].append(block.name)
        return after


def _constant(nbytes: int, block: str | None = None, without: frozenset[str] = frozenset()) -> Term:
    return Term(lambda: nbytes, (), block, without)


def _packed_size(layout: Layout) -> int:
    return aligned(layout.size) if layout.align == ALIGNMENT_BYTES else layout.size
