"""The cycles of a level as a sum of terms, whatever the latency table is: it is asked about nodes that are cut.

What a node takes is its cycles with the narrowest widths, what each space adds to them alone, and what two add
together beyond that. This is exact where a table's cycles are sums of functions of two widths: those of rates are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

from redsc.ir import Node
from redsc.passes.select.problem import Problem, Widths
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.nodes import cut_node, spaces_of
from redsc.passes.select.sums.terms import Cost, Term

__all__ = ["cycles_cost"]


def cycles_cost(problem: Problem, nesting: Nesting) -> Cost:
    """Return the thousandths of a cycle that a level takes by the table of the problem's latency bound."""
    assert problem.latency is not None
    table, narrowest, full = problem.latency.table, problem.narrowest, problem.full
    counted = (node for node in problem.graph.nodes if table.millicycles(node))
    return tuple(
        term for node in counted for term in _Cycles(problem, node, narrowest, full).terms(nesting.block_of(node))
    )


@dataclass(frozen=True, slots=True)
class _Cycles:
    problem: Problem
    node: Node
    narrowest: Widths
    full: Widths
    _known: dict[tuple[tuple[str, int], ...], int] = field(default_factory=dict)

    def terms(self, block: str | None) -> Iterator[Term]:
        """Yield the terms of the node; two spaces that add nothing together at full size have none together."""
        spaces = spaces_of(self.problem, self.node)
        yield Term(self._at, (), block)
        for name in spaces:
            yield Term(partial(self._alone, name), (name,), block)
        for pair in combinations(spaces, 2):
            if self._together(*pair, *(self.full[name] for name in pair)):
                yield Term(partial(self._together, *pair), pair, block)

    def _at(self, *widths: tuple[str, int]) -> int:
        """Return the cycles where these spaces have these widths, and all others the narrowest."""
        if widths not in self._known:
            assert self.problem.latency is not None
            (node,) = cut_node(self.problem, self.node, {**self.narrowest, **dict(widths)}).nodes
            self._known[widths] = self.problem.latency.table.millicycles(node)
        return self._known[widths]

    def _alone(self, name: str, width: int) -> int:
        return self._at((name, width)) - self._at()

    def _together(self, first: str, second: str, one: int, other: int) -> int:
        both = self._at((first, one), (second, other)) - self._at()
        return both - self._alone(first, one) - self._alone(second, other)
