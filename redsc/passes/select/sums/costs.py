"""Everything that the solver adds up: losses as integers, MACs, cycles, RAM and flash of a level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from redsc.passes.select.problem import Candidate, Problem
from redsc.passes.select.sums.cycles import cycles_cost
from redsc.passes.select.sums.flash import FlashModel
from redsc.passes.select.sums.macs import macs_cost
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.ram import RamModel
from redsc.passes.select.sums.terms import Cost
from redsc.passes.slice.plan import Level
from redsc.runtime.data.view import Size, View

__all__ = ["Costs", "Losing"]

_LARGEST_SUM = 10**7  # of the losses of one level, as integers
_MOST_MEDIANS = 1000  # a loss above so many medians counts as so many: nobody wants it, and it hides the others


@dataclass(frozen=True, slots=True)
class Losing:
    """Losses as integers, rounded down: each is off by less than 1 / `scale`.

    `skips` count what a block loses less what those inside it lose: skipped with it, they add up to its loss.
    """

    widths: Mapping[str, Mapping[int, int]]
    skips: Mapping[str, int]
    scale: float

    @staticmethod
    def of(problem: Problem, nesting: Nesting) -> Losing:
        """Scale the losses of all legal widths and blocks of a problem."""
        losses = problem.losses
        widths = {name: {w: losses.of_width(name, w) for w in problem.legal(name)} for name in problem.full}
        skips = {block.name: losses.of_skip(block.name) for block in problem.blocks}
        everything = [*skips.values(), *(loss for points in widths.values() for loss in points.values())]
        most = _MOST_MEDIANS * median([loss for loss in everything if loss > 0] or [0.0])
        worst = [*skips.values(), *(max(points.values()) for points in widths.values())]
        scale = _LARGEST_SUM / (sum(min(loss, most) for loss in worst) or _LARGEST_SUM)

        def whole(loss: float) -> int:
            return int(min(loss, most) * scale)

        inside = {
            outer: sum(whole(skips[name]) for name, parent in nesting.parents.items() if parent == outer)
            for outer in skips
        }
        return Losing(
            widths={name: {w: whole(loss) for w, loss in points.items()} for name, points in widths.items()},
            skips={name: whole(loss) - inside[name] for name, loss in skips.items()},
            scale=scale,
        )


@dataclass(frozen=True, slots=True)
class Costs:
    """What levels of a problem cost and lose; None where nothing is bounded.

    `sized` are the costs of levels that see images of another size; `at` finds them.
    """

    problem: Problem
    nesting: Nesting
    losing: Losing
    macs: Cost
    cycles: Cost | None
    ram: RamModel | None
    flash: FlashModel | None
    sized: Mapping[Size, Costs] = field(default_factory=dict)

    @staticmethod
    def of(problem: Problem, losing: Losing | None = None) -> Costs:
        """Derive all sums of terms from a problem; `losing` are its losses where they are known."""
        nesting, budgets = Nesting.of(problem), problem.budgets
        losing = losing or Losing.of(problem, nesting)
        sizes = {size for request in problem.requests if (size := request.view.input_size)}
        return Costs(
            problem=problem,
            nesting=nesting,
            losing=losing,
            macs=macs_cost(problem, nesting),
            cycles=None if problem.latency is None else cycles_cost(problem, nesting),
            ram=None if budgets.ram_bytes is None else RamModel.of(problem, nesting),
            flash=None if budgets.flash_bytes is None else FlashModel.of(problem, nesting),
            sized={size: Costs.of(problem.at(size), losing) for size in sorted(sizes)},
        )

    def at(self, view: View) -> Costs:
        """Return the costs of levels that see this."""
        size = view.input_size
        return self if size is None else self.sized[size]

    def least_ram(self, levels: Sequence[Level], beside: Sequence[Candidate]) -> int:
        """Return what these levels beside others need of RAM at least, where it is bounded."""
        assert self.ram is not None
        models = [ram for level in levels if (ram := self.at(level.view).ram)]
        return self.ram.bound(levels, beside, models)

    def lost(self, levels: Iterable[Candidate | Level]) -> int:
        """Return what levels lose in sum, as the solver counts it."""
        return sum(self._lost(level) for level in levels)

    def _lost(self, level: Candidate | Level) -> int:
        there = (name for name, blocks in self.nesting.spaces.items() if not blocks <= set(level.skipped))
        widths = sum(self.losing.widths[name][level.widths[name]] for name in there)
        return widths + sum(self.losing.skips[name] for name in level.skipped)
