"""Everything that the solver adds up: losses as integers, MACs, cycles, RAM and flash of a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from redsc.passes.select.flash import FlashModel
from redsc.passes.select.problem import Problem
from redsc.passes.select.ram import RamModel
from redsc.passes.select.terms import Cost, Nesting, cycles_cost, macs_cost

__all__ = ["Costs", "Losing"]

_LARGEST_SUM = 10**7  # of the losses of one level, as integers
_MOST_MEDIANS = 1000  # a loss above so many medians counts as so many: nobody wants it, and it hides the others


@dataclass(frozen=True, slots=True)
class Losing:
    """Losses as integers, rounded down: what is optimal for them is so for the real ones within 1 / `scale` each.

    `skips` are what a block adds to what is lost with the one around it, so that all that are skipped can be summed.
    """

    widths: Mapping[str, Mapping[int, int]]
    skips: Mapping[str, int]
    scale: float

    @staticmethod
    def of(problem: Problem, nesting: Nesting) -> Losing:
        """Scale the losses of all legal widths and blocks of a problem."""
        losses = problem.losses
        found = {name: {width: losses.of_width(name, width) for width in problem.legal(name)} for name in problem.full}
        skips = {block.name: losses.of_skip(block.name) for block in problem.blocks}
        positive = [loss for by_width in (*found.values(), skips) for loss in by_width.values() if loss > 0]
        most = _MOST_MEDIANS * median(positive) if positive else 0.0
        worst = sum(min(max(by_width.values()), most) for by_width in found.values())
        worst += sum(min(loss, most) for loss in skips.values())
        scale = _LARGEST_SUM / worst if worst else 1.0
        whole = {name: int(min(loss, most) * scale) for name, loss in skips.items()}
        inside = {name: sum(whole[other] for other, parent in nesting.parents.items() if parent == name) for name in whole}
        widths = {name: {w: int(min(loss, most) * scale) for w, loss in points.items()} for name, points in found.items()}
        return Losing(widths, {name: whole[name] - inside[name] for name in whole}, scale)


@dataclass(frozen=True, slots=True)
class Costs:
    """What levels of a problem cost and lose; None where nothing is bounded."""

    problem: Problem
    nesting: Nesting
    losing: Losing
    macs: Cost
    cycles: Cost | None
    ram: RamModel | None
    flash: FlashModel | None

    @staticmethod
    def of(problem: Problem) -> Costs:
        """Derive all sums of terms from a problem."""
        nesting, budgets = Nesting.of(problem), problem.budgets
        return Costs(
            problem=problem,
            nesting=nesting,
            losing=Losing.of(problem, nesting),
            macs=macs_cost(problem, nesting),
            cycles=None if problem.latency is None else cycles_cost(problem, nesting),
            ram=None if budgets.ram_bytes is None else RamModel.of(problem, nesting),
            flash=None if budgets.flash_bytes is None else FlashModel.of(problem, nesting),
        )
