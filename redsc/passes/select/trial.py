"""By how much a level that nobody has cut yet misses its bounds: what searches by trial ask thousands of times."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from redsc.choices import Resident
from redsc.passes.select.exact.search import Neighbours
from redsc.passes.select.problem import Candidate, LevelRequest, Widths
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.ram import shared_bytes
from redsc.passes.select.sums.terms import evaluate
from redsc.passes.slice.plan import Level
from redsc.passes.spaces.blocks import with_nested

__all__ = ["Trial"]


@dataclass
class Trial:
    """The bounds of one level between its neighbours.

    Sums of terms say by how much a level misses them: exactly for MACs, nearly for the cycles of slot 0, too little
    for RAM and flash. The slacks are by how much more the last one took that was really cut and did not fit.
    """

    costs: Costs
    request: LevelRequest
    near: Neighbours
    ram_slack: int = 0
    flash_slack: int = 0
    cycles_slack: int = 0

    @cached_property
    def sized(self) -> Costs:
        """The costs of levels that see what this one does."""
        return self.costs.at(self.request.view)

    @cached_property
    def most(self) -> Level:
        """The widths and blocks of the level before this one, or of the whole network."""
        above = self.near.above
        return self._seeing(above[-1].widths, above[-1].skipped) if above else self._seeing(self.costs.problem.full)

    @cached_property
    def options(self) -> dict[str, list[int]]:
        """The legal widths of every space, ascending."""
        problem = self.costs.problem
        return {name: [w for w in problem.legal(name) if w <= most] for name, most in self.most.widths.items()}

    def level(self, widths: Widths, skipped: Collection[str]) -> Level:
        """Return a level without these blocks and those inside; spaces that it has not are as narrow as can be."""
        gone = with_nested(self.costs.problem.blocks, skipped)
        spaces = self.costs.nesting.spaces
        kept = {s: self.options[s][0] if spaces[s] <= set(gone) else width for s, width in widths.items()}
        return self._seeing(kept, gone)

    def _seeing(self, widths: Widths, skipped: tuple[str, ...] = ()) -> Level:
        view = self.request.view
        return Level("", widths, skipped, view.size, view.crop)

    def loss(self, level: Level) -> int:
        """Return what a level loses, as the solver counts it."""
        return self.costs.lost([level])

    def excess(self, level: Level) -> float:
        """Return by what share of each bound a level misses it, in sum; 0 where none is known to be missed."""
        return sum(max(taken - bound, 0) / max(bound, 1) for taken, bound in self._taken(level))

    @property
    def least(self) -> Candidate | None:
        """The level of which nothing can be left out any more, where it keeps all bounds."""
        problem = self.costs.problem
        found = problem.least_for(self.request.view)
        is_light = found.macs <= self.request.ceiling_macs
        return found if is_light and problem.fits([*self.near.above, found, *self.near.below]) else None

    def cut(self, level: Level) -> Candidate | None:
        """Return the network of a level that keeps all bounds; from one that does not, learn by how much."""
        if self.excess(level) > 0:
            return None
        problem = self.costs.problem
        found = problem.network(level)
        everything = [*self.near.above, found, *self.near.below]
        if problem.fits(everything):
            return found
        if problem.budgets.ram_bytes is not None:
            self.ram_slack = problem.ram(everything) - max(ram for ram, _ in self._ram(level, 0))
        if problem.budgets.flash_bytes is not None:
            self.flash_slack = problem.flash(everything) - self._flash(level)
        if problem.latency is not None and not self.near.above:
            self.cycles_slack = sum(map(problem.latency.table.millicycles, found.graph.nodes)) - self._cycles(level)
        return None

    def _taken(self, level: Level) -> Iterator[tuple[int, int]]:
        """Yield what a level takes, and its bound."""
        problem, budgets = self.costs.problem, self.costs.problem.budgets
        macs = evaluate(self.sized.macs, level.widths, level.skipped)
        yield macs, self.request.ceiling_macs
        if budgets.macs is not None:
            yield macs, budgets.macs
        if problem.latency is not None and not self.near.above:
            yield self._cycles(level) + self.cycles_slack, problem.latency.millicycles
        if budgets.ram_bytes is not None:
            yield from self._ram(level, self.ram_slack)
        if budgets.flash_bytes is not None:
            yield self._flash(level) + self.flash_slack, budgets.flash_bytes

    def _cycles(self, level: Level) -> int:
        """Return the thousandths of a cycle, as the sum of terms has them."""
        assert self.sized.cycles is not None
        return evaluate(self.sized.cycles, level.widths, level.skipped)

    def _ram(self, level: Level, slack: int) -> Iterator[tuple[int, int]]:
        """Yield the bytes that every step needs at least, and the budget."""
        ram, bound = self.sized.ram, self.costs.problem.budgets.ram_bytes
        assert ram is not None
        assert bound is not None
        tail, floor = ram.tail.least(level) + slack, 0
        if ram.resident is Resident.ALL:
            tail, floor = tail + self._others[0], self._others[1]
        for head in ram.heads:
            yield max(evaluate(head, level.widths, level.skipped), floor) + tail, bound

    @cached_property
    def _others(self) -> tuple[int, int]:
        """The bytes that the tails of the neighbours add, and what the neighbours need of the shared part."""
        ram, beside = self.sized.ram, (*self.near.above, *self.near.below)
        assert ram is not None
        return ram.others_bytes(1, beside), shared_bytes(beside)

    def _flash(self, level: Level) -> int:
        """Return the bytes that the container needs at least, the kernels apart."""
        assert self.costs.flash is not None
        return self._fixed_bytes + self.costs.flash.numbers(level, self.most if self.near.above else None)

    @cached_property
    def _fixed_bytes(self) -> int:
        """The bytes of the container without the numbers of the level."""
        assert self.costs.flash is not None
        return self.costs.flash.fixed_bytes(self.costs.problem, self.near.above, 1 + len(self.near.below))
