"""Which block is around what: it decides which terms a level has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from redsc.ir import Node
from redsc.passes.select.problem import Problem
from redsc.passes.select.sums.nodes import touched_spaces
from redsc.passes.spaces.blocks import SkipBlock

__all__ = ["Nesting"]


@dataclass(frozen=True, slots=True)
class Nesting:
    """Which block is around what: `parents` by block, `homes` by value, `spaces` by space.

    Blocks lie apart or one inside the other, so one that is skipped is so with all inside: what exists depends on
    the innermost block around it. A space exists as long as one of its blocks is not skipped; None is no block.
    """

    blocks: Mapping[str, SkipBlock]
    parents: Mapping[str, str | None]
    homes: Mapping[str, str]
    spaces: Mapping[str, frozenset[str | None]]

    @staticmethod
    def of(problem: Problem) -> Nesting:
        """Find the blocks around the values and spaces of a problem."""
        homes: dict[str, str] = {}
        for block in sorted(problem.blocks, key=lambda block: len(_around(problem.blocks, block))):
            homes |= dict.fromkeys((*block.inside, block.result), block.name)  # the inner ones last
        parents = {block.name: _parent(problem.blocks, block) for block in problem.blocks}
        spaces = defaultdict[str, set[str | None]](set)
        for node in problem.graph.nodes:
            for value in (*node.present_inputs(), *node.outputs):
                for space in touched_spaces(problem, value):
                    spaces[space].add(homes.get(node.outputs[0].name) if node.outputs else None)
        blocks = {block.name: block for block in problem.blocks}
        return Nesting(blocks, parents, homes, {name: _outermost(found, parents) for name, found in spaces.items()})

    def block_of(self, node: Node) -> str | None:
        """Return the innermost block that a node belongs to."""
        return self.homes.get(node.outputs[0].name) if node.outputs else None

    def is_around(self, outer: str | None, block: str | None) -> bool:
        """Whether a block is another one or around it."""
        while block is not None and block != outer:
            block = self.parents[block]
        return block == outer


def _around(blocks: Iterable[SkipBlock], block: SkipBlock) -> list[SkipBlock]:
    return [other for other in blocks if block.result in other.inside]


def _parent(blocks: Sequence[SkipBlock], block: SkipBlock) -> str | None:
    """Return the innermost of the blocks around one."""
    around = _around(blocks, block)
    return max(around, key=lambda other: len(_around(blocks, other))).name if around else None


def _outermost(found: set[str | None], parents: Mapping[str, str | None]) -> frozenset[str | None]:
    """Return those of some blocks that are inside none of the others; None is around all."""

    def is_inside(block: str | None) -> bool:
        while block is not None:
            block = parents[block]
            if block in found:
                return True
        return False

    return frozenset(block for block in found if not is_inside(block))
