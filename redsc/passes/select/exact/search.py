"""The search behind `joint`, `reds-bu` and `reds-td`: solve on a grid, settle in reality, refine, fill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from redsc.passes.select.exact.cp_level import LevelDomain
from redsc.passes.select.exact.cp_sat import QUICK_EFFORT, Query, solve
from redsc.passes.select.exact.narrow import solve_narrowing
from redsc.passes.select.exact.refine import MOST_OPTIONS, is_coarse, refine, thinned
from redsc.passes.select.exact.settle import as_networks, is_kept, settle
from redsc.passes.select.fill import fill
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Widths
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.terms import evaluate
from redsc.passes.slice.plan import Level

__all__ = ["Found", "Neighbours", "Search"]


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
        """Return full levels that lose the least in sum; None where not even the narrowest keep the bounds.

        1. Levels chosen one after the other are the hint: from the largest down, or from the smallest up where that
           leaves no room for the last.
        2. All are solved together on the grid; what that gives is settled in real networks, then refined.
        3. Where this proves nothing, levels chosen one by one are refined too; without a proof for all legal
           widths those from the smallest up are tried as well.
        4. The best of them is filled up. Where there is none, the narrowest levels are.
        """
        query, scale = self._query(requests, near), self.costs.losing.scale
        hint, smallest = self._top_down(query), list[tuple[Candidate, ...]]()
        if not self._is_kept(query, hint):  # the larger ones leave too little room
            smallest += self._from_smallest(requests, near)
            hint = _on_grid(query, smallest[0]) if smallest else hint
        first = solve_narrowing(self.costs, query, hint, is_known=self._is_kept(query, hint))
        settled = settle(self.costs, query, first) if first else None
        is_proven = settled is not None and settled.solved.is_optimal
        starts = list(smallest)
        if settled is not None:
            found = as_networks(self.problem, settled.solved.levels)
            starts.append(refine(self.costs, settled.query, found))
        if not is_proven:
            starts += self._one_by_one(requests, near, query)
        if not smallest and (not is_proven or is_coarse(self.problem)):
            starts += self._from_smallest(requests, near)
        if not starts:
            starts += self._narrowest(query)
        if not starts:
            return None
        levels = min(starts, key=self.costs.lost)
        return Found(
            self.fill(levels, requests, near),
            bound=(first.bound if first else 0) / scale,
            solved=(settled.solved.objective if settled else self.costs.lost(levels)) / scale,
            grid=MOST_OPTIONS if is_coarse(self.problem) else None,
        )

    def fill(
        self, levels: Sequence[Candidate], requests: Sequence[LevelRequest], near: Neighbours
    ) -> tuple[Candidate, ...]:
        """Return nested levels of which none could be wider; one that shares more with another makes room."""
        before, found = list[Candidate](), list(levels)
        while found != before:
            before = list(found)
            for index, request in enumerate(requests):
                above, below = (*near.above, *found[:index]), (*found[index + 1 :], *near.below)
                found[index] = self._filled(found[index], request, above, below)
        return tuple(found)

    def _query(self, requests: Sequence[LevelRequest], near: Neighbours) -> Query:
        """Return what these levels may be between their neighbours."""
        budgets = self.problem.budgets
        domains = tuple(self._domain(request, near) for request in requests)
        return Query(domains, near.above, near.below, budgets.ram_bytes, budgets.flash_bytes)

    def _domain(self, request: LevelRequest, near: Neighbours) -> LevelDomain:
        """Return what a level may be: at most what is above it, and at least the inner level."""
        most = near.above[-1].widths if near.above else self.problem.full
        least = near.inner.widths if near.inner else self.problem.narrowest
        names = (block.name for block in self.problem.blocks)
        legal = {s: [w for w in self.problem.legal(s) if least[s] <= w <= most[s]] for s in self.problem.full}
        return LevelDomain(
            self.problem.ceiling_macs(request),
            {space: thinned(widths) for space, widths in legal.items()},
            frozenset(near.above[-1].skipped if near.above else ()),
            frozenset(near.inner.skipped if near.inner else names),
            request.view,
        )

    def _top_down(self, query: Query) -> list[Level]:
        """Return several levels chosen one after the other, the largest first: where the search for all starts."""
        chosen: list[Level] = []
        above, more = list(query.above), len(query.domains) - 1
        for domain in query.domains if more else ():
            inside = _inside(domain, chosen[-1]) if chosen else domain
            below = (*[self.problem.least] * (more - len(chosen)), *query.below)
            part = replace(query, domains=(inside,), above=tuple(above), below=below, least_losses=())
            solved = solve(self.costs, part, QUICK_EFFORT)
            if solved is None:
                break
            chosen += solved.levels
            above += as_networks(self.problem, solved.levels)
        return chosen

    def _is_kept(self, query: Query, levels: Sequence[Level]) -> bool:
        """Whether there are as many levels as are asked for, and they keep their bounds."""
        is_whole = len(levels) == len(query.domains)
        return is_whole and is_kept(self.problem, query, as_networks(self.problem, levels))

    def _one_by_one(
        self, requests: Sequence[LevelRequest], near: Neighbours, query: Query
    ) -> Iterator[tuple[Candidate, ...]]:
        """Yield several levels chosen from the largest down, then refined together, if each has a place."""
        levels: list[Candidate] = []
        for index, request in enumerate(requests, 1) if len(requests) > 1 else ():
            rest = (self.problem.least,) * (len(requests) - index)
            found = self.choose([request], Neighbours((*near.above, *levels), (*rest, *near.below), near.inner))
            levels += found.levels if found else ()
        if levels and len(levels) == len(requests):
            yield refine(self.costs, query, tuple(levels))

    def _from_smallest(self, requests: Sequence[LevelRequest], near: Neighbours) -> Iterator[tuple[Candidate, ...]]:
        """Yield several levels chosen from the smallest up, if each has a place."""
        levels: tuple[Candidate, ...] = ()
        for request in reversed(requests) if len(requests) > 1 else ():
            inner = levels[0] if levels else near.inner
            found = self.choose([request], Neighbours(near.above, (*levels, *near.below), inner))
            if found is None:
                return
            levels = (*found.levels, *levels)
        if levels:
            yield levels

    def _narrowest(self, query: Query) -> Iterator[tuple[Candidate, ...]]:
        """Yield the least that levels may be, if they keep the bounds."""
        least = []
        for domain in query.domains:
            skipped = (block.name for block in self.problem.blocks if block.name in domain.may_skip)
            widths = {space: legal[0] for space, legal in domain.options.items()}
            least.append(domain.level(widths, tuple(skipped)))
        levels = as_networks(self.problem, least)
        if is_kept(self.problem, query, levels):
            yield levels

    def _filled(
        self, level: Candidate, request: LevelRequest, above: Sequence[Candidate], below: Sequence[Candidate]
    ) -> Candidate:
        """Return a level that could not be wider, the widening first that saves the most loss."""
        problem, macs = self.problem, self.costs.at(level.view).macs

        def accept(widths: Widths) -> Candidate | None:
            if evaluate(macs, widths, level.skipped) > request.ceiling_macs:
                return None
            wider = problem.candidate(widths, level.skipped, level.view)
            return wider if problem.fits([*above, wider, *below]) else None

        def urgency(name: str, width: int, now: int) -> float:
            return problem.losses.of_width(name, width) - problem.losses.of_width(name, now)

        return fill(problem, level, above[-1].widths if above else problem.full, accept, urgency)


def _inside(domain: LevelDomain, outer: Level) -> LevelDomain:
    """Return a level that nests in another."""
    options = {s: tuple(w for w in widths if w <= outer.widths[s]) for s, widths in domain.options.items()}
    return replace(domain, options=options, must_skip=domain.must_skip | set(outer.skipped))


def _on_grid(query: Query, levels: Sequence[Candidate]) -> list[Level]:
    """Return the largest levels inside these that have widths of a query."""
    pairs = zip(query.domains, levels, strict=True)
    return [domain.level(_largest(domain.options, level.widths), level.skipped) for domain, level in pairs]


def _largest(options: Mapping[str, Sequence[int]], widths: Widths) -> Widths:
    return {space: max(w for w in known if w <= widths[space]) for space, known in options.items()}
