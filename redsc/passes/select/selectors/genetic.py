"""A genetic search as GenCPruneX does it: a population of networks that breed, under hard limits.

GenCPruneX (github.com/BidyutSaha/GenCPruneX) has a ratio per layer as genes and trains each network to see what it
is worth; here genes are legal widths and skipped blocks, and the losses of cuts are known before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from redsc.passes.select.downward import select_downward
from redsc.passes.select.exact.search import Found, Neighbours, Search
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection
from redsc.passes.select.trial import Trial
from redsc.passes.slice.plan import Level

__all__ = ["select_genetic"]

_SPREAD = 0.15  # of the widths of a first network about its share
_SKIPPING = 0.15  # the chance that a first network skips a block
_LEAP = 0.3  # of the changes go to any width, the others to the next one

Genes = tuple[int, ...]  # per space the number of its width, then per block whether it is skipped
Score = tuple[float, int]  # by how much bounds are missed, then the loss: the less the better


def select_genetic(problem: Problem) -> Selection:
    """Return levels that a population of networks led to, from the largest down, each nested in the one before.

    1. The first networks have shares of the channels from least to most, with chance around them.
    2. A generation doubles them: parents are the better of two, a child has each gene of either, and in the mean
       one of them changes. The better half stays.
    3. One that misses a bound is worse than any that keeps all, and the less it misses them the better (Deb, "An
       efficient constraint handling method for genetic algorithms", 2000). What is to be the best is really cut.
    4. The best is filled up. The same seed gives the same levels.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    return select_downward(problem, _choose)


def _choose(search: Search, request: LevelRequest, near: Neighbours) -> Found | None:
    asked, trial = search.problem.searching, Trial(search.costs, request, near)
    population = _Population(trial, Random(f"{asked.seed} {request.name}"), trial.least)
    shares = (place / (asked.population - 1) for place in range(asked.population))
    scores = {genes: population.score(genes) for genes in map(population.first, shares)}
    for generation in range(asked.generations):
        search.problem.progress(f"breeding level {request.name}", generation, asked.generations)
        parents = list(scores)
        for child in [population.child(parents, scores) for _ in range(asked.population)]:
            if child not in scores:
                scores[child] = population.score(child)
        best = sorted(scores, key=scores.__getitem__)[: asked.population]
        scores = {genes: scores[genes] for genes in best}
    if population.best is None:
        return None
    (level,) = search.fill([population.best], [request], near)
    return Found((level,), bound=0.0, solved=search.problem.loss(level))


@dataclass
class _Population:
    """What networks are made of and how good they are; `best` is the best that was really cut."""

    trial: Trial
    chance: Random
    best: Candidate | None
    spaces: list[list[int]] = field(init=False)
    least_loss: float = field(init=False)

    def __post_init__(self) -> None:
        self.spaces = list(self.trial.options.values())
        self.least_loss = self.trial.costs.lost([self.best]) if self.best else float("inf")

    def first(self, share: float) -> Genes:
        """Return a network with about this share of all widths."""
        shares = (min(max(share + self.chance.gauss(0, _SPREAD), 0), 1) for _ in self.spaces)
        widths = (round(some * (len(options) - 1)) for some, options in zip(shares, self.spaces, strict=True))
        skips = (int(self.chance.random() < _SKIPPING) for _ in self.trial.costs.problem.blocks)
        return (*widths, *skips)

    def child(self, parents: list[Genes], scores: dict[Genes, Score]) -> Genes:
        """Return a network with genes of two, some changed."""
        mother, father = (min(self.chance.choices(parents, k=2), key=scores.__getitem__) for _ in range(2))
        return tuple(
            self._changed(place, self.chance.choice(pair))
            for place, pair in enumerate(zip(mother, father, strict=True))
        )

    def _changed(self, place: int, gene: int) -> int:
        """Return a gene, or by chance another."""
        if self.chance.random() * (len(self.spaces) + len(self.trial.costs.problem.blocks)) >= 1:
            return gene
        if place >= len(self.spaces):
            return 1 - gene
        last = len(self.spaces[place]) - 1
        if self.chance.random() < _LEAP:
            return self.chance.randint(0, last)
        return min(max(gene + self.chance.choice((-1, 1)), 0), last)

    def score(self, genes: Genes) -> Score:
        """Return how good a network is."""
        level = self._level(genes)
        loss, excess = self.trial.loss(level), self.trial.excess(level)
        if excess == 0 and loss < self.least_loss:
            found = self.trial.cut(level)
            if found is None:
                excess = self.trial.excess(level)
            else:
                self.best, self.least_loss = found, loss
        return excess, loss

    def _level(self, genes: Genes) -> Level:
        widths = {
            name: options[gene] for (name, options), gene in zip(self.trial.options.items(), genes, strict=False)
        }
        blocks = self.trial.costs.problem.blocks
        skipped = (block.name for block, gene in zip(blocks, genes[len(widths) :], strict=True) if gene)
        return self.trial.level(widths, (*self.trial.most.skipped, *skipped))
