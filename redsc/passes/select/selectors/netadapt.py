"""NetAdapt (Yang et al., ECCV 2018): walk from the whole network downwards, each step where it loses the least.

The paper trains a proposal per layer for some iterations to see what it loses; here the losses of cuts are known
before. The step with the least loss per saving is that of MobileNetV3's search (Howard et al., ICCV 2019, 4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from redsc.passes.select.downward import select_downward
from redsc.passes.select.exact.search import Found, Neighbours, Search
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection
from redsc.passes.select.trial import Trial
from redsc.passes.slice.plan import Level

__all__ = ["select_netadapt"]


def select_netadapt(problem: Problem) -> Selection:
    """Return levels met one after the other on a greedy walk from the whole network downwards.

    1. What a network has too much is the sum, over all bounds that it misses, of the share by which it does: of a
       level's MACs, of the MACs, latency (by the table), RAM and flash of the budgets.
    2. A step takes at least the share `step` of what the level began with too much. Every space proposes the widest
       width that does, else its narrowest; every block proposes to be skipped.
    3. The proposal with the least loss per saving is taken, until all bounds are kept. The level is then filled up,
       and the walk goes on from there: levels are nested.
    4. Where no step saves anything, the least network stands for the level if it keeps the bounds.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    return select_downward(problem, _choose)


def _choose(search: Search, request: LevelRequest, near: Neighbours) -> Found | None:
    trial = Trial(search.costs, request, near)
    found = _walk(trial, search.problem.searching.step) or trial.least
    if found is None:
        return None
    (level,) = search.fill([found], [request], near)
    return Found((level,), bound=0.0, solved=search.problem.loss(level))


def _walk(trial: Trial, step: float) -> Candidate | None:
    """Return the first network on the way down that keeps all bounds; None where no step saves anything."""
    level = trial.most
    while (found := trial.cut(level)) is None:
        least_saving = step * max(trial.excess(trial.most), trial.excess(level))
        better = _best(trial, level, least_saving)
        if better is None:
            return None
        level = better
    return found


def _best(trial: Trial, level: Level, least_saving: float) -> Level | None:
    """Return the proposal with the least loss per saving, the larger saving where they are equal."""
    lost, excess = trial.loss(level), trial.excess(level)
    ranked = []
    for place, proposal in enumerate(_proposals(trial, level, excess - least_saving)):
        saved = excess - trial.excess(proposal)
        if saved > 0:
            ranked.append(((trial.loss(proposal) - lost) / saved, -saved, place, proposal))
    return min(ranked)[-1] if ranked else None


def _proposals(trial: Trial, level: Level, excess: float) -> Iterator[Level]:
    """Yield a network per space that has one narrower, and per block that is there."""
    for space, width in level.widths.items():
        narrower = [option for option in trial.options[space] if option < width]
        if narrower:
            yield _narrowed(trial, level, space, narrower, excess)
    for block in trial.costs.problem.blocks:
        if block.name not in level.skipped:
            yield trial.level(level.widths, (*level.skipped, block.name))


def _narrowed(trial: Trial, level: Level, space: str, narrower: list[int], excess: float) -> Level:
    """Return the level with the widest of these widths that leaves no more excess, else with the narrowest."""
    for width in reversed(narrower):
        found = replace(level, widths={**level.widths, space: width})
        if trial.excess(found) <= excess:
            break
    return found
