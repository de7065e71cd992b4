"""The RAM of levels as sums of terms: never more than what the planners find, mostly just that.

TFLM's arena is a head, which all levels share, and tails, which add up; the C engine has a head only. A head is at
least what is live in any step, a tail is made of structs and of what kernels keep per channel. Nodes run in the
order of the whole network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from redsc.choices import Kernels, Resident
from redsc.cost.buffer import ALIGNMENT_BYTES, aligned
from redsc.cost.liveness import live_ranges
from redsc.cost.overlap import find_overlaps
from redsc.cost.tflm.structs import ARM_32, ARM_32_CMSIS_NN
from redsc.cost.views import find_views
from redsc.ir import Node, Value
from redsc.passes.select.problem import Candidate, Problem, Widths
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.node_bytes import NodeMeasures, node_cost, node_part
from redsc.passes.select.sums.nodes import spaces_of, touched_spaces
from redsc.passes.select.sums.polynomials import polynomial_at, size_of
from redsc.passes.select.sums.tail import TailModel
from redsc.passes.select.sums.terms import MOST_SPACES, Cost, Term, at_least, evaluate
from redsc.passes.slice.plan import Level
from redsc.passes.slice.slice import slice_channels

__all__ = ["RamModel", "shared_bytes"]

_STAND_IN_BYTES = 160  # more than a node that stands in for a skipped block takes, with its tensors


@dataclass(frozen=True, slots=True)
class RamModel:
    """In bytes: the head of a level is at least each of the costs `heads`, its tail at least `tail`.

    No level loads in an arena of less than `loading`: TFLM needs room while it plans. Of their tails, levels that
    are all ready have `state` in common.
    """

    resident: Resident
    heads: tuple[Cost, ...]
    tail: TailModel
    loading: int
    state: int

    @staticmethod
    def of(problem: Problem, nesting: Nesting) -> RamModel:
        """Derive the model from the graph of a problem."""
        abi = ARM_32_CMSIS_NN if problem.budgets.kernels is Kernels.CMSIS_NN else ARM_32
        least = problem.least.memory
        slack = ALIGNMENT_BYTES + _STAND_IN_BYTES * len(problem.blocks)
        loading = max(0, least.planning_bytes + least.tail_bytes - slack) if least.planning_bytes else 0
        measures = NodeMeasures(problem, abi)
        heads, tail = _Heads(problem, nesting, measures).of_steps(), TailModel.of(problem, nesting, measures)
        return RamModel(problem.budgets.resident, tuple(heads), tail, loading, least.state_bytes)

    def bound(self, levels: Sequence[Level], beside: Sequence[Candidate], models: Sequence[RamModel] = ()) -> int:
        """Return what these levels beside others need at least; `models` are theirs, without them this."""
        pairs = list(zip(models or [self] * len(levels), levels, strict=True))
        tails = [model.tail.least(level) for model, level in pairs]
        needed = [
            max(model.loading - tail, *(evaluate(cost, level.widths, level.skipped) for cost in model.heads))
            for (model, level), tail in zip(pairs, tails, strict=True)
        ]
        if self.resident is Resident.ONE:
            arenas = [head + tail for head, tail in zip(needed, tails, strict=True)]
            return max([*arenas, *(other.memory.arena_bytes for other in beside)])
        return max([*needed, shared_bytes(beside)]) + sum(tails) + self.others_bytes(len(levels), beside)

    def others_bytes(self, count: int, beside: Sequence[Candidate]) -> int:
        """Return what the tails of others add to those of `count` levels, less what all of them have in common."""
        return sum(other.memory.tail_bytes for other in beside) - self.state * (count + len(beside) - 1)


def shared_bytes(levels: Iterable[Candidate]) -> int:
    """Return what levels need of the part of the arena that all share, 0 where there are none."""
    return max((max(level.memory.head_bytes, level.memory.planning_bytes) for level in levels), default=0)


@dataclass(frozen=True, slots=True)
class _Heads:
    problem: Problem
    nesting: Nesting
    measures: NodeMeasures

    def of_steps(self) -> Iterator[Cost]:
        """Yield what is live in each step, as the lower bound of an arena counts it.

        A part of a live tensor adds nothing. What a result shares with the one operand over which it may lie is
        counted once; where there are more such operands, or more than two spaces, the result or they add nothing.
        """
        views, overlaps = _sharing(self.problem)
        ranges = live_ranges(self.problem.graph)
        for step, node in enumerate(self.problem.graph.nodes):
            live = {value.name: value for value, lives in ranges.items() if lives.start <= step < lives.end}
            parts = {part for part, whole in views if part in live and whole in live}
            shared = [pair for pair in overlaps if pair[0] in live and pair[1] in live]
            costs = {n: self.tensor(node, value, set(live)) for n, value in live.items() if n not in parts}
            costs[""] = node_cost(self.measures, self.nesting, node, lambda taken: taken.scratch)
            if len(shared) == 1 and (saved := self.overlap(node, *shared[0], costs)):
                yield (*(term for cost in costs.values() for term in cost), saved)
                continue
            for side in (0, 1) if shared else (0,):
                free = {pair[side] for pair in shared}
                yield tuple(term for name, cost in costs.items() if name not in free for term in cost)

    def overlap(self, node: Node, dying: str, born: str, costs: Mapping[str, Cost]) -> Term | None:
        """Return the bytes that a result and an operand share, less than none, where that depends on two spaces.

        Both must be counted where the node is.
        """
        block, spaces = self.nesting.block_of(node), spaces_of(self.problem, node)
        is_counted = all(costs.get(name) and costs[name][0].block == block for name in (dying, born))
        read, made = ({value.name for value in values} for values in (node.present_inputs(), node.outputs))
        if dying not in read or born not in made or not is_counted or len(spaces) > MOST_SPACES:
            return None
        index = next(place for place, value in enumerate(node.inputs) if value is not None and value.name == dying)
        saved = node_part(self.measures, node, lambda taken: -taken.shared.get(index, 0))
        return Term(saved, tuple(spaces), block)

    def tensor(self, node: Node, value: Value, live: set[str]) -> Cost:
        """Return the bytes of a tensor that is live while a node runs, if it and the node are there."""
        home, running = self.home(value, live), self.nesting.block_of(node)
        if self.nesting.is_around(home, running):
            home = running
        elif not self.nesting.is_around(running, home):
            return ()  # blocks that take turns: it may be gone while the node runs
        size = size_of(self.problem, value, value.type.dtype.itemsize)

        def nbytes(widths: Widths) -> int:
            return aligned(polynomial_at(size, widths))

        return at_least(self.problem, home, touched_spaces(self.problem, value), nbytes, ALIGNMENT_BYTES)

    def home(self, value: Value, live: set[str]) -> str | None:
        """Return the block with which a tensor goes.

        It does not go with a block of which it is the result: then it is the source that stays so long, with as
        many bytes, unless it is live anyway.
        """
        home = self.nesting.homes.get(value.name)
        stays = not live & set(_sources(self.nesting, value.name))
        while home is not None and stays and self.nesting.blocks[home].result == value.name:
            home = self.nesting.parents[home]
        return home


def _sources(nesting: Nesting, name: str) -> Iterator[str]:
    """Yield what may stand for a value when blocks are skipped."""
    for block in nesting.blocks.values():
        if block.result == name:
            yield block.source
            yield from _sources(nesting, block.source)


def _sharing(problem: Problem) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return parts with their wholes, and dying operands with the results that may lie over them, in any level.

    Whether tensors share bytes depends on widths: on how they are aligned, on how many channels a kernel takes, on
    whether it reads a shared weight.
    """
    full, narrowest = problem.full, problem.narrowest
    even = {
        name: max((w for w in problem.legal(name) if w % ALIGNMENT_BYTES == 0), default=full[name]) for name in full
    }
    views, overlaps = set(), set()
    for widths in (full, narrowest, even):
        graph = problem.shipped(slice_channels(problem.graph, problem.groups, widths))
        found = find_views(graph)
        views |= {(part.name, whole.name) for part, whole, _ in found}
        shared = find_overlaps(graph, problem.budgets.kernels, found)
        overlaps |= {(dying.name, born.name) for dying, born, _ in shared}
    return views, overlaps
