"""The search behind `joint`, `reds-bu` and `reds-td`: solve sums of terms, plan for real, tighten, refine, fill.

Sums of terms bound RAM and flash from below. Where the real arena or container of what was found misses its budget,
the bound is tightened by the difference, and the search goes on. What it loses is then no longer proven least, but
the bound of the first answer stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from redsc.passes.plan import Level
from redsc.passes.select.costs import Costs
from redsc.passes.select.cp_level import Slot
from redsc.passes.select.cp_sat import Solved, Task, solve
from redsc.passes.select.fill import fill
from redsc.passes.select.problem import Candidate, LevelRequest, Problem
from redsc.passes.select.terms import Widths, evaluate

__all__ = ["Found", "Neighbours", "Search"]

_MOST_OPTIONS = 16  # widths per space: pairs of them are the variables of the solver
_MOST_REFINED = 8
_MOST_ROUNDS = 20  # of tightening bounds
_BISECTIONS = 3  # between bounds that were tight enough and those that were not
_CLOSE = 0.002  # a gap that is not worth them
_EFFORT = 12.0  # of deterministic time, about two seconds each
_QUICK_EFFORT = 3.0  # of a single level, and of improvements


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The levels between which others are searched, the largest first; all found nest in the last one above.

    `inner` is a level that all found must contain; those below that are no more than placeholders need not be.
    """

    above: tuple[Candidate, ...] = ()
    below: tuple[Candidate, ...] = ()
    inner: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Levels that keep all bounds.

    Of levels with widths from a grid none lose less than `bound` in sum, and the best that were found lost
    `solved`; with other legal widths `levels` may lose still less. `grid` is the most widths per space on it, None
    where they are all legal ones.
    """

    levels: tuple[Candidate, ...]
    bound: float
    solved: float
    grid: int | None = None

    @property
    def is_optimal(self) -> bool:
        """Whether nothing on the grid loses less."""
        return self.solved == self.bound


class Search:
    """Chooses levels of one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.costs = Costs.of(problem)

    def choose(self, requests: Sequence[LevelRequest], near: Neighbours = Neighbours()) -> Found | None:
        """Return the levels that lose the least in sum, full; None where not even the narrowest keep the bounds."""
        budgets = self.problem.budgets
        slots = tuple(self._slot(request, near) for request in requests)
        task = Task(slots, near.above, near.below, budgets.ram_bytes, budgets.flash_bytes)
        task = replace(task, least_losses=self._alone(task))
        first = solve(self.costs, task, _EFFORT, self._top_down(task))
        settled = None if first is None else self._settle(task, first)
        is_coarse = any(len(self.problem.legal(name)) > _MOST_OPTIONS for name in self.problem.full)
        starts: list[tuple[Candidate, ...]] = []
        if settled is not None:
            task = settled[0]
            starts.append(self._refined(task, self._candidates(settled[1].levels)))
        if is_coarse or settled is None:
            starts += self._one_by_one(requests, near, task)
        if not starts:
            narrowest = self._candidates([_narrowest(slot) for slot in slots])
            starts += [narrowest] if self._fits(task, narrowest) else []
        if not starts:
            return None
        levels, scale = min(starts, key=self._lost), self.costs.losing.scale
        return Found(
            self.fill(levels, requests, near),
            bound=(first.bound if first else 0) / scale,
            solved=(settled[1].objective if settled else self._lost(levels)) / scale,
            grid=_MOST_OPTIONS if is_coarse else None,
        )

    def fill(
        self, levels: Sequence[Candidate], requests: Sequence[LevelRequest], near: Neighbours
    ) -> tuple[Candidate, ...]:
        """Return nested levels of which none could be wider; a level that stores what another does makes room."""
        found = list(levels)
        for index, request in enumerate(requests):
            above, below = (*near.above, *found[:index]), (*found[index + 1 :], *near.below)
            found[index] = self._filled(found[index], request, above, below)
        return tuple(found) if found == list(levels) else self.fill(found, requests, near)

    def _slot(self, request: LevelRequest, near: Neighbours) -> Slot:
        """Return what a level may be: at most what is above it, and at least the inner level."""
        most = near.above[-1].widths if near.above else self.problem.full
        least = near.inner.widths if near.inner else self.problem.narrowest
        names = (block.name for block in self.problem.blocks)
        legal = {s: [w for w in self.problem.legal(s) if least[s] <= w <= most[s]] for s in self.problem.full}
        return Slot(
            request.ceiling_macs,
            {space: _thinned(widths, _MOST_OPTIONS) for space, widths in legal.items()},
            frozenset(near.above[-1].skipped if near.above else ()),
            frozenset(near.inner.skipped if near.inner else names),
        )

    def _top_down(self, task: Task) -> list[Level]:
        """Return levels chosen one after the other, the largest first: where the search for all starts."""
        chosen: list[Level] = []
        above, more = list(task.above), len(task.slots) - 1
        for slot in task.slots if more else ():
            inside = _inside(slot, chosen[-1]) if chosen else slot
            below = (*[self.problem.least] * (more - len(chosen)), *task.below)
            solved = solve(
                self.costs, replace(task, slots=(inside,), above=tuple(above), below=below), _QUICK_EFFORT
            )
            if solved is None:
                break
            chosen += solved.levels
            above += self._candidates(solved.levels)
        return chosen

    def _alone(self, task: Task) -> tuple[int, ...]:
        """Return what each of several levels loses at least, chosen without the others: it halves the search."""
        alone = (solve(self.costs, replace(task, slots=(slot,)), _QUICK_EFFORT) for slot in task.slots)
        return tuple(solved.bound if solved else 0 for solved in alone) if len(task.slots) > 1 else ()

    def _settle(self, task: Task, first: Solved) -> tuple[Task, Solved] | None:
        """Return levels whose real arena and container keep the budgets, and the bounds that led to them."""
        solved: Solved | None = first
        missed: Task | None = None
        for _ in range(_MOST_ROUNDS):
            if solved is None or self._fits(task, self._candidates(solved.levels)):
                break
            missed, task = task, self._tightened(task, solved.levels)
            solved = solve(self.costs, task, _QUICK_EFFORT, solved.levels)
        else:
            return None
        if missed is None or (solved and solved.objective - first.bound <= _CLOSE * solved.objective):
            return (task, solved) if solved else None
        return self._loosened(task, solved, missed)

    def _loosened(self, task: Task, best: Solved | None, missed: Task) -> tuple[Task, Solved] | None:
        """Return what is found by bisection between bounds that are tight enough and bounds that are not."""
        for _ in range(_BISECTIONS):
            middle = replace(
                task,
                ram_bytes=_mean(task.ram_bytes, missed.ram_bytes),
                flash_bytes=_mean(task.flash_bytes, missed.flash_bytes),
            )
            solved = solve(self.costs, middle, _QUICK_EFFORT, best.levels if best else ())
            if solved is not None and not self._fits(middle, self._candidates(solved.levels)):
                missed = middle
            else:
                task = middle
                best = min((found for found in (solved, best) if found), key=lambda f: f.objective, default=None)
        return None if best is None else (task, best)

    def _tightened(self, task: Task, levels: Sequence[Level]) -> Task:
        """Return the task with bounds lowered by as much as these levels miss their budgets."""
        budgets, everything = self.problem.budgets, (*task.above, *self._candidates(levels), *task.below)
        if self.costs.ram is not None and budgets.ram_bytes is not None:
            excess = self.problem.ram(everything) - budgets.ram_bytes
            if excess > 0:
                task = replace(task, ram_bytes=self.costs.ram.bound(levels, (*task.above, *task.below)) - excess)
        if self.costs.flash is not None and budgets.flash_bytes is not None:
            excess = self.problem.flash(everything) - budgets.flash_bytes
            if excess > 0:
                known = self.costs.flash.bound(self.problem, task.above, levels, len(task.below))
                task = replace(task, flash_bytes=known - excess)
        return task

    def _refined(self, task: Task, levels: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Return levels that lose no more, from legal widths around those that were chosen from fewer."""
        while any(map(self._is_coarse, task.slots, levels)):
            task = replace(task, slots=tuple(map(self._closer, task.slots, levels)), least_losses=())
            solved = solve(self.costs, task, _QUICK_EFFORT, [_as_level(level) for level in levels])
            better = None if solved is None else self._candidates(solved.levels)
            if better is None or not self._fits(task, better):
                break
            levels = better
        return levels

    def _one_by_one(
        self, requests: Sequence[LevelRequest], near: Neighbours, task: Task
    ) -> Iterator[tuple[Candidate, ...]]:
        """Yield several levels chosen from the largest down, then refined together, if each has a place."""
        levels: list[Candidate] = []
        for index, request in enumerate(requests, 1) if len(requests) > 1 else ():
            rest = (self.problem.least,) * (len(requests) - index)
            found = self.choose([request], Neighbours((*near.above, *levels), (*rest, *near.below), near.inner))
            levels += found.levels if found else ()
        if levels and len(levels) == len(requests):
            yield self._refined(task, tuple(levels))

    def _lost(self, levels: Sequence[Candidate]) -> int:
        """Return what levels lose in sum, for the solver."""
        return sum(self.costs.lost(level.widths, level.skipped) for level in levels)

    def _is_coarse(self, slot: Slot, level: Candidate) -> bool:
        """Whether legal widths lie between those chosen and their neighbours."""
        return any(set(self._around(slot, level, space)) - set(slot.options[space]) for space in slot.options)

    def _closer(self, slot: Slot, level: Candidate) -> Slot:
        """Return a level with the same blocks, and widths between the neighbours of those chosen."""
        around = {space: self._around(slot, level, space) for space in slot.options}
        options = {s: _thinned(widths, _MOST_REFINED, level.widths[s]) for s, widths in around.items()}
        return Slot(slot.ceiling_macs, options, frozenset(level.skipped), frozenset(level.skipped))

    def _around(self, slot: Slot, level: Candidate, space: str) -> list[int]:
        options, width = slot.options[space], level.widths[space]
        low = max((other for other in options if other < width), default=width)
        high = min((other for other in options if other > width), default=width)
        return [legal for legal in self.problem.legal(space) if low <= legal <= high]

    def _filled(
        self, level: Candidate, request: LevelRequest, above: Sequence[Candidate], below: Sequence[Candidate]
    ) -> Candidate:
        """Return a level that could not be wider, the widening first that saves the most loss."""
        problem = self.problem

        def accept(widths: Widths) -> Candidate | None:
            if evaluate(self.costs.macs, widths, level.skipped) > request.ceiling_macs:
                return None
            wider = problem.candidate(widths, level.skipped)
            return wider if problem.fits([*above, wider, *below]) else None

        def urgency(name: str, width: int, now: int) -> float:
            return problem.losses.of_width(name, width) - problem.losses.of_width(name, now)

        return fill(problem, level, above[-1].widths if above else problem.full, accept, urgency)

    def _candidates(self, levels: Sequence[Level]) -> tuple[Candidate, ...]:
        return tuple(self.problem.candidate(level.widths, level.skipped) for level in levels)

    def _fits(self, task: Task, levels: Sequence[Candidate]) -> bool:
        ceilings = (slot.ceiling_macs for slot in task.slots)
        is_light = all(level.macs <= ceiling for level, ceiling in zip(levels, ceilings, strict=True))
        return is_light and self.problem.fits([*task.above, *levels, *task.below])


def _as_level(candidate: Candidate) -> Level:
    return Level("", candidate.widths, candidate.skipped)


def _narrowest(slot: Slot) -> Level:
    return Level("", {space: widths[0] for space, widths in slot.options.items()}, tuple(sorted(slot.may_skip)))


def _inside(slot: Slot, outer: Level) -> Slot:
    """Return a level that nests in another."""
    options = {s: tuple(w for w in widths if w <= outer.widths[s]) for s, widths in slot.options.items()}
    return replace(slot, options=options, must_skip=slot.must_skip | set(outer.skipped))


def _thinned(widths: Sequence[int], most: int, keep: int | None = None) -> tuple[int, ...]:
    """Return about so many of the widths, evenly spaced, with the first, the last and the one to keep."""
    if len(widths) <= most:
        return tuple(widths)
    step = -(-(len(widths) - 1) // (most - 1))
    return tuple(sorted({widths[0], *widths[::-step], *(width for width in widths if width == keep)}))


def _mean(low: int | None, high: int | None) -> int | None:
    return None if low is None or high is None else (low + high) // 2
